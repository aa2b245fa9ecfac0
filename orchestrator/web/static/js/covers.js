/** The cover of a game: its picture, or a curtain with its first letter when it has none or the picture cannot be had. */
import { create } from "./dom.js";

/** One of six cloths, the same for the same game on every page. Pure. */
export function clothOf(slug) {
  let sum = 0;
  for (const character of slug) sum = (sum * 31 + character.codePointAt(0)) % 9973;
  return sum % 6;
}

/** The letter on a drawn cover: the first of the title that is not an article's. Pure. */
export function letterOf(title) {
  const words = title.trim().split(/\s+/);
  const word = words.length > 1 && /^(the|a|an)$/i.test(words[0]) ? words[1] : words[0];
  return ([...(word ?? "")][0] ?? "?").toUpperCase();
}

function drawnCover(slug, title) {
  const letter = create("span", { class: "cover-letter" }, letterOf(title));
  return create("div", { class: "cover cover-drawn", "data-cloth": clothOf(slug), "aria-hidden": "true" }, letter);
}

/** Decorative: the title always stands beside it. */
export function coverFor({ slug, title, thumbnail }) {
  if (!thumbnail) return drawnCover(slug, title);
  const drawn = { src: thumbnail, alt: "", width: 460, height: 259, decoding: "async" };
  const image = create("img", drawn);
  const cover = create("div", { class: "cover" }, create("img", { ...drawn, class: "cover-fill" }), image);
  image.addEventListener("error", () => cover.replaceWith(drawnCover(slug, title)), { once: true });
  return cover;
}
