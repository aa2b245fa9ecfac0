/** The page that frames this one. It is told nothing but `ready` until its origin is known to be one that the tenant lists. */

const VERSION = 1;
const MOST_HELD = 100; // of the oldest, the rest is dropped

/** `commands` are what the framing page may ask for, by name. */
export class Parent {
  #origin = null;
  #held = [];
  #listed;

  constructor(origins, commands = {}) {
    this.#listed = new Set(origins);
    if (window.parent === window) return;
    window.addEventListener("message", ({ source, origin, data }) => {
      if (source !== window.parent || data?.arena !== VERSION || !this.#isListed(origin)) return;
      this.#meet(origin);
      if (Object.hasOwn(commands, data.command)) commands[data.command](data.data);
    });
    window.parent.postMessage({ arena: VERSION, event: "ready", data: {} }, "*"); // which says no more than that we are here
  }

  tell(event, data) {
    const message = { arena: VERSION, event, data };
    if (window.parent === window) return;
    if (this.#origin === null) this.#held.length < MOST_HELD && this.#held.push(message);
    else window.parent.postMessage(message, this.#origin);
  }

  #isListed(origin) {
    return origin !== "null" && (this.#listed.has("*") || this.#listed.has(origin));
  }

  #meet(origin) {
    if (this.#origin === origin) return;
    this.#origin = origin;
    for (const message of this.#held.splice(0)) window.parent.postMessage(message, origin);
  }
}
