/**
 * Keyboard layouts: which key makes which character, by xkb's names (`us`, `de`). A layout is what the guest believes, so it
 * is part of the recipe (`machine.keyboard`, the act `layout`), and the tables are part of this program: what a recipe types
 * must not depend on the host. Keys have QEMU's `qcode` names. The tables are made by scripts/generate-keyboards.ts.
 */
import tables from './keyboards.json' with { type: 'json' };

export type KeyboardName = keyof typeof tables.layouts;

// oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the keys of this very object
export const KEYBOARDS = Object.keys(tables.layouts) as readonly KeyboardName[];
export const DEFAULT_KEYBOARD: KeyboardName = 'us';

/** A key, and what has to be held for one character. */
export interface Stroke {
  readonly key: string;
  readonly shift: boolean;
  readonly altgr: boolean;
}

interface Keyboard {
  readonly strokes: ReadonlyMap<string, Stroke>;
  /** Names of its dead keys: `dead_acute`. */
  readonly dead: ReadonlySet<string>;
}

const read = new Map<KeyboardName, Keyboard>();

/** Tables are read when they are first asked for: most recipes need one. */
function keyboard(name: KeyboardName): Keyboard {
  const known = read.get(name);
  if (known !== undefined) return known;
  const strokes = new Map<string, Stroke>([[' ', { key: 'spc', shift: false, altgr: false }]]);
  const dead = new Set<string>();
  const keys = Object.entries<string>(tables.layouts[name]);
  // The plainest way wins: no key, then Shift, then AltGr, then both.
  for (const level of [0, 1, 2, 3]) {
    for (const [key, typed] of keys) {
      const what = typed.split(' ')[level];
      if (what === undefined || what === 'none') continue;
      if (what.startsWith('dead_')) dead.add(what);
      else if (!strokes.has(what)) strokes.set(what, { key, shift: level % 2 === 1, altgr: level >= 2 });
    }
  }
  const made = { strokes, dead };
  read.set(name, made);
  return made;
}

/** Undefined where no key makes it, or only a dead key and another one together. */
export function strokeOn(name: KeyboardName, character: string): Stroke | undefined {
  return keyboard(name).strokes.get(character);
}

/** Every character that this one's key makes, with whatever is held. */
export function charactersOfKey(name: KeyboardName, character: string): string[] {
  const { strokes } = keyboard(name);
  const key = strokes.get(character)?.key;
  return [...strokes].filter(([, stroke]) => stroke.key === key).map(([char]) => char);
}

/** Why the first character that cannot be typed cannot be; undefined where all can. Names the character. */
export function untypable(name: KeyboardName, text: string): string | undefined {
  const character = Array.from(text).find((one) => strokeOn(name, one) === undefined);
  if (character === undefined) return undefined;
  const code = character.codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
  const what = `${JSON.stringify(character)} (U+${code})`;
  const dead = deadKeyFor(character);
  return dead !== undefined && keyboard(name).dead.has(dead)
    ? `on the layout "${name}" only a dead key makes ${what}, and dead keys are not typed`
    : `the layout "${name}" has no key for ${what}`;
}

/** The dead key that this character would take: its own mark, or the accent on its letter. */
function deadKeyFor(character: string): string | undefined {
  return DEAD_KEYS.get(character) ?? DEAD_KEYS.get(character.normalize('NFD').slice(1));
}

const DEAD_KEYS: ReadonlyMap<string, string> = new Map(
  (
    [
      ['dead_grave', '`', '\u0300'],
      ['dead_acute', '\u00b4', '\u0301'],
      ['dead_circumflex', '^', '\u0302'],
      ['dead_tilde', '~', '\u0303'],
      ['dead_diaeresis', '\u00a8', '\u0308'],
      ['dead_abovering', '\u00b0', '\u030a'],
      ['dead_caron', '\u02c7', '\u030c'],
      ['dead_cedilla', '\u00b8', '\u0327'],
      ['dead_ogonek', '\u02db', '\u0328'],
    ] as const
  ).flatMap(([name, spacing, combining]) => [[spacing, name] as const, [combining, name] as const]),
);
