/** Elements from values. Text is always text: nothing here reads markup. */

/** `create("a", {href: "/", class: "button"}, "Play")`; a property that is null, undefined or false is left out. */
export function create(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** The one element with this id; a page without it is a bug. */
export function byId(id) {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`the page has no #${id}`);
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** A small drawing beside words; it means nothing by itself. */
export function icon(name) {
  const paths = {
    play: "M7 4.6v14.8a1 1 0 0 0 1.5.9l12-7.4a1 1 0 0 0 0-1.8l-12-7.4a1 1 0 0 0-1.5.9z",
    close: "M6.5 6.5l11 11m0-11l-11 11",
    down: "M12 4v11m-5-4.500 5 5 5-5M5 20h14",
    up: "M12 16V5M7 9.500l5-5 5 5M5 20h14",
    heart: "M12 20s-7.500-4.600-7.500-10.200A4.300 4.300 0 0 1 12 7.200a4.300 4.300 0 0 1 7.500 2.600C19.500 15.400 12 20 12 20z",
    trash: "M4.500 7h15M9.500 7V4.500h5V7M6.500 7l1 12.500h9l1-12.500M10 11v5M14 11v5",
    alert: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5v5.5M12 16.5v.01",
  };
  const attributes = { viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true", class: `icon icon-${name}` };
  return drawing("svg", attributes, drawing("path", { d: paths[name] }));
}

/** As `create`, for what is drawn: `drawing("svg", {viewBox: "0 0 4 4"}, drawing("path", {d: "M0 0h4"}))`. */
export function drawing(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  element.append(...children);
  return element;
}

/** A box with words about something that went wrong, read out at once. */
export function failureNotice(text, ...actions) {
  return create("div", { class: "notice notice-danger", role: "alert" }, icon("alert"), create("p", {}, text), ...actions);
}
