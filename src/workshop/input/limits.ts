/** Every limit of this folder, with its unit and its reason. */

/** Characters sent before their echo is read back. Six at once lose a tenth of them, four none. */
export const CHARACTERS_IN_FLIGHT = 4;

/**
 * Bytes that a PS/2 keyboard sends for one call. QEMU's queue holds 16 and drops the rest without a word, key releases too: Shift then
 * sticks.
 */
export const KEYBOARD_QUEUE_BYTES = 14;

/** One field. Longer text belongs on a disk. */
export const TYPED_CHARACTERS = 4_096;

/** Between two looks at the screen while waiting for an echo: a look costs 4 to 20 ms. */
export const LOOK_MS = 8;

/** An echo that is not there and a screen that has not changed for this long: what is missing will not come. */
export const ECHO_SETTLE_MS = 400;

/** One character without echo, and one key of a closed loop after a mismatch: 10 ms were exact in 500 of 500. */
export const BLIND_KEY_MS = 12;

/** Slowest pause before each key that the rate falls back to. */
export const SLOWEST_KEY_MS = 100;

/**
 * What a guest is given to read the end of a field, 13 bytes at most with what lets go of its modifiers, before the next key
 * is put behind it. Scaled.
 */
export const QUEUE_DRAIN_MS = 25;

/** Mismatches in a row, without one character more than before, after which typing gives up. */
export const MISMATCHES = 40;

/** Backspaces that `clear` sends at most. */
export const CLEARED_CHARACTERS = 512;

/** Until a guest reads its pointer: drivers may be loaded while the first screen is shown already. Scaled. */
export const POINTER_READY_MS = 10_000;

/** Places that the pointer passes through while it drags: some programs need to see it move. */
export const DRAG_STEPS = 8;

/** Times that a checkbox is switched before it is given up: keys may be lost. */
export const CHECKBOX_KEYS = 4;

/** Arrow keys that a menu takes at most, there and back again. */
export const MENU_KEYS = 400;
