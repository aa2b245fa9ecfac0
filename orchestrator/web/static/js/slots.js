/** Three save slots from what the server knows of them. Pure. */

export const SLOT_COUNT = 3;

/** `[{number, save | null}]` for the three places, in order. */
export function placesOf(saves) {
  return Array.from({ length: SLOT_COUNT }, (_, index) => ({
    number: index + 1,
    save: saves.find((save) => save.slot === index + 1) ?? null,
  }));
}

/** The save that Play goes on with: the one last played, or null when there is none. */
export function lastPlayed(saves) {
  return [...saves].sort((one, other) => (other.lastPlayedAt ?? "").localeCompare(one.lastPlayedAt ?? ""))[0] ?? null;
}
