/**
 * Real builds of the smallest guest there is, in two homes with real nodes, on hosts with other names and numbers of cpus,
 * at other times of day: what is made to be reproducible is, and what is not is named.
 */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { differences } from '../../src/crosscheck/index.ts';
import { cli, errorOf, json, jsonLines, type Answer } from '../support/cli.ts';
import { buildElsewhere } from '../support/elsewhere.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { type RunningNode, befriend } from '../support/node.ts';
import { needScribe, writeScribe } from '../support/scribe.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { compareOnTheWire } from '../support/wire.ts';

const DIFFERING = [
  ['disk:0+512', 'boot-sector', 'time'],
  ['p0:/STAMP.TXT', 'time', 'files'],
];

describe('builds that are compared', function () {
  this.timeout(600_000);
  let alice: TestHome;
  let bob: TestHome;
  const nodes: RunningNode[] = [];
  /** By recipe: what `--twice` said. */
  const compared = new Map<string, Answer>();

  before(async function () {
    await needScribe(this);
    [alice, bob] = [await tempHome(), await tempHome()];
    await befriend({ alice, bob }, nodes);
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    for (const home of [alice, bob]) await home?.remove();
  });

  const twice = async (name: string, reproducible: boolean, exitCode: number): Promise<Answer> => {
    const recipe = writeScribe(alice.folder, { name, reproducible });
    const told = await jsonLines(alice, ['build', recipe, '--twice', '--repair', 'never'], exitCode);
    compared.set(name, told.at(-1));
    return told.at(-1);
  };
  const buildOf = async (person: TestHome, id: string): Promise<Answer> => {
    const builds: Answer[] = await json(person, ['builds', 'list']);
    return builds.find((build) => build.id === id) ?? assert.fail(`no build ${id}`);
  };
  const bothPublish = async (name: string, bobs: string): Promise<void> => {
    await json(alice, ['publish', compared.get(name).first]);
    await json(bob, ['publish', bobs]);
    await json(alice, ['node', 'sync']);
  };
  const manifestOf = (person: TestHome, id: string): Promise<Buffer> =>
    readFile(path.join(person.home.buildsDir, id, 'manifest.txt'));

  it('twice, are one image where the recipe sees to it, which is kept once', async () => {
    const said = await twice('fixed', true, 0);
    assert.equal(said.event, 'twice');
    assert.equal(said.equal, true);
    assert.ok(
      said.kept.some((line: string) => line.includes('clock')),
      said.kept,
    );
    const images: Answer[] = await json(alice, ['images', 'list']);
    assert.deepEqual(
      images.map(({ id }) => id),
      [said.first],
    );
    assert.ok(!(await readdir(alice.home.data)).includes('checkpoints-again'));
  });

  it('by two people on other hosts, match', async () => {
    const { id: bobs } = await buildElsewhere(bob, writeScribe(bob.folder, { name: 'fixed', reproducible: true }));
    const [mine, theirs] = [await buildOf(alice, compared.get('fixed').first), await buildOf(bob, bobs)];
    assert.notDeepEqual(mine.conditions, theirs.conditions);
    await bothPublish('fixed', bobs);
    const { verdicts } = await json(alice, ['crosscheck', 'fixed']);
    assert.equal(verdicts[0].verdict, 'match');
  });

  it('twice, are told apart where it does not: what differs, the step that wrote it, and why', async () => {
    const said = await twice('loose', false, 4);
    assert.equal(said.equal, false);
    assert.ok(
      said.varied.some((line: string) => line.includes('time of day')),
      said.varied,
    );
    assert.deepEqual(
      said.differences.map(({ path: name, step, after, cause }: Answer) => [name, step, after, cause.kind]),
      DIFFERING.map((one) => [...one, 'time']),
    );
    const told = await cli(alice, ['images', 'diff', said.first, said.second, '--no-cause']);
    assert.equal(told.code, 4);
    assert.match(told.stdout, /STAMP\.TXT: content differs\n +last written here by the step time, or one after files/);
    assert.ok(!told.stdout.includes('probably'));
  });

  it('by two people, differ: the file and the boot sector are named, each with its step, and no content moves', async () => {
    const { id: bobs } = await buildElsewhere(bob, writeScribe(bob.folder, { name: 'loose', reproducible: false }));
    await bothPublish('loose', bobs);
    const [verdict] = (await json(alice, ['crosscheck', 'loose'], 4)).verdicts;
    assert.equal(verdict.verdict, 'differs');
    assert.deepEqual(
      verdict.differences.map(({ path: name, step, after }: Answer) => [name, step, after]),
      DIFFERING,
    );
    assert.match(verdict.differences[0].place, /boot sector/);

    const first = compared.get('loose').first;
    const [mine, theirs] = [await manifestOf(alice, first), await manifestOf(bob, bobs)];
    const { manifest: digest } = await buildOf(bob, bobs);
    const sent = await compareOnTheWire(mine, { bytes: theirs, digest });
    assert.deepEqual(
      differences(mine, sent.found, digest, 'bob').map(({ path: name }) => name),
      DIFFERING.map(([name]) => name),
    );
    const image: Answer = await json(alice, ['images', 'show', first]);
    const disk = await readFile(path.join(alice.home.imagesDir, first, image.disks[0].file));
    for (const content of ['stamped at', 'the scribe']) {
      assert.ok(disk.includes(content), content);
      assert.ok(!sent.bytes.includes(content), content);
    }
  });

  it('are no build of their own where they were made to be compared', async () => {
    const { first, second } = compared.get('loose');
    const refused = await errorOf(alice, ['publish', second], 2);
    assert.equal(refused.code, 'publish/made-to-compare');
    assert.match(refused.hint, new RegExp(first));
    assert.equal((await json(alice, ['crosscheck', 'loose'], 4)).manifest, (await buildOf(alice, first)).manifest);
  });

  it('are none where the recipe makes no image, which is said before anything is built', async () => {
    const refused = await errorOf(alice, ['build', GRUB_RECIPE, '--twice'], 2);
    assert.equal(refused.code, 'build/nothing-to-compare');
  });
});
