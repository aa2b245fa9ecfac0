/** A picture of the game alone, as a PNG for the player: neither toolbar nor cursor, in the size in which it was sent. */

/** The file's name. Pure: `moment` is a Date, read in its own time zone. */
export function screenshotName(title, moment) {
  const two = (value) => String(value).padStart(2, "0");
  const day = `${moment.getFullYear()}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}`;
  const time = [moment.getHours(), moment.getMinutes(), moment.getSeconds()].map(two).join(".");
  const name = title.replace(/[\p{Cc}/\\:*?"<>|]+/gu, " ").trim().replace(/\s+/g, " ");
  return `${name || "Game"} ${day} ${time}.png`;
}

/** Saves what `video` shows; answers false while it shows nothing. */
export async function saveScreenshot(video, title) {
  if (!video.videoWidth) return false;
  const canvas = document.createElement("canvas");
  canvas.width = video.videoWidth;
  canvas.height = video.videoHeight;
  canvas.getContext("2d", { alpha: false }).drawImage(video, 0, 0);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  const address = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = address;
  link.download = screenshotName(title, new Date());
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 10_000); // the browser reads it after the click has returned
  return true;
}
