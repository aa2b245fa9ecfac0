/** A tenant's colours on the page. What is not a plain colour is left out, and so is text that could not be read. */

const PROPERTIES = {
  primaryColor: "--arena-primary",
  backgroundColor: "--arena-background",
  surfaceColor: "--arena-surface",
  textColor: "--arena-text",
  boardLightColor: "--arena-board-light",
  boardDarkColor: "--arena-board-dark",
  firstPieceColor: "--arena-first",
  secondPieceColor: "--arena-second",
  highlightColor: "--arena-highlight",
};
const COLOUR = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i;
const READABLE = 4.5;
const INK = "#1b1630";
const PAPER = "#ffffff";

/** The properties that these tokens set, by name, and the scheme that they ask for: `light`, `dark` or null. */
export function styleOf(tokens) {
  const colours = Object.fromEntries(
    Object.keys(PROPERTIES)
      .filter((name) => typeof tokens?.[name] === "string" && COLOUR.test(tokens[name]))
      .map((name) => [name, tokens[name]]),
  );
  const ground = colours.surfaceColor ?? colours.backgroundColor;
  const grounds = [colours.surfaceColor, colours.backgroundColor].filter(Boolean);
  const isReadable = colours.textColor !== undefined && grounds.every((each) => contrast(each, colours.textColor) >= READABLE);
  if (ground !== undefined && !isReadable) colours.textColor = better(ground);
  if (ground !== undefined) {
    colours.surfaceColor ??= colours.backgroundColor;
    colours.backgroundColor ??= colours.surfaceColor;
  } else {
    delete colours.textColor; // which of both schemes it is for is not said
  }
  const style = Object.fromEntries(Object.entries(colours).map(([name, colour]) => [PROPERTIES[name], colour]));
  if (colours.primaryColor !== undefined) style["--arena-on-primary"] = better(colours.primaryColor);
  const asked = ["light", "dark"].includes(tokens?.colorScheme) ? tokens.colorScheme : null;
  return { style, scheme: ground === undefined ? asked : better(ground) === PAPER ? "dark" : "light" };
}

/** Puts them on the page, in place of those that were there. */
export function wear(tokens, root = document.documentElement) {
  const { style, scheme } = styleOf(tokens);
  for (const name of [...Object.values(PROPERTIES), "--arena-on-primary"]) root.style.removeProperty(name);
  for (const [name, value] of Object.entries(style)) root.style.setProperty(name, value);
  root.style.colorScheme = scheme ?? "";
}

/** WCAG's contrast of two colours, 1 to 21. */
export function contrast(one, other) {
  const [lighter, darker] = [luminance(one), luminance(other)].toSorted((a, b) => b - a);
  return (lighter + 0.05) / (darker + 0.05);
}

const better = (ground) => (contrast(ground, PAPER) >= contrast(ground, INK) ? PAPER : INK);

function luminance(colour) {
  const digits = colour.length === 4 ? [...colour.slice(1)].map((digit) => digit + digit) : colour.slice(1).match(/../g);
  const [red, green, blue] = digits.map((pair) => {
    const part = Number.parseInt(pair, 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}
