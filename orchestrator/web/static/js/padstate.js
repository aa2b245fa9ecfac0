/** A gamepad's state, as bytes and as the names of what is pressed. Pure: a Gamepad in, values out. */

const BUTTONS = ["south", "east", "west", "north", "left_shoulder", "right_shoulder", "left_trigger", "right_trigger", "select", "start", "left_stick", "right_stick", "up", "down", "left", "right", "home"];
const STICKS = ["left_stick_left", "left_stick_right", "left_stick_up", "left_stick_down", "right_stick_left", "right_stick_right", "right_stick_up", "right_stick_down"];
const DEAD = 0.12;
const HALF = 0.5;

export const CONTROLS = [...BUTTONS, ...STICKS];

const isDown = (button) => Boolean(button?.pressed);
const axis = (pad, place) => Math.min(1, Math.max(-1, pad.axes[place] ?? 0));
const trigger = (pad, place) => Math.min(1, Math.max(0, pad.buttons[place]?.value ?? 0));

/** Nothing pressed, and the sticks near their middle. */
export function isNeutral(pad) {
  const isPressed = pad.buttons.slice(0, BUTTONS.length).some((button) => isDown(button) || button.value > DEAD);
  return !isPressed && [0, 1, 2, 3].every((place) => Math.abs(axis(pad, place)) <= DEAD);
}

/** Twenty bytes, little-endian: u8 kind = 3, u32 sequence, u8 index, u32 buttons, four i16 axes, two u8 triggers; null is a pad at rest. */
export function encodePad(sequence, index, pad) {
  const view = new DataView(new ArrayBuffer(20));
  view.setUint8(0, 3);
  view.setUint32(1, sequence >>> 0, true);
  view.setUint8(5, index);
  if (pad === null) return view.buffer;
  const bits = BUTTONS.reduce((sum, _, place) => sum | (isDown(pad.buttons[place]) ? 1 << place : 0), 0);
  view.setUint32(6, bits >>> 0, true);
  for (const place of [0, 1, 2, 3]) view.setInt16(10 + 2 * place, Math.round(axis(pad, place) * 32767), true);
  for (const place of [0, 1]) view.setUint8(18 + place, Math.round(trigger(pad, 6 + place) * 255));
  return view.buffer;
}

/** The names of what is pressed or pushed half way. */
export function pressedControls(pad) {
  const sticks = [0, 1, 2, 3].flatMap((place) => [axis(pad, place) <= -HALF, axis(pad, place) >= HALF]);
  return new Set([...BUTTONS.filter((_, place) => isDown(pad.buttons[place])), ...STICKS.filter((_, place) => sticks[place])]);
}
