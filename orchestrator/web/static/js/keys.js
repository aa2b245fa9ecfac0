/** Which keys belong to the game, to the browser and to the page. Pure: values of a KeyboardEvent in, a decision out. */

const BROWSER_KEYS = new Set(["F11", "F12", "BrowserBack", "BrowserForward", "BrowserHome", "BrowserRefresh", "PrintScreen", "Power"]);
const BROWSER_WITH_CONTROL = new Set(["KeyR", "KeyT", "KeyW", "KeyN", "KeyL", "Tab", "PageUp", "PageDown", "Equal", "Minus", "Digit0"]);

/** Control + Alt + Enter: the way out of the stage for people who play by keyboard. */
export function isToolbarKey(event) {
  return event.code === "Enter" && event.ctrlKey && event.altKey && !event.metaKey;
}

/**
 * `"toolbar"` to leave the stage, `"browser"` for what the browser keeps (reload, tabs, zoom, everything with the Command or Windows
 * key), `"text"` for a key without a physical place (on-screen keyboards), `"ignore"`, or `"game"`. While the keyboard is locked
 * (fullscreen) only the page's own key is kept from the game.
 */
export function routeKey(event, isLocked = false) {
  if (isToolbarKey(event)) return "toolbar";
  if (event.isComposing || event.key === "Process" || event.key === "Dead") return "ignore";
  if (!isLocked) {
    if (BROWSER_KEYS.has(event.code)) return "browser";
    if (event.metaKey || event.code === "MetaLeft" || event.code === "MetaRight") return "browser";
    if (event.ctrlKey && !event.altKey && BROWSER_WITH_CONTROL.has(event.code)) return "browser";
    if (event.ctrlKey && event.shiftKey && ["KeyI", "KeyJ", "KeyC"].includes(event.code)) return "browser";
    if (event.altKey && !event.ctrlKey && ["ArrowLeft", "ArrowRight", "F4"].includes(event.code)) return "browser";
  }
  if (!event.code || event.code === "Unidentified") return [...(event.key ?? "")].length === 1 ? "text" : "ignore";
  return "game";
}
