/** Pictures and needles at the command line: many at a time, one line a pair, whatever is wrong named exactly. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import { encodePng } from '../../src/picture/index.ts';
import { parseRecipe } from '../../src/recipe/index.ts';
import { cli, errorOf, json, jsonLines } from '../support/cli.ts';
import { FIXTURES, hasVgaBios, screenFixture, VGA_BIOS } from '../support/screen-fixtures.ts';
import { mottledPicture } from '../support/mottled.ts';
import { skip } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const AREA = { xpos: 20, ypos: 10, width: 30, height: 20, click_point: 'center' };

describe('portalgun screen', function () {
  this.timeout(60_000);
  let test: TestHome;
  let folder: string;
  before(async () => {
    test = await tempHome();
    folder = await mkdtemp(path.join(tmpdir(), 'pg-screens-'));
    const picture = (shift: number) => encodePng(mottledPicture(11, shift));
    const needle = (name: string, json: unknown) => writeFile(file(`${name}.json`), JSON.stringify(json));
    await writeFile(file('shot.png'), picture(0));
    await writeFile(file('moved.png'), picture(7));
    await writeFile(file('needle.png'), picture(0));
    await needle('needle', { area: [AREA], tags: ['it'] });
    await writeFile(file('outside.png'), picture(0));
    await needle('outside', { area: [{ ...AREA, xpos: 140 }] });
    await needle('alone', { area: [AREA] });
    await writeFile(file('broken.json'), '{"area": [');
    await writeFile(file('bomb.json'), JSON.stringify({ area: [AREA] }));
    await writeFile(file('bomb.png'), hugePng());
    await writeFile(file('cut.png'), picture(0).subarray(0, 200));
  });
  after(async () => {
    await test.remove();
    await rm(folder, { recursive: true, force: true });
  });
  const file = (name: string): string => path.join(folder, name);

  it('match gives one line a pair: match bit, each area’s similarity and place', async () => {
    const args = ['screen', 'match', '--needle', file('needle.json'), file('shot.png'), file('moved.png')];
    const lines = await jsonLines(test, args);
    assert.deepEqual(
      lines.map((line) => [line.file, line.needle, line.match, line.rank, line.areas[0].similarity, line.areas[0].x]),
      [
        [file('shot.png'), file('needle.json'), true, 1, 1, 20],
        [file('moved.png'), file('needle.json'), true, 1, 1, 27],
      ],
    );
    assert.deepEqual(lines[1].areas[0].click, { x: 42, y: 20 });
    const { stdout } = await cli(test, args);
    assert.match(stdout, /moved\.png: matches needle\.json: 100\.0 % at 27,10\n$/);
  });

  it('match takes several needles, after one flag or each after its own, and a search ratio', async () => {
    const second = file('again.json');
    await writeFile(second, JSON.stringify({ area: [{ ...AREA, margin: 1 }] }));
    await writeFile(file('again.png'), encodePng({ width: 160, height: 120, rgb: new Uint8Array(57_600) }));
    const one = await jsonLines(test, ['screen', 'match', '--needle', file('needle.json'), second, file('shot.png')]);
    const two = await jsonLines(test, [
      'screen',
      'match',
      file('shot.png'),
      '--needle',
      file('needle.json'),
      '--needle',
      second,
    ]);
    assert.deepEqual(one, two);
    assert.deepEqual(
      one.map((line) => [line.needle, line.match, line.rank]),
      [
        [file('needle.json'), true, 1],
        [second, false, 2],
      ],
    );
    const error = await errorOf(
      test,
      ['screen', 'match', '--needle', second, '--search-ratio', '2', file('shot.png')],
      2,
    );
    assert.equal(error.code, 'screen/bad-ratio');
  });

  const bad: readonly (readonly [what: string, needle: string, code: string, message: RegExp])[] = [
    ['a needle without a picture', 'alone.json', 'screen/needle-without-picture', /alone\.png is not there/],
    [
      'a needle with an area outside of its picture',
      'outside.json',
      'screen/bad-needle',
      /30x20 at 140,10 is not inside its picture of 160x120/,
    ],
    ['a needle that is no JSON', 'broken.json', 'screen/bad-needle', /not JSON/],
    ['a needle that is not there', 'none.json', 'screen/not-found', /none\.json/],
    ['threat 37: a needle whose picture is a bomb', 'bomb.json', 'picture/too-large', /bomb\.png.*50000x50000/],
  ];
  for (const [what, needle, code, message] of bad) {
    it(`match refuses ${what}`, async () => {
      const error = await errorOf(test, ['screen', 'match', '--needle', file(needle), file('shot.png')], 2);
      assert.equal(error.code, code);
      assert.match(error.message, message);
    });
  }

  it('match goes on after a picture that cannot be read, and says so at the end', async () => {
    const args = ['screen', 'match', '--needle', file('needle.json'), file('cut.png'), file('shot.png')];
    const lines = await jsonLines(test, args, 2);
    assert.equal(lines[0].match, true);
    assert.equal(lines[1].error.code, 'picture/bad-png');
    const both = await errorOf(test, [...args, file('none.png')], 2);
    assert.match(both.message, /2 of 3 pictures cannot be read/);
    assert.deepEqual(
      both.facts.files.map((one: { code: string }) => one.code),
      ['picture/bad-png', 'screen/not-found'],
    );
  });

  it('read gives one line a picture: its text, its highlighted parts, what it was read with', async function () {
    if (!hasVgaBios()) skip(this, `${VGA_BIOS} missing (Debian: seabios)`);
    const shot = path.join(FIXTURES, 'grub-menu.png');
    const fixture = await screenFixture('grub-menu');
    const [answer, again] = await jsonLines(test, ['screen', 'read', '--font', VGA_BIOS, shot, shot]);
    assert.deepEqual(again, answer);
    assert.deepEqual([answer.file, answer.columns, answer.rows, answer.unknownCells], [shot, 80, 25, 0]);
    assert.deepEqual(answer.lines, fixture.lines);
    assert.equal(answer.highlighted.length, 1);
    const { stdout } = await cli(test, ['screen', 'read', '--font', VGA_BIOS, shot]);
    assert.ok(stdout.includes(fixture.lines[1]!));
  });

  it('read says what to do where no font has been learned, and where none fits', async function () {
    const shot = path.join(FIXTURES, 'grub-menu.png');
    // A cache of its own: builds of other tests have learned fonts.
    const fresh = { environment: { ...test.environment, PORTALGUN_CACHE: file('cache') } };
    const none = await errorOf(fresh, ['screen', 'read', shot], 5);
    assert.deepEqual([none.code, /--font/.test(none.hint)], ['screen/no-font', true]);
    if (!hasVgaBios()) skip(this, `${VGA_BIOS} missing (Debian: seabios)`);
    const lines = await jsonLines(fresh, ['screen', 'read', '--font', VGA_BIOS, file('shot.png')], 5);
    assert.deepEqual([lines[0].unknownCells > 50, lines[1].error.code], [true, 'screen/no-font-fits']);
    const bad = await errorOf(fresh, ['screen', 'read', '--font', file('needle.json'), shot], 2);
    assert.equal(bad.code, 'screen/no-font-in-file');
  });

  it('needle import puts a needle into a recipe, cut down to what is compared, and leaves the rest as it was', async () => {
    const recipe = file('recipe.yaml');
    const before = [
      'recipe: 1',
      'name: clicks # a comment that stays',
      'version: 1.0.0',
      'machine: { arch: x86_64, memory: 64M }',
      'steps:',
      '  - id: look',
      '    expect: { text: anything }',
      '',
    ].join('\n');
    await writeFile(recipe, before);
    const { name, needle } = await json(test, ['needle', 'import', file('needle.json'), '--into', recipe]);
    assert.deepEqual([name, needle.areas[0].at, needle.areas[0].click], ['needle', [20, 10, 30, 20], 'center']);
    await json(test, ['needle', 'import', file('needle.json'), '--into', recipe, '--name', 'second']);
    const after = await readFile(recipe, 'utf8');
    assert.ok(after.includes('# a comment that stays'));
    assert.deepEqual(Object.keys(parseRecipe(after).recipe.needles ?? {}), ['needle', 'second']);
    assert.ok(after.length < before.length + 4_000);
    const shown = await cli(test, ['recipe', 'show', recipe]);
    assert.match(shown.stdout, /^needle  second: 30 by 20 pixels at 20, 10$/m);
  });

  it('needle import prints what goes into a recipe, and refuses what cannot', async () => {
    const { stdout } = await cli(test, ['needle', 'import', file('needle.json')]);
    assert.match(stdout, /^needles:\n {2}needle:\n/);
    const error = await errorOf(test, ['needle', 'import', file('outside.json')], 2);
    assert.equal(error.code, 'screen/bad-needle');
    const named = await errorOf(test, ['needle', 'import', file('needle.json'), '--name', 'No Name'], 2);
    assert.equal(named.code, 'screen/bad-needle-name');
  });
});

function hugePng(): Uint8Array {
  const bytes = Buffer.from(encodePng({ width: 1, height: 1, rgb: new Uint8Array(3) }));
  bytes.writeUInt32BE(50_000, 16);
  bytes.writeUInt32BE(50_000, 20);
  // The header's own checksum: the size must be what is refused.
  bytes.writeUInt32BE(crc32(bytes.subarray(12, 29)), 29);
  return bytes;
}
