/** The states that a build's disk went through, read by one measuring VM. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { lastWriterIn } from '../../../src/crosscheck/index.ts';
import {
  measureWithStages,
  spread,
  type BuildStage,
  type StagesOptions,
} from '../../../src/workshop/build/measure-stages.ts';
import { parseManifest, type Manifest } from '../../../src/workshop/image/index.ts';
import { createDisk, flattenDisk, startMachine } from '../../../src/workshop/machine/index.ts';
import { copyDisk, debugfs, emptyDisk, flipByte, makeExt4 } from '../image/disks.fixture.ts';
import { measuringTools } from '../image/measuring-vm.fixture.ts';

const MIB = 1024 * 1024;
const SIZE = 8 * MIB;

describe('the stages of a build', function () {
  this.timeout(600_000);
  let folder: string;
  let measured: { readonly manifest: Manifest; readonly stages: readonly BuildStage[] };
  /** The same once more. */
  let again: typeof measured;
  /** Disks that the measuring VM was given, each time. */
  const read: number[] = [];
  let untouched: readonly string[];
  let afterwards: readonly string[];
  const unread: string[] = [];

  before(async function () {
    const tools = await measuringTools(this, 'mke2fs');
    folder = await mkdtemp(path.join(tmpdir(), 'pg-stages-'));
    const at = (name: string): string => path.join(folder, name);
    const frozen = async (name: string, raw: string): Promise<string> => {
      await flattenDisk({ path: raw, format: 'raw' }, { path: at(`${name}.qcow2`), format: 'qcow2' });
      return at(`${name}.qcow2`);
    };
    const early = emptyDisk(at('early.raw'), SIZE);
    makeExt4(early, 0, SIZE, await tree(at('early'), { hostname: 'portal', issue: 'an early one' }));
    const torn = copyDisk(early, at('torn.raw'));
    // The group descriptors: a file system that is half made.
    for (let offset = 2048; offset < 2560; offset += 1) flipByte(torn, offset);
    // As it is while it is mounted.
    debugfs(early, ['feature needs_recovery']);
    const finished = emptyDisk(at('finished.raw'), SIZE);
    makeExt4(finished, 0, SIZE, await tree(at('late'), { hostname: 'portal', issue: 'a later one' }));
    await createDisk({ path: at('blank.qcow2'), format: 'qcow2' }, SIZE);
    const disks = [at('blank.qcow2'), await frozen('torn', torn), await frozen('early', early)];
    untouched = await Promise.all(disks.map(digestOf));
    const disksAfter = {
      start: { root: disks[0] ?? '' },
      format: { root: disks[1] ?? '' },
      base: { root: disks[2] ?? '' },
      nothing: { root: await frozen('same', early) },
      elsewhere: { other: disks[0] ?? '' },
    };
    const checkpoints = Object.entries<Readonly<Record<string, string>>>(disksAfter).map(([step, held]) => ({
      step,
      disks: held,
      folder: at(`node-${step}`),
    }));
    for (const { folder: node } of checkpoints) await mkdir(node);
    const options: StagesOptions = {
      disk: finished,
      diskId: 'root',
      checkpoints,
      lastStep: 'power-off',
      folder,
      tools,
      normalise: [],
      startMachine: (start) => {
        read.push(start.config.disks.length);
        return startMachine(start);
      },
      runtimeDir: at('vm'),
      accelerator: 'tcg',
      onUnread: (step, error) => unread.push(`${step}: ${error.message}`),
    };
    measured = await measureWithStages(options);
    again = await measureWithStages(options);
    afterwards = await Promise.all(disks.map(digestOf));
  });
  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it('are told in order, the finished disk last; a file system in use is read all the same', () => {
    assert.deepEqual(
      measured.stages.map(({ step }) => step),
      ['start', 'base', 'nothing', 'power-off'],
    );
    const [, base, nothing, end] = measured.stages;
    assert.equal(nothing?.manifest, base?.manifest);
    assert.equal(end?.manifest, measured.manifest.text);
  });

  it('are read once: what one was measured to hold is kept beside its checkpoint', () => {
    assert.deepEqual(read, [3, 2]); // the finished disk, the one that cannot be read, and the first time `base`
    assert.deepEqual(again, measured);
  });

  it('lay each file to the step that last wrote it', () => {
    const stages = measured.stages.map(({ step, manifest }) => ({
      step,
      manifest: parseManifest(Buffer.from(manifest)),
    }));
    const writerOf = lastWriterIn(stages);
    assert.deepEqual(writerOf('p0:/hostname'), { step: 'base', after: 'start' });
    assert.deepEqual(writerOf('p0:/issue'), { step: 'power-off', after: 'nothing' });
  });

  it('are none where a file system cannot be read, and nothing else fails for that', () => {
    assert.equal(unread.length, 2); // once each time
    for (const told of unread) assert.match(told, /^format: .*mounting the ext4 file system of p0/);
  });

  it('are left as they were, though journals are replayed', () => assert.deepEqual(afterwards, untouched));

  it('are spread evenly where there are more than the VM has room for', () => {
    const all = Array.from({ length: 40 }, (_, index) => index);
    const some = spread(all, 16);
    assert.equal(some.length, 16);
    assert.deepEqual([some[0], some.at(-1)], [0, 39]);
    assert.deepEqual(spread([1, 2], 16), [1, 2]);
  });
});

async function tree(root: string, files: Readonly<Record<string, string>>): Promise<string> {
  await mkdir(root);
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(root, name), content);
  return root;
}

async function digestOf(file: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(file))
    .digest('hex');
}
