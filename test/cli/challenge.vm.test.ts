/** Two people with real nodes and one real disk: who holds it can show that, who only signed its checksum cannot. */
import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { measureDisk, storeImage, type Manifest } from '../../src/workshop/image/index.ts';
import { startMachine } from '../../src/workshop/machine/index.ts';
import { cli, json } from '../support/cli.ts';
import { finishedBuild } from '../support/finished-build.ts';
import { type RunningNode, befriend } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { emptyDisk, flipByte, makeExt4 } from '../workshop/image/disks.fixture.ts';
import { FACTS } from '../workshop/image/image-facts.fixture.ts';
import { measuringTools } from '../workshop/image/measuring-vm.fixture.ts';

const MIB = 1024 * 1024;
const IMAGE = 'tiny-image';

describe('portalgun crosscheck --challenge', function () {
  this.timeout(600_000);
  let alice: TestHome;
  let bob: TestHome;
  const nodes: RunningNode[] = [];

  before(async function () {
    const tools = await measuringTools(this, 'mke2fs');
    alice = await tempHome();
    bob = await tempHome();
    const disk = await makeDisk(alice.folder);
    const manifest = await measureDisk({
      tools,
      normalise: [],
      startMachine,
      runtimeDir: path.join(alice.folder, 'vm'),
      accelerator: 'tcg',
      diskPath: disk,
      format: 'raw',
    });
    await befriend({ alice, bob }, nodes);
    for (const person of [alice, bob]) await json(person, ['publish', await builtWith(person, disk, manifest)]);
    await json(alice, ['node', 'sync']);
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    for (const home of [alice, bob]) await home?.remove();
  });

  const verdict = async (exitCode: number) =>
    (await json(alice, ['crosscheck', 'tiny', '--challenge'], exitCode)).verdicts[0];

  it('threat 29: is met by whoever holds what they have signed', async () => {
    const { verdict: word, possession } = await verdict(0);
    assert.equal(word, 'match');
    assert.equal(possession.result, 'proved');
    assert.ok(possession.paths > 3);
  });

  it('threat 29: is not met with a checksum alone', async () => {
    await rm(path.join(bob.home.imagesDir, IMAGE), { recursive: true, force: true });
    const { verdict: word, possession } = await verdict(0);
    assert.equal(word, 'match');
    assert.equal(possession.result, 'unanswered');
    assert.match(possession.because, /does not have that image/);
  });

  it('is not put with an image that has changed since it was measured', async () => {
    const file = path.join(alice.home.imagesDir, IMAGE, (await json(alice, ['images', 'list']))[0].disks[0].file);
    const bytes = await readFile(file);
    flipByte(file, bytes.indexOf('the one content'));
    const { code, stderr } = await cli(alice, ['crosscheck', 'tiny', '--challenge']);
    assert.equal(code, 3);
    assert.match(stderr, /is not what its manifest says/);
  });
});

async function makeDisk(folder: string): Promise<string> {
  const tree = path.join(folder, 'tree');
  await mkdir(path.join(tree, 'etc'), { recursive: true });
  for (const name of ['hostname', 'issue', 'motd'])
    await writeFile(path.join(tree, 'etc', name), `the one content of ${name}\n`);
  const disk = emptyDisk(path.join(folder, 'disk'), 8 * MIB);
  makeExt4(disk, 0, 8 * MIB, tree);
  return disk;
}

/** A finished build of that disk, with its image. */
async function builtWith(person: TestHome, disk: string, manifest: Manifest): Promise<string> {
  await mkdir(person.home.imagesDir, { recursive: true });
  await storeImage({
    imagesDir: person.home.imagesDir,
    id: IMAGE,
    disks: [{ id: 'root', path: disk, format: 'raw' }],
    facts: FACTS,
    measured: { diskId: 'root', manifest },
  });
  return finishedBuild(person, manifest, { image: IMAGE });
}
