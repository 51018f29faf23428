/** What recipes call keys, and which keys of QEMU's (`qcode`, qapi/ui.json) those are on a layout. Pure. */
import { strokeOn, type KeyboardName } from './keyboards.ts';

/** Characters name themselves. */
const NAMED: ReadonlyMap<string, string> = new Map([
  ...['esc', 'tab', 'up', 'down', 'left', 'right', 'home', 'end', 'backspace', 'delete', 'insert'].map(same),
  ...['caps_lock', 'num_lock', 'scroll_lock', 'print', 'pause'].map(same),
  ...Array.from({ length: 12 }, (_, index) => same(`f${index + 1}`)),
  ['enter', 'ret'],
  ['return', 'ret'],
  ['escape', 'esc'],
  ['space', 'spc'],
  ['pageup', 'pgup'],
  ['pagedown', 'pgdn'],
  // QEMU's own `menu` is a key that no PC's keyboard has: it sends nothing.
  ['menu', 'compose'],
]);

const MODIFIERS: ReadonlyMap<string, string> = new Map([
  ['ctrl', 'ctrl'],
  ['alt', 'alt'],
  ['shift', 'shift'],
  ['super', 'meta_l'],
  ['altgr', 'alt_r'],
]);

export const KEY_NAMES: readonly string[] = [...NAMED.keys(), ...MODIFIERS.keys()];

export interface Chord {
  /** In the order in which they are pressed. */
  readonly modifiers: readonly string[];
  readonly key: string;
}

/** A key by name, or a chord such as `ctrl-alt-f2`; undefined where there is no such key on the layout. */
export function chordOf(name: string, layout: KeyboardName): Chord | undefined {
  // `-` and `ctrl--`: the last key is the minus itself.
  const last = name === '-' || name.endsWith('--') ? '-' : (name.split('-').at(-1) ?? '');
  const parts = name
    .slice(0, name.length - last.length)
    .toLowerCase()
    .split('-')
    .slice(0, -1);
  const modifiers = parts.flatMap((part) => MODIFIERS.get(part) ?? []);
  const named = NAMED.get(last.toLowerCase()) ?? MODIFIERS.get(last.toLowerCase());
  // A character by itself: the key that makes it. A capital letter is no name for a key: `shift-a` says what is meant.
  const stroke = named === undefined && last === last.toLowerCase() ? strokeOn(layout, last) : undefined;
  const key = named ?? stroke?.key;
  if (key === undefined || modifiers.length < parts.length) return undefined;
  if (stroke?.altgr === true) modifiers.push('alt_r');
  if (stroke?.shift === true) modifiers.push('shift');
  return { modifiers, key };
}

function same(name: string): [string, string] {
  return [name, name];
}
