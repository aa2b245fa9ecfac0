/** The page at `/embed`: one session, for a player or for whoever watches, and what it tells the page around it. */
import { byId } from "../dom.js";
import { Parent } from "./parent.js";
import { wear } from "./theme.js";

const root = byId("arena");
const view = JSON.parse(root.dataset.view);
const token = new URLSearchParams(location.search).get("token");
wear(view.theme);

let playAgainIsWanted = false;
const parent = new Parent(view.origins, {
  hello: (wishes) => (playAgainIsWanted = wishes?.playAgain === true),
  theme: (tokens) => wear(tokens),
  resign: () => page.resign(),
});
const around = {
  tell: (event, data) => parent.tell(event, data),
  playAgain: Object.assign(() => parent.tell("play_again", {}), { isWanted: () => playAgainIsWanted }),
};
const { SessionPage } = await import(view.game === "subway-runner" ? "./run.js" : "./match.js");
const page = new SessionPage(root, view, token, around);
