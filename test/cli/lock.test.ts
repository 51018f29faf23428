/** Two people and one lock, on days between which the archive has moved on: with apt, as a person types it. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lockDigest, parseLock } from '../../src/recipe/lock.ts';
import { ownKeysDir } from '../../src/node/media-sources.ts';
import { cli, errorOf, json } from '../support/cli.ts';
import { needPrograms } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import {
  day,
  makeArchive,
  makeKey,
  writeKeys,
  type TestArchive,
  type TestKey,
} from '../workshop/media/test-archive.ts';

const MONDAY = [
  { name: 'tool', version: '1.0', depends: 'libtool' },
  { name: 'libtool', version: '2.1~rc1-1' },
] as const;
const FRIDAY = [
  { name: 'tool', version: '1.0', depends: 'libtool, newcomer' },
  { name: 'libtool', version: '2.1-1' },
  { name: 'newcomer', version: '0.1' },
] as const;
const RECIPE = `recipe: 1
name: locked
version: 1.0.0
media: { parts: { packages: [tool], layout: usb-fat } }
machine: { arch: x86_64, memory: 64M }
steps: [{ id: end, expect: { text: the end } }]
`;

describe('portalgun recipe lock', function () {
  this.timeout(60_000);
  const homes: TestHome[] = [];
  let key: TestKey;
  let monday: TestArchive;
  let friday: TestArchive;
  let alice: TestHome;
  let bob: TestHome;
  let shared: string;

  /** Somebody whose apt knows one archive, and who trusts the key that has signed both. */
  const personWith = async ({ sourcesList }: TestArchive): Promise<TestHome> => {
    const cache = await tempHome();
    const aptConfig = path.join(cache.folder, 'apt.conf');
    const parts = 'Dir::Etc::sourceparts "/nonexistent";';
    await writeFile(aptConfig, `Dir::Etc::sourcelist "${sourcesList}";\n${parts}\n`);
    const person = await tempHome({ APT_CONFIG: aptConfig, PORTALGUN_CACHE: path.join(cache.folder, 'cache') });
    homes.push(cache, person);
    await json(person, ['init']);
    await writeKeys(ownKeysDir(person.home), [key]);
    await writeFile(recipeOf(person), RECIPE);
    return person;
  };
  const recipeOf = ({ folder }: TestHome): string => path.join(folder, 'locked.yaml');
  const lockOf = ({ folder }: TestHome): string => path.join(folder, 'locked.lock.yaml');

  before(async function () {
    needPrograms(this, 'apt-get', 'dpkg-deb');
    key = await makeKey('archive');
    const folder = await tempHome();
    homes.push(folder);
    const made = async (name: string, spec: Omit<Parameters<typeof makeArchive>[1], 'keys'>): Promise<TestArchive> => {
      const directory = path.join(folder.folder, name);
      await mkdir(directory);
      return makeArchive(directory, { ...spec, keys: [key] });
    };
    monday = await made('monday', { packages: MONDAY, date: day(-5) });
    friday = await made('friday', { packages: FRIDAY, date: day(-1) });
    alice = await personWith(monday);
    bob = await personWith(friday);
  });
  after(async () => {
    for (const home of homes) await home.remove();
  });

  it('writes the exact versions beside the recipe, and the same again', async () => {
    const { file, changes } = await json(alice, ['recipe', 'lock', recipeOf(alice)]);
    assert.deepEqual([file, changes], [lockOf(alice), []]);
    shared = await readFile(lockOf(alice), 'utf8');
    const { parts } = parseLock(shared).media;
    assert.deepEqual(
      parts?.map(({ package: name, version }) => `${name} ${version}`),
      ['libtool 2.1~rc1-1', 'tool 1.0'],
    );
    await json(alice, ['recipe', 'lock', recipeOf(alice)]);
    assert.equal(await readFile(lockOf(alice), 'utf8'), shared);
  });

  it('of a version that is gone says which, where it stands now, and what to do: exit code 5', async () => {
    await writeFile(lockOf(bob), shared);
    const refused = await errorOf(bob, ['recipe', 'lock', recipeOf(bob)], 5);
    assert.equal(refused.code, 'media/locked-version-gone');
    assert.match(refused.message, /libtool 2\.1~rc1-1/);
    assert.match(refused.hint, /lock --update.*snapshots/);
    assert.equal(await readFile(lockOf(bob), 'utf8'), shared);
  });

  it('finds it by its digest in a snapshot archive that the config names: both have one lock, and can compare', async () => {
    await writeFile(path.join(bob.home.config, 'config.yaml'), `snapshots: ["file:${monday.directory} test main"]\n`);
    const { changes } = await json(bob, ['recipe', 'lock', recipeOf(bob)]);
    assert.deepEqual(changes, []);
    const own = await readFile(lockOf(bob), 'utf8');
    assert.equal(lockDigest(parseLock(own)), lockDigest(parseLock(shared)));
  });

  it('moves only with --update, and says line by line what has moved', async () => {
    const told = await cli(bob, ['recipe', 'lock', recipeOf(bob), '--update']);
    assert.equal(told.code, 0, told.stderr);
    const lines = told.stdout.split('\n').slice(0, 3);
    for (const [index, line] of [
      /^parts: libtool:amd64 2\.1~rc1-1 → 2\.1-1$/,
      /^parts: \+ newcomer:amd64 0\.1$/,
      /^parts: tool:amd64 1\.0: same version, other content \([0-9a-f]{12} → [0-9a-f]{12}\)$/,
    ].entries())
      assert.match(lines[index] ?? '', line);
    const moved = parseLock(await readFile(lockOf(bob), 'utf8'));
    assert.notEqual(lockDigest(moved), lockDigest(parseLock(shared)));
    assert.deepEqual((await json(bob, ['recipe', 'lock', recipeOf(bob), '--update'])).changes, []);
  });
});
