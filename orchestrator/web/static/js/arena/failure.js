/** A page that could not be shown says so to whoever frames it. It knows nothing private. */
if (window.parent !== window) {
  const message = document.getElementById("why").textContent;
  window.parent.postMessage({ arena: 1, event: "error", data: { code: "cannot_be_shown", message } }, "*");
}
