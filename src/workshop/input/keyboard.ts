/** Text and key names to key events on a layout, by QEMU's `qcode` names (qapi/ui.json). Pure. */
import { UsageError } from '../../errors.ts';
import { DEFAULT_KEYBOARD, strokeOn, type KeyboardName, type Stroke } from '../../recipe/keyboards.ts';
import { chordOf, KEY_NAMES, type Chord } from '../../recipe/keys.ts';
import type { KeyEvent } from '../machine/types.ts';

/** The stroke for one character. Throws `input/no-such-character`, which never says which: it may be part of a secret. */
function strokeFor(character: string, layout: KeyboardName): Stroke {
  const stroke = strokeOn(layout, character);
  if (stroke) return stroke;
  throw new UsageError(
    'input/no-such-character',
    `the text has a character that the keyboard layout "${layout}" cannot type`,
    {
      hint: 'put text with other characters in a file on a disk of packages, or set the layout that the guest has',
    },
  );
}

/** Throws `input/no-such-character` where there is one. */
export function checkTypable(text: string, layout: KeyboardName): void {
  for (const character of text) strokeFor(character, layout);
}

/** Events for a run of characters; Shift and AltGr are pressed once for neighbours that both need them. */
export function textEvents(text: string, layout: KeyboardName = DEFAULT_KEYBOARD): KeyEvent[] {
  const events: KeyEvent[] = [];
  const held = { shift: false, altgr: false };
  const hold = (modifier: 'shift' | 'altgr', down: boolean) => {
    if (down !== held[modifier]) events.push({ key: modifier === 'shift' ? 'shift' : 'alt_r', down });
    held[modifier] = down;
  };
  for (const character of text) {
    const { key, shift, altgr } = strokeFor(character, layout);
    // What is let go is let go first: with both held, a key would be a third character.
    if (!shift) hold('shift', false);
    hold('altgr', altgr);
    hold('shift', shift);
    events.push(...press(key));
  }
  hold('shift', false);
  hold('altgr', false);
  return events;
}

/** Events for a key by name, or a chord such as `ctrl-alt-f2`. Throws `input/no-such-key`. */
export function keyEvents(name: string, layout: KeyboardName = DEFAULT_KEYBOARD): KeyEvent[] {
  const { modifiers, key } = parseChord(name, layout);
  return [
    ...modifiers.map((modifier) => ({ key: modifier, down: true })),
    ...press(key),
    ...modifiers.toReversed().map((modifier) => ({ key: modifier, down: false })),
  ];
}

/** One half of a key press, for `hold` and `release`. A chord's keys all go the same way. */
export function holdEvents(name: string, down: boolean, layout: KeyboardName = DEFAULT_KEYBOARD): KeyEvent[] {
  const { modifiers, key } = parseChord(name, layout);
  const keys = [...modifiers, key];
  return (down ? keys : keys.toReversed()).map((key) => ({ key, down }));
}

/**
 * Lets go of every modifier that is ever pressed: sent around each field, because a lost key-up leaves the guest with a stuck
 * Shift. As few as can be: they share a queue of 16 bytes with the key that follows.
 *
 * Shift is pressed before it is let go. Its release is the byte AA, which is also what a keyboard says that was just plugged
 * in: Linux takes it for that where Shift was not pressed (drivers/input/keyboard/atkbd.c, ATKBD_RET_BAT), sets the keyboard
 * up anew, and whatever was typed meanwhile is lost, the Enter behind a field first of all. The others are only let go: Alt,
 * pressed by itself, opens menus.
 */
export function releaseModifiers(layout: KeyboardName = DEFAULT_KEYBOARD): KeyEvent[] {
  return [...releaseLevels(layout), { key: 'ctrl', down: false }, { key: 'alt', down: false }];
}

/**
 * The same for those alone that text needs, after it: with what the guest has not read yet of the last character, and the
 * Enter that follows, they fit in the queue.
 */
export function releaseLevels(layout: KeyboardName = DEFAULT_KEYBOARD): KeyEvent[] {
  return [...press('shift'), ...(layout === 'us' ? [] : [{ key: 'alt_r', down: false }])];
}

function parseChord(name: string, layout: KeyboardName): Chord {
  const chord = chordOf(name, layout);
  if (chord !== undefined) return chord;
  throw new UsageError('input/no-such-key', `there is no key named "${name}"`, {
    hint: `keys are the characters of the layout "${layout}", ${KEY_NAMES.join(', ')}, alone or after ctrl-, alt-, shift-, super-`,
  });
}

function press(key: string): KeyEvent[] {
  return [
    { key, down: true },
    { key, down: false },
  ];
}
