/**
 * Writes src/recipe/keyboards.json: what each key of a layout types, from Debian's xkb-data as libxkbcommon compiles it.
 * Needs `xkbcli` (package libxkbcommon-tools). The result is committed, because what a recipe types must not depend on the
 * host that it is built on. usage: node scripts/generate-keyboards.ts
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

/** Names of xkb, which are also those that Debian's installer and console use; a variant stands after a dash. */
const LAYOUTS = 'us gb de ch fr fr-latin9 be es latam it pt br nl dk no se fi pl'.split(' ');

/** Keys that write text, by xkb's names, with QEMU's `qcode` names for them. */
const KEYS: ReadonlyMap<string, string> = new Map(
  [
    ['TLDE', 'grave_accent'],
    ...'1234567890'.split('').map((digit, index) => [`AE${String(index + 1).padStart(2, '0')}`, digit]),
    ['AE11', 'minus'],
    ['AE12', 'equal'],
    ...'qwertyuiop'.split('').map((letter, index) => [`AD${String(index + 1).padStart(2, '0')}`, letter]),
    ['AD11', 'bracket_left'],
    ['AD12', 'bracket_right'],
    ...'asdfghjkl'.split('').map((letter, index) => [`AC${String(index + 1).padStart(2, '0')}`, letter]),
    ['AC10', 'semicolon'],
    ['AC11', 'apostrophe'],
    ['BKSL', 'backslash'],
    ['LSGT', 'less'],
    ...'zxcvbnm'.split('').map((letter, index) => [`AB${String(index + 1).padStart(2, '0')}`, letter]),
    ['AB08', 'comma'],
    ['AB09', 'dot'],
    ['AB10', 'slash'],
    ['AB11', 'ro'],
    ['SPCE', 'spc'],
  ].map(([name, qcode]) => [name!, qcode!]),
);

/** ASCII, Latin-1, Latin Extended-A and the euro sign. */
const CODE_POINTS = [...range(0x20, 0x7e), ...range(0xa1, 0x17f), 0x20ac];
const DEAD_KEYS = (
  'grave acute circumflex tilde diaeresis cedilla caron abovering doubleacute ogonek macron ' +
  'abovedot breve stroke belowdot'
).split(' ');
const LEVELS = 4;

interface Way {
  readonly key: string;
  /** 1 plain, 2 Shift, 3 AltGr, 4 both. */
  readonly level: number;
}

/** Every way to type one character or dead key on one of the keys above. */
function ways(layout: string, args: readonly string[]): Way[] {
  const [name = '', variant = ''] = layout.split('-');
  const of = ['--layout', name, '--variant', variant];
  const { stdout } = spawnSync('xkbcli', ['how-to-type', ...of, ...args], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line): Way[] => {
    const [, name, level] = /^\d+\s+(\S+)\s+\d+\s+.*?\s+(\d+)\s+\[/.exec(line) ?? [];
    const key = KEYS.get(name ?? '');
    return key !== undefined && Number(level) <= LEVELS ? [{ key, level: Number(level) }] : [];
  });
}

function table(layout: string): Record<string, string> {
  const levels = new Map([...KEYS.values()].map((key) => [key, Array.from({ length: LEVELS }, () => NONE)]));
  const put = (what: string, found: readonly Way[]) => {
    for (const { key, level } of found) levels.get(key)![level - 1] = what;
  };
  for (const code of CODE_POINTS) put(String.fromCodePoint(code), ways(layout, [String(code)]));
  for (const name of DEAD_KEYS) put(`dead_${name}`, ways(layout, ['--keysym', `dead_${name}`]));
  // A blank between levels: the space bar is known without a table.
  levels.delete('spc');
  // A US board has no key beside its left Shift; what xkb says of it is not what every guest does.
  if (layout === 'us') levels.delete('less');
  return Object.fromEntries(
    [...levels]
      .map(([key, typed]) => [key, typed.join(' ').replace(new RegExp(`( ${NONE})+$`), '')] as const)
      .filter(([, typed]) => typed !== NONE),
  );
}

const NONE = 'none';

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, index) => from + index);
}

const version = execFileSync('dpkg-query', ['--show', '--showformat', '${Version}', 'xkb-data'], { encoding: 'utf8' });
const layouts = Object.fromEntries(LAYOUTS.map((layout) => [layout, table(layout)]));
const file = path.resolve(import.meta.dirname, '../src/recipe/keyboards.json');
writeFileSync(file, `${JSON.stringify({ source: `xkb-data ${version} (MIT), model pc105`, layouts }, null, 2)}\n`);
