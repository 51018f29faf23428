/** The tables of keyboards beside what Debian's installer itself gives its guests, which others have made from other sources. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { UnavailableError } from '../../src/errors.ts';
import { KEYS_FOLDER } from '../../src/node/keys-folder.ts';
import { KEYBOARDS, strokeOn, type KeyboardName } from '../../src/recipe/keyboards.ts';
import { toolPackage } from '../../src/workshop/image/measuring-tools.ts';
import { preparePackages, readInitrdFile } from '../../src/workshop/media/index.ts';
import { needPrograms, skip } from '../support/skip.ts';
import { TEST_CACHE } from '../support/test-cache.ts';

const PACKAGE = 'debian-installer-12-netboot-amd64';
const INITRD = /\/text\/debian-installer\/amd64\/initrd\.gz$/;
const KEYMAPS = 'usr/share/console-setup/pc105.ekmap.gz';

/** Linux' number of each key, in the rows of a keyboard from the first one on. */
const ROWS: readonly (readonly [number, string])[] = [
  [2, '1 2 3 4 5 6 7 8 9 0 minus equal'],
  [16, 'q w e r t y u i o p bracket_left bracket_right'],
  [30, 'a s d f g h j k l semicolon apostrophe grave_accent'],
  [43, 'backslash z x c v b n m comma dot slash'],
  [86, 'less'],
  [89, 'ro'],
];
const NUMBERS = new Map(
  ROWS.flatMap(([first, keys]) => keys.split(' ').map((key, index) => [key, first + index] as const)),
);

/** Debian's file has no French but this one. */
const NOT_THERE: readonly KeyboardName[] = ['fr'];
/** An acute accent by itself is an apostrophe there. */
const APART = '´';
const CHARACTERS = Array.from({ length: 0x180 - 0x21 }, (_, index) => String.fromCodePoint(0x21 + index));

describe('the tables of keyboards', function () {
  this.timeout(240_000);
  let lines: readonly string[];

  before(async function () {
    needPrograms(this, 'apt-get', 'dpkg-deb');
    const folder = await mkdtemp(path.join(tmpdir(), 'portalgun-keymaps-'));
    try {
      const options = { cacheDir: TEST_CACHE, keysDir: KEYS_FOLDER, clock: () => new Date(), closure: false };
      const { debs } = await preparePackages({ ...options, packages: [PACKAGE] });
      const initrd = path.join(folder, 'initrd.gz');
      for (const deb of debs)
        for await (const { data } of toolPackage(deb).files((name) => INITRD.test(name))) await writeFile(initrd, data);
      const keymaps = await readInitrdFile(initrd, KEYMAPS);
      assert.ok(keymaps, `the initrd has no ${KEYMAPS}`);
      lines = gunzipSync(keymaps).toString('utf8').split('\n');
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      skip(this, error.message);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });

  /** By the number of a key: what it makes alone, with Shift, with AltGr, with both. What includes another map overrides it. */
  function keymap(name: string): Map<number, readonly string[]> {
    const keys = new Map<number, readonly string[]>();
    for (const line of lines) {
      if (!line.startsWith(`${name}::`)) continue;
      const said = line.slice(name.length + 2);
      if (said.startsWith('#include') || said.startsWith('?include')) {
        for (const [key, typed] of keymap(said.split(' ').at(-1) ?? '')) keys.set(key, typed);
        continue;
      }
      const [, key, typed = ''] = /^keycode (\d+) = (.*)$/.exec(said) ?? [];
      if (key !== undefined) keys.set(Number(key), typed.split(' '));
    }
    return keys;
  }

  for (const layout of KEYBOARDS.filter((name) => !NOT_THERE.includes(name))) {
    it(`type on ${layout} what Debian's installer takes it for`, () => {
      const [name, variant = ''] = layout.split('-');
      const keys = keymap(`${name}:${variant}`);
      assert.ok(keys.size > 40, `the installer has no keymap ${layout}`);
      for (const character of CHARACTERS) {
        const stroke = strokeOn(layout, character);
        if (stroke === undefined || character === APART) continue;
        const level = (stroke.shift ? 1 : 0) + (stroke.altgr ? 2 : 0);
        const typed = keys.get(NUMBERS.get(stroke.key) ?? 0)?.[level] ?? '';
        const code = /U\+([0-9a-f]{4})$/.exec(typed)?.[1] ?? typed;
        assert.equal(code, character.codePointAt(0)?.toString(16).padStart(4, '0'), `${layout}: ${character}`);
      }
    });
  }
});
