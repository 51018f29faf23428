/**
 * Packer's language of boot commands, as its own grammar has it (packer-plugin-sdk, bootcommand/boot_command.pigeon): an
 * ordered choice of wait, toggle of one character, special key, and any character as it stands. So `<foo>` and a lone `<`
 * are typed literally. Pure.
 */
import { durationUnits } from './go-duration.ts';
import { MAX_BOOT_COMMAND, MAX_BOOT_EVENTS, MAX_WAIT_MS } from './limits.ts';
import { NotPure } from './not-pure.ts';

/** Keys by the names that recipes have for them. A toggle's key may be a character. */
export type BootEvent =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'key'; readonly key: string }
  | { readonly kind: 'on'; readonly key: string }
  | { readonly kind: 'off'; readonly key: string }
  | { readonly kind: 'wait'; readonly ms: number };

/** Packer's special keys in lower case, and ours. Left and right are one key here, but for `AltGr`. */
export const SPECIAL_KEYS: ReadonlyMap<string, string> = new Map([
  ['bs', 'backspace'],
  ['del', 'delete'],
  ['enter', 'enter'],
  ['return', 'enter'],
  ['esc', 'esc'],
  ...Array.from({ length: 12 }, (_, index): [string, string] => [`f${index + 1}`, `f${index + 1}`]),
  ['tab', 'tab'],
  ['up', 'up'],
  ['down', 'down'],
  ['left', 'left'],
  ['right', 'right'],
  ['spacebar', 'space'],
  ['insert', 'insert'],
  ['home', 'home'],
  ['end', 'end'],
  ['pageup', 'pageup'],
  ['pagedown', 'pagedown'],
  ['leftalt', 'alt'],
  ['rightalt', 'altgr'],
  ['leftctrl', 'ctrl'],
  ['rightctrl', 'ctrl'],
  ['leftshift', 'shift'],
  ['rightshift', 'shift'],
  ['leftsuper', 'super'],
  ['rightsuper', 'super'],
  ['leftcommand', 'super'],
  ['rightcommand', 'super'],
  ['leftoption', 'alt'],
  ['rightoption', 'altgr'],
  ['menu', 'menu'],
]);

/** What a bare `<wait>` waits, milliseconds. */
export const DEFAULT_WAIT_MS = 1_000;

/** Throws `NotPure` where a wait is not longer than nothing, or longer than a limit, and where there is too much of it. */
export function parseBootCommand(text: string): readonly BootEvent[] {
  if (text.length > MAX_BOOT_COMMAND) {
    throw new NotPure(`it has ${text.length} characters, more than ${MAX_BOOT_COMMAND}`);
  }
  const events: BootEvent[] = [];
  let literal = '';
  const endLiteral = (): void => {
    if (literal !== '') events.push({ kind: 'text', text: literal });
    literal = '';
  };
  for (let at = 0; at < text.length;) {
    const found = text[at] === '<' ? tagAt(text, at) : undefined;
    if (found === undefined) {
      const char = String.fromCodePoint(text.codePointAt(at) ?? 0);
      literal += char;
      at += char.length;
      continue;
    }
    endLiteral();
    events.push(found.event);
    at += found.length;
    if (events.length > MAX_BOOT_EVENTS) throw new NotPure(`it has more than ${MAX_BOOT_EVENTS} keys and waits`);
  }
  endLiteral();
  return events;
}

/** A tag is short: what has no `>` near by is none. */
const LONGEST_TAG = 64;

function tagAt(text: string, at: number): { readonly event: BootEvent; readonly length: number } | undefined {
  const end = text.indexOf('>', at + 1);
  // `<>On>` toggles the key `>`.
  const toggled = /^<(.)(on|off)>/isu.exec(text.slice(at, at + LONGEST_TAG));
  if (toggled?.[1] !== undefined && toggled[2] !== undefined) {
    return { event: toggle(toggled[2], toggled[1]), length: toggled[0].length };
  }
  if (end < 0 || end - at > LONGEST_TAG) return undefined;
  const inside = text.slice(at + 1, end);
  const event = waitOf(inside) ?? specialOf(inside);
  return event && { event, length: end + 1 - at };
}

function waitOf(inside: string): BootEvent | undefined {
  if (!inside.startsWith('wait')) return undefined;
  const rest = inside.slice('wait'.length);
  if (rest === '') return { kind: 'wait', ms: DEFAULT_WAIT_MS };
  const ms = /^-?\d+$/.test(rest) ? Number(rest) * 1_000 : durationUnits(rest);
  if (ms === undefined) return undefined;
  if (!(ms > 0)) throw new NotPure(`<${inside}> waits for no time; Packer refuses it too`);
  if (ms > MAX_WAIT_MS) throw new NotPure(`<${inside}> waits longer than ${MAX_WAIT_MS / 3_600_000} hours`);
  return { kind: 'wait', ms };
}

function specialOf(inside: string): BootEvent | undefined {
  const name = inside.toLowerCase();
  const key = SPECIAL_KEYS.get(name);
  if (key !== undefined) return { kind: 'key', key };
  const [, base, state] = /^(.+?)(on|off)$/.exec(name) ?? [];
  const toggled = base === undefined ? undefined : SPECIAL_KEYS.get(base);
  return toggled === undefined ? undefined : toggle(state ?? '', toggled);
}

function toggle(state: string, key: string): BootEvent {
  return state.toLowerCase() === 'on' ? { kind: 'on', key } : { kind: 'off', key };
}
