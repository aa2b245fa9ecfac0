/** What a watcher sees instead of the picture: the door, and why it is closed. It only draws. */
import { create } from "./dom.js";

function scene(id, heading, ...content) {
  return create("div", { class: "curtain-inner", id }, create("h1", { tabindex: "-1" }, heading), ...content);
}

const lead = (text, properties = {}) => create("p", { class: "lead", ...properties }, text);
const action = (id, text, onclick) => create("div", { class: "button-row" }, create("button", { class: "button button-lit", type: "button", id, onclick }, text));

/** Who invites, and under which name to come in; `onJoin(name)`. */
export function doorScene({ playerName, gameTitle, name, onJoin }) {
  const field = create("input", { class: "input", id: "name-input", name: "name", maxlength: "40", autocomplete: "nickname", value: name });
  const join = (event) => {
    event.preventDefault();
    onJoin(field.value.trim());
  };
  return scene(
    "door",
    `Watch ${playerName} play`,
    create("p", { class: "eyebrow" }, gameTitle),
    lead("You see and hear the game as it is played. You may be handed the controls."),
    create(
      "form",
      { class: "door-form", onsubmit: join },
      create("div", { class: "field" }, create("label", { for: "name-input" }, "Your name"), field),
      create("button", { class: "button button-lit", type: "submit", id: "join-button" }, "Watch"),
    ),
  );
}

/** Between the door and the first picture. */
export const waitingScene = ({ playerName, isConnecting }) =>
  scene("waiting", isConnecting ? "The curtain opens" : `${playerName}'s game is on its way`, lead("One moment.", { role: "status" }));

export const fullScene = ({ onAgain }) => scene("full", "Every seat is taken", lead("Eight people are watching already. Try again when one of them has left.", { role: "alert" }), action("again-button", "Try again", onAgain));

export const revokedScene = () => scene("revoked", "This invitation was taken back", lead("The player let nobody watch any longer. Ask for a new link if you think that is a mistake.", { role: "alert" }));

export const invalidScene = () => scene("invalid", "This invitation opens nothing", lead("It may have been taken back, or the link is not whole. Ask for a new one.", { role: "alert" }));

export const overScene = ({ playerName }) => scene("over", "The game has ended", lead(playerName ? `${playerName} has stopped playing. Thank you for watching.` : "There is nothing to watch any more."));

export const elsewhereScene = ({ onHere }) => scene("elsewhere", "You are watching in another tab", lead("The picture goes on there."), action("watch-here-button", "Watch here", onHere));

export const troubleScene = ({ title, text, onAgain }) => scene("trouble", title, lead(text, { role: "alert" }), action("again-button", "Try again", onAgain));
