/** Which keys belong to the game, to the browser and to the page. Pure: values of a KeyboardEvent in, a decision out. */

const BROWSER_KEYS = new Set(["F11", "F12", "BrowserBack", "BrowserForward", "BrowserHome", "BrowserRefresh", "PrintScreen", "Power"]);
const BROWSER_WITH_CONTROL = new Set(["KeyR", "KeyT", "KeyW", "KeyN", "KeyL", "Tab", "PageUp", "PageDown", "Equal", "Minus", "Digit0"]);

const MODIFIERS = { shiftKey: "Shift", ctrlKey: "Control", altKey: "Alt", metaKey: "Meta" };

/** Control + Alt + Enter: the way out of the stage for people who play by keyboard. */
export function isToolbarKey(event) {
  return event.code === "Enter" && isOurs(event);
}

/** Control + Alt + M captures the mouse and gives it back. */
export function isCaptureKey(event) {
  return event.code === "KeyM" && isOurs(event);
}

/** AltGr is Control + Alt on some systems: what it types is not for us. */
const isOurs = (event) => event.ctrlKey && event.altKey && !event.metaKey && !event.getModifierState?.("AltGraph");

/** Control + V: the browser tells the text that is to be pasted, and the key follows it to the game. */
export function isPasteKey(event) {
  return event.code === "KeyV" && event.ctrlKey && !event.altKey && !event.metaKey && !event.shiftKey;
}

/**
 * Modifiers that are held no more according to this event: the system kept their release for itself (a shortcut of its own, the other
 * Shift, the Control that Windows invents for AltGr).
 */
export function staleModifiers(held, event) {
  const names = Object.keys(MODIFIERS).filter((flag) => event[flag] === false).map((flag) => MODIFIERS[flag]);
  const stale = [...held].filter((code) => names.some((name) => code === `${name}Left` || code === `${name}Right`) && code !== event.code);
  return event.key === "AltGraph" && held.has("ControlLeft") ? [...new Set([...stale, "ControlLeft"])] : stale;
}

/** `{caps, num}`: what the lock keys of this keyboard are set to; a keyboard without Num Lock types digits on its keypad. */
export function lockStates(event, isMac = /^Mac|^iP/.test(navigator.platform)) {
  const is = (name) => Boolean(event.getModifierState?.(name));
  return { caps: is("CapsLock"), num: isMac || is("NumLock") };
}

/** What a field types by itself: letters by the player's own layout, dead keys and input methods. */
export function isTyped(event) {
  if (event.isComposing || ["Process", "Dead", "Unidentified"].includes(event.key)) return true;
  const isShortcut = (event.ctrlKey || event.metaKey || event.altKey) && !event.getModifierState?.("AltGraph");
  return [...event.key].length === 1 && !isShortcut;
}

/**
 * `"toolbar"` to leave the stage, `"capture"` for the mouse, `"paste"`, `"browser"` for what the browser keeps (reload, tabs, zoom, everything with the Command or Windows
 * key), `"text"` for a key without a physical place (on-screen keyboards), `"ignore"`, or `"game"`. While the keyboard is locked
 * (fullscreen) only the page's own keys are kept from the game.
 */
export function routeKey(event, isLocked = false) {
  if (isToolbarKey(event)) return "toolbar";
  if (isCaptureKey(event)) return "capture";
  if (isPasteKey(event)) return "paste";
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
