/** The picture of a save; an empty stage where there is none or it cannot be had. */
import { create } from "./dom.js";

/** `address` may be null. The picture says nothing that the words beside it do not. */
export function savePicture(address) {
  const frame = create("div", { class: "save-picture", "aria-hidden": "true" });
  if (!address) return frame;
  const image = create("img", { src: address, alt: "", width: 384, height: 216, decoding: "async", loading: "lazy" });
  image.addEventListener("error", () => image.remove(), { once: true });
  frame.append(image);
  return frame;
}
