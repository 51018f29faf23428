/**
 * Real builds of the smallest guest there is, in two homes with real nodes, on hosts with other names and numbers of cpus,
 * at other times of day: what is made to be reproducible is, what is not is named, and each of the six verdicts is given
 * where it belongs.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { argvOf, cli, errorOf, json, jsonLines, outcomeOf, ROOT, type Answer } from '../support/cli.ts';
import { buildElsewhere } from '../support/elsewhere.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { needPrograms } from '../support/skip.ts';
import { type RunningNode, befriend, listened } from '../support/node.ts';
import { needScribe, writeScribe } from '../support/scribe.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

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
    needPrograms(this, 'faketime');
    await needScribe(this);
    [alice, bob] = [await tempHome(), await tempHome()];
    await befriend({ alice, bob }, nodes, listened);
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

  const verdictOn = async (name: string, exitCode = 0): Promise<Answer> => {
    await json(alice, ['node', 'sync']);
    return (await json(alice, ['crosscheck', name], exitCode)).verdicts[0];
  };

  it('by one alone, are not attempted by the other', async () => {
    await json(alice, ['publish', compared.get('fixed').first]);
    await json(bob, ['publish', writeScribe(bob.folder, { name: 'fixed', reproducible: true })]);
    assert.equal((await verdictOn('fixed')).verdict, 'not-attempted');
  });

  it('by two people under other rules, are explained by them, and are no match', async () => {
    const recipe = writeScribe(bob.folder, { name: 'fixed', reproducible: true, normalise: '[disk-id]' });
    const { id: bobs } = await buildElsewhere(bob, recipe);
    await json(bob, ['publish', bobs]);
    const { verdict, because, differences } = await verdictOn('fixed');
    assert.deepEqual([verdict, because], ['explained', 'Under other normaliser rules: explained by disk-id.']);
    // Its volume id is in there.
    assert.deepEqual(
      differences.map(({ path: name }: Answer) => name),
      ['disk:0+512'],
    );
  });

  it('by somebody with a broken QEMU, failed: the step is named, and that it failed is signed', async () => {
    const recipe = writeScribe(bob.folder, { name: 'fixed', reproducible: true });
    const environment = { ...bob.environment, PATH: `${await withoutDisks(bob.folder)}:${bob.environment['PATH']}` };
    await errorOf({ environment }, ['build', recipe, '--repair', 'never', '--fresh'], 1);
    const builds: Answer[] = await json(bob, ['builds', 'list']);
    await json(bob, ['publish', builds.find(({ status }) => status === 'failed').id]);
    const { verdict, because } = await verdictOn('fixed');
    assert.deepEqual([verdict, because], ['failed', 'Their build failed at: files.']);
  });

  it('by two people on other hosts, match', async () => {
    const { id: bobs } = await buildElsewhere(bob, writeScribe(bob.folder, { name: 'fixed', reproducible: true }));
    const [mine, theirs] = [await buildOf(alice, compared.get('fixed').first), await buildOf(bob, bobs)];
    assert.notDeepEqual(mine.conditions, theirs.conditions);
    await bothPublish('fixed', bobs);
    const { verdict, attempts } = await verdictOn('fixed');
    assert.equal(verdict, 'match');
    assert.deepEqual(
      attempts.map(({ result }: Answer) => result),
      ['match', 'failed', 'not-comparable'],
    );
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
    const image: Answer = await json(alice, ['images', 'show', first]);
    const disk = await readFile(path.join(alice.home.imagesDir, first, image.disks[0].file));
    for (const person of [alice, bob]) {
      const sent = await readFile(listened(person).LISTEN_IN);
      assert.ok(sent.includes('/portalgun/reconcile/1.0.0'), 'what is sent is not heard');
      for (const content of ['stamped at', 'the scribe', 'This is not a bootable disk']) {
        assert.ok(disk.includes(content), content);
        assert.ok(!sent.includes(content), content);
      }
    }
    // What bob has told are the two lines of his manifest.
    const told = (await readFile(listened(bob).LISTEN_IN)).toString('latin1');
    for (const [name] of DIFFERING) assert.ok(told.includes(` ${name}`), name);
  });

  it('two weeks after the peer was last heard of, are stale where they were a match, and differ all the same', async () => {
    for (const node of nodes.splice(0)) await node.stop();
    const later = async (name: string): Promise<Answer> => {
      const argv = ['-f', '+15d', ...argvOf(['crosscheck', name, '--json'])];
      const { stdout, stderr } = await outcomeOf(
        spawn('faketime', argv, { cwd: ROOT, env: alice.environment, stdio: ['ignore', 'pipe', 'pipe'] }),
      );
      assert.notEqual(stdout, '', stderr);
      return JSON.parse(stdout).verdicts[0];
    };
    assert.equal((await later('fixed')).verdict, 'stale');
    assert.equal((await later('loose')).verdict, 'differs');
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

/** A folder with a QEMU that loses the machine's disks. */
async function withoutDisks(folder: string): Promise<string> {
  const bin = path.join(folder, 'bin');
  await mkdir(bin);
  const real = '"$(PATH="${PATH#*:}" command -v qemu-system-x86_64)"';
  const arguments_ = '"${@/#virtio-blk-pci,*/virtio-balloon-pci}"';
  const script = `#!/bin/bash\nexec ${real} ${arguments_}\n`;
  await writeFile(path.join(bin, 'qemu-system-x86_64'), script, { mode: 0o755 });
  return bin;
}
