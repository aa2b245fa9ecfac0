/** What a person typed into a text field, as text and backspaces: works with every keyboard, input method and correction. Pure. */

/** `{backspaces, text}` that make `after` of `before`, by whole characters. */
export function textChange(before, after) {
  const [old, now] = [[...before], [...after]];
  let same = 0;
  while (same < old.length && same < now.length && old[same] === now[same]) same += 1;
  return { backspaces: old.length - same, text: now.slice(same).join("") };
}
