/** Text and key names to key events for a US keyboard, by QEMU's `qcode` names (qapi/ui.json). Pure. */
import { UsageError } from '../../errors.ts';
import type { KeyEvent } from '../machine/types.ts';

/** A key, and whether it takes Shift. */
export interface Stroke {
  readonly key: string;
  readonly shift: boolean;
}

/** Unshifted and shifted characters of each key: US English (xkb `us`, QEMU's keymap en-us). */
const PUNCTUATION: readonly (readonly [key: string, plain: string, shifted: string])[] = [
  ['grave_accent', '`', '~'],
  ['minus', '-', '_'],
  ['equal', '=', '+'],
  ['bracket_left', '[', '{'],
  ['bracket_right', ']', '}'],
  ['backslash', '\\', '|'],
  ['semicolon', ';', ':'],
  ['apostrophe', "'", '"'],
  ['comma', ',', '<'],
  ['dot', '.', '>'],
  ['slash', '/', '?'],
];
const SHIFTED_DIGITS = ')!@#$%^&*(';

const STROKES: ReadonlyMap<string, Stroke> = new Map([
  [' ', { key: 'spc', shift: false }] as const,
  ...'abcdefghijklmnopqrstuvwxyz'.split('').flatMap((letter) => both(letter, letter, letter.toUpperCase())),
  ...SHIFTED_DIGITS.split('').flatMap((sign, digit) => both(String(digit), String(digit), sign)),
  ...PUNCTUATION.flatMap(([key, plain, shifted]) => both(key, plain, shifted)),
]);

/** What recipes call keys, and what QEMU does. Letters, digits and the characters of the layout name themselves. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ...['esc', 'tab', 'up', 'down', 'left', 'right', 'home', 'end', 'backspace', 'delete', 'insert'].map(same),
  ...['caps_lock', 'num_lock', 'scroll_lock', 'print', 'pause', 'menu'].map(same),
  ...Array.from({ length: 12 }, (_, index) => same(`f${index + 1}`)),
  ['enter', 'ret'],
  ['return', 'ret'],
  ['escape', 'esc'],
  ['space', 'spc'],
  ['pageup', 'pgup'],
  ['pagedown', 'pgdn'],
]);

const MODIFIERS: ReadonlyMap<string, string> = new Map([
  ['ctrl', 'ctrl'],
  ['alt', 'alt'],
  ['shift', 'shift'],
  ['super', 'meta_l'],
  ['altgr', 'alt_r'],
]);

/** The stroke for one character. Throws `input/no-such-character`. */
export function strokeFor(character: string): Stroke {
  const stroke = STROKES.get(character);
  if (stroke) return stroke;
  const code = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
  throw new UsageError(
    'input/no-such-character',
    `a US keyboard has no key for ${JSON.stringify(character)} (U+${code})`,
    {
      hint: 'put text with other characters in a file on a disk of packages, or use `key` for enter and tab',
    },
  );
}

/** Both characters of the key that types this one: what comes out where Shift was lost, or stuck. */
export function charactersOfKey(character: string): string[] {
  const { key } = strokeFor(character);
  return [...STROKES].filter(([, stroke]) => stroke.key === key).map(([char]) => char);
}

/** Events for a run of characters; Shift is pressed once for neighbours that both need it. */
export function textEvents(text: string): KeyEvent[] {
  const events: KeyEvent[] = [];
  let shifted = false;
  const hold = (shift: boolean) => {
    if (shift !== shifted) events.push({ key: 'shift', down: shift });
    shifted = shift;
  };
  for (const character of text) {
    const { key, shift } = strokeFor(character);
    hold(shift);
    events.push(...press(key));
  }
  hold(false);
  return events;
}

/** Events for a key by name, or a chord such as `ctrl-alt-f2`. Throws `input/no-such-key`. */
export function keyEvents(name: string): KeyEvent[] {
  const { modifiers, key } = parseChord(name);
  return [
    ...modifiers.map((modifier) => ({ key: modifier, down: true })),
    ...press(key),
    ...modifiers.toReversed().map((modifier) => ({ key: modifier, down: false })),
  ];
}

/** One half of a key press, for `hold` and `release`. A chord's keys all go the same way. */
export function holdEvents(name: string, down: boolean): KeyEvent[] {
  const { modifiers, key } = parseChord(name);
  const keys = [...modifiers, key];
  return (down ? keys : keys.toReversed()).map((key) => ({ key, down }));
}

/** Key-ups for every modifier: sent around each field, because a lost key-up leaves the guest with a stuck Shift. */
export function releaseModifiers(): KeyEvent[] {
  return ['shift', 'shift_r', 'ctrl', 'alt'].map((key) => ({ key, down: false }));
}

/**
 * Bytes that a PS/2 keyboard sends for these events (scan code set 2): one for a press, two for a release, one more each for
 * the keys that came with the 101-key board.
 */
export function keyboardBytes(events: readonly KeyEvent[]): number {
  return events.reduce((sum, { key, down }) => sum + (down ? 1 : 2) + (EXTENDED.has(key) ? 1 : 0), 0);
}

const EXTENDED: ReadonlySet<string> = new Set(
  'up down left right home end pgup pgdn insert delete alt_r ctrl_r meta_l meta_r menu print'.split(' '),
);

function parseChord(name: string): { modifiers: string[]; key: string } {
  // `-` and `ctrl--`: the last key is the minus itself.
  const last = name === '-' || name.endsWith('--') ? '-' : (name.split('-').at(-1) ?? '');
  const parts = name
    .slice(0, name.length - last.length)
    .toLowerCase()
    .split('-')
    .slice(0, -1);
  const modifiers = parts.map((part) => MODIFIERS.get(part));
  const character = STROKES.get(last);
  const key =
    NAMED.get(last.toLowerCase()) ??
    MODIFIERS.get(last.toLowerCase()) ??
    (character?.shift === false ? character.key : undefined);
  if (key === undefined || modifiers.includes(undefined)) {
    throw new UsageError('input/no-such-key', `there is no key named "${name}"`, {
      hint: `keys are characters, ${[...NAMED.keys()].join(', ')}, alone or after ctrl-, alt-, shift-, super-`,
    });
  }
  return { modifiers: modifiers.filter((modifier) => modifier !== undefined), key };
}

function press(key: string): KeyEvent[] {
  return [
    { key, down: true },
    { key, down: false },
  ];
}

function both(key: string, plain: string, shifted: string): [string, Stroke][] {
  return [
    [plain, { key, shift: false }],
    [shifted, { key, shift: true }],
  ];
}

function same(name: string): [string, string] {
  return [name, name];
}
