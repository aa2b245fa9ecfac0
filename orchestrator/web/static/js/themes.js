/** The theme's editor: what is typed or picked is seen at once, and what can hardly be read is said. */
import { styleOf } from "./arena/theme.js";
import { create } from "./dom.js";
import { answersInPlace } from "./forms.js";

const COLOUR = /^#([0-9a-f]{3}|[0-9a-f]{6})$/i;
const READABLE = 4.5; // of text (WCAG 2.2, 1.4.3)
const TELLING = 1.6; // of what only has to be told apart

const PAIRS = [
  ["textColor", "backgroundColor", READABLE, "Text on the page is hard to read"],
  ["textColor", "surfaceColor", READABLE, "Text on panels is hard to read"],
  ["firstPieceColor", "secondPieceColor", READABLE, "The two sides look alike"],
  ["boardLightColor", "boardDarkColor", TELLING, "Light and dark squares look alike"],
  ["primaryColor", "surfaceColor", 3, "The accent hardly shows on panels"],
];

/** `#rgb` or `#rrggbb` as `#rrggbb`; null for anything else. Pure. */
export function colourOf(text) {
  if (!COLOUR.test(text)) return null;
  const digits = text.slice(1).toLowerCase();
  return `#${digits.length === 6 ? digits : [...digits].map((digit) => digit + digit).join("")}`;
}

/** How much two colours differ, from 1 to 21 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio). Pure. */
export function contrast(one, other) {
  const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

/** What is written on this colour: whichever of black and white is read better. Pure. */
export const inkOn = (colour) => (contrast(colour, "#ffffff") >= contrast(colour, "#000000") ? "#ffffff" : "#000000");

function luminance(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function editTheme(form, { preview, hints, note, save, wordsFor }) {
  const rows = [...form.querySelectorAll(".theme-token")].map((row) => ({
    ...row.dataset,
    picker: row.querySelector(".theme-picker"),
    code: row.querySelector(".theme-code"),
    reset: row.querySelector(".theme-reset"),
  }));

  const scheme = form.elements.colorScheme;
  const typed = () => Object.fromEntries([["colorScheme", scheme.value], ...rows.map(({ token, code }) => [token, code.value.trim()])]);

  const show = () => {
    const colours = {};
    const seen = styleOf(typed()).scheme ?? "light";
    preview.style.colorScheme = seen;
    for (const { token, css, default: light, darkDefault: dark, picker, code, reset } of rows) {
      const usual = seen === "dark" ? dark : light;
      const colour = colourOf(code.value.trim());
      code.placeholder = usual;
      reset.disabled = code.value === "";
      if (colour === null && code.value !== "") {
        colours[token] = picker.value; // half typed: what was seen last stays
        continue;
      }
      colours[token] = colour ?? usual;
      picker.value = colours[token];
      if (colour === null) preview.style.removeProperty(css); // each game has colours of its own then
      else preview.style.setProperty(css, colour);
    }
    preview.style.setProperty("--arena-on-primary", inkOn(colours.primaryColor));
    const found = PAIRS.filter(([one, other, least]) => contrast(colours[one], colours[other]) < least);
    const words = found.map(([one, other, , said]) => `${said}: ${contrast(colours[one], colours[other]).toFixed(1)} to 1.`);
    if (scheme.value !== "" && scheme.value !== seen) words.push(`Your background makes the page ${seen}, whatever the scheme is.`);
    if (words.join() !== [...hints.children].map(({ textContent }) => textContent).join()) hints.replaceChildren(...words.map((each) => create("li", {}, each)));
  };

  for (const { picker, code, reset } of rows) {
    picker.addEventListener("input", () => {
      code.value = picker.value;
      show();
    });
    code.addEventListener("input", show);
    reset.addEventListener("click", () => {
      code.value = "";
      show();
      code.focus();
    });
  }
  scheme.addEventListener("change", show);
  answersInPlace(form, {
    note,
    busyWords: "Saving…",
    focusAfter: rows[0].code,
    wordsFor,
    send: async () => {
      const { theme } = await save(typed());
      for (const { token, code } of rows) code.value = theme[token] ?? "";
      scheme.value = theme.colorScheme ?? "";
      show();
      return "Saved. Sessions from now on look like this.";
    },
  });
  show();
}
