/**
 * Who is there: the player's panel with the invitation link, those who watch, and the controls that go from hand to hand.
 *
 * The seat says who watches and who holds the controls; the links are the server's.
 */
import { makeInvite, revokeInvites } from "./api.js";
import { create } from "./dom.js";
import { describeFailure } from "./messages.js";

export const NOBODY = { player: null, watchers: [], controls: null, you: null };

/** Whose input counts: `{name, isYou, isPlayer}`, or null when it is nobody's. Pure. */
export function holderOf({ player, watchers, controls, you }) {
  if (controls === null) return null;
  const isPlayer = controls === player?.id;
  const name = isPlayer ? player.name : watchers.find(({ id }) => id === controls)?.name;
  return { name: name || "Somebody", isYou: controls === you, isPlayer };
}

export class People {
  /** `onTrouble(failure)` may say that it has dealt with a failure by answering true. */
  constructor({ sessionId, stream, panel, onTrouble }) {
    this._sessionId = sessionId;
    this._stream = stream;
    this._onTrouble = onTrouble;
    this._remembered = `playhouse:invite:${sessionId}`;
    for (const [name, id] of Object.entries({ _invite: "invite-button", _link: "invite-link", _url: "invite-url", _copy: "invite-copy", _note: "people-note", _list: "people-list", _revoke: "revoke-button" })) {
      this[name] = panel.querySelector(`#${id}`);
    }
    this._people = NOBODY;
    this._invite.addEventListener("click", () => this._do(this._invite, () => this._make()));
    this._revoke.addEventListener("click", () => this._do(this._revoke, () => this._takeBack()));
    this._copy.addEventListener("click", () => this._copyLink());
    this._url.addEventListener("focus", () => this._url.select());
    this._showLink(sessionStorage.getItem(this._remembered));
    this.show(NOBODY);
  }

  /** The seat's newest word. */
  show(people) {
    this._people = people;
    const holder = people.controls;
    this._list.replaceChildren(
      ...people.watchers.map(({ id, name }) =>
        create(
          "li",
          { class: "person" },
          create("span", { class: "person-name" }, name || "Guest"),
          id === holder
            ? create("button", { class: "button button-quiet button-small", type: "button", onclick: () => this.hand(null) }, "Take back")
            : create("button", { class: "button button-quiet button-small", type: "button", onclick: () => this.hand(id), "aria-label": `Give the controls to ${name || "Guest"}` }, "Give controls"),
        ),
      ),
    );
    this._list.hidden = people.watchers.length === 0;
    this._showRevoke();
  }

  /** To a watcher, or back to the player. */
  hand(to) {
    this._stream.send({ type: "controls", to });
  }

  async _make() {
    const { inviteUrl } = await makeInvite(this._sessionId);
    sessionStorage.setItem(this._remembered, inviteUrl);
    this._showLink(inviteUrl);
    await this._copyLink();
  }

  async _takeBack() {
    await revokeInvites(this._sessionId);
    sessionStorage.removeItem(this._remembered);
    this._showLink(null);
    this._note.textContent = "Done. The old link opens nothing any more, and nobody watches.";
  }

  async _copyLink() {
    const isCopied = await (navigator.clipboard?.writeText(this._url.value) ?? Promise.reject(new Error("no clipboard"))).then(
      () => true,
      () => false,
    );
    this._note.textContent = isCopied ? "The link is copied: send it to whom you like." : "Send this link to whom you like.";
  }

  async _do(button, work) {
    button.disabled = true;
    this._note.textContent = "";
    try {
      await work();
    } catch (failure) {
      if (this._onTrouble(failure)) return;
      const { title, text } = describeFailure(failure);
      this._note.textContent = `${title}. ${text}`;
    } finally {
      button.disabled = false;
    }
  }

  _showLink(url) {
    this._invite.hidden = Boolean(url);
    this._link.hidden = !url;
    this._url.value = url ?? "";
    this._showRevoke();
  }

  _showRevoke() {
    this._revoke.hidden = this._link.hidden && this._people.watchers.length === 0;
  }
}
