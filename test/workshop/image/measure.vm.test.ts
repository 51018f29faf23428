import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  diffManifests,
  measureDisk,
  measureDisks,
  type Manifest,
  type ManifestEntry,
  type MeasureOptions,
  type MeasureProgress,
  type MeasuringTools,
  unescapeName,
} from '../../../src/workshop/image/index.ts';
import { startMachine } from '../../../src/workshop/machine/index.ts';
import { copyDisk, debugfs, emptyDisk, flipByte, makeExt4, partition, readBytes, run } from './disks.fixture.ts';
import { measuringTools } from './measuring-vm.fixture.ts';
import { makeTree, ODD_NAMES, walk } from './tree.fixture.ts';

const MIB = 1024 * 1024;
const CONTENT = 'the one file that differs';

function sha256(bytes: Uint8Array): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function entry(manifest: Manifest | undefined, path: string): ManifestEntry | undefined {
  return manifest?.entries.find((each) => each.path === path);
}

function paths(a: Manifest | undefined, b: Manifest | undefined): readonly string[] {
  assert.ok(a && b);
  return diffManifests(a, b).map((each) => each.path);
}

describe('measuring a disk', function () {
  this.timeout(600_000);
  let folder: string;
  let tools: MeasuringTools;
  let options: MeasureOptions;
  let manifests: Record<string, Manifest>;
  let disk: Record<string, string>;
  let tree: string;
  const progress: MeasureProgress[] = [];

  before(async function () {
    tools = await measuringTools(this, 'sfdisk', 'mke2fs', 'debugfs', 'mkfs.fat', 'mcopy');
    folder = await mkdtemp(join(tmpdir(), 'pg-measure-'));
    options = {
      tools,
      normalise: ['machine-id', 'disk-id'],
      startMachine,
      runtimeDir: join(folder, 'vm'),
      accelerator: 'tcg',
    };
    tree = makeTree(join(folder, 'p0'), 'forwards', 1_600_000_000);
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(join(tree, 'socket'), resolve));
    disk = await makeDisks(folder, tree);
    server.close();
    const names = Object.keys(disk);
    const disks = Object.values(disk).map((path) => ({ path, format: 'raw' as const }));
    const measured = await measureDisks({ ...options, disks, onProgress: (one) => progress.push(one) });
    manifests = Object.fromEntries(measured.map((manifest, index) => [names[index] ?? '', manifest]));
  });

  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  it('tells how far it is: never back, never beyond the disks, and at the end all of them', () => {
    assert.ok(progress.length > Object.keys(disk).length);
    for (const [index, { doneBytes, diskBytes }] of progress.entries()) {
      assert.ok(doneBytes >= (progress[index - 1]?.doneBytes ?? 0) && doneBytes <= diskBytes);
    }
    const sizes = Object.values(disk).map((path) => statSync(path).size);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    assert.deepEqual(progress.at(-1), { doneBytes: total, diskBytes: total });
  });

  it('lists each file with its mode, owner, size and content, whatever its name', () => {
    const listed = new Map<string, ManifestEntry>();
    for (const each of manifests['whole']?.entries ?? []) {
      const name = /^p0:(.*)$/.exec(each.path)?.[1];
      if (name !== undefined) listed.set(unescapeName(name)?.toString('latin1') ?? 'not canonical', each);
    }
    for (const [path, expected] of walk(tree)) {
      const found = listed.get(path);
      assert.ok(found !== undefined && 'mode' in found, path);
      assert.equal(found.uid, process.getuid?.());
      // machine-id is rewritten by a rule.
      if (found.rule !== undefined) continue;
      const { mode, sizeBytes, linkTarget } = found;
      assert.deepEqual(
        {
          mode,
          sizeBytes,
          sha256: found.sha256,
          link: linkTarget === undefined ? undefined : unescapeName(linkTarget),
        },
        { mode: expected.mode, sizeBytes: expected.sizeBytes, sha256: expected.sha256, link: expected.linkTarget },
        path,
      );
    }
    const missing = [...listed.keys()].filter((path) => !walk(tree).has(path));
    assert.deepEqual(missing.sort(), ['/character', '/lost+found', '/socket']);
    for (const name of ODD_NAMES) assert.ok(listed.has(`/${name.toString('latin1')}`));
  });

  it('lists pipes, sockets, devices, hard links and extended attributes', () => {
    const { whole } = manifests;
    assert.equal(entry(whole, 'p0:/pipe')?.kind, 'fifo');
    assert.equal(entry(whole, 'p0:/socket')?.kind, 'socket');
    const character = entry(whole, 'p0:/character');
    assert.ok(character?.kind === 'character');
    assert.deepEqual(character.device, [5, 1]);
    const link = entry(whole, 'p0:/dir/a.c');
    assert.ok(link?.kind === 'file');
    assert.equal(link.hardLinkOf, 'p0:/dir.c');
    assert.equal(link.sha256, sha256(Buffer.from('two names')));
    const marked = entry(whole, 'p0:/etc/hostname');
    assert.ok(marked?.kind === 'file');
    const netstrings = Buffer.concat([
      Buffer.from('11:user.binary,3:'),
      Buffer.from([0x00, 0xff, 0x80]),
      Buffer.from(','),
    ]);
    assert.equal(marked.xattrs, sha256(netstrings));
    assert.ok(!('xattrs' in (entry(whole, 'p0:/sparse') ?? {})));
  });

  it('gives every byte of the disk to exactly one extent or file system', () => {
    for (const [name, manifest] of Object.entries(manifests)) {
      const parts = manifest.entries
        .map((each) => /^disk:(\d+)\+(\d+)$/.exec(each.path))
        .filter((match) => match !== null)
        .map(([, offset, size]) => ({ offset: Number(offset), size: Number(size) }))
        .sort((a, b) => a.offset - b.offset);
      let end = 0;
      for (const { offset, size } of parts) {
        assert.equal(offset, end, name);
        end = offset + size;
      }
      assert.equal(end, 64 * MIB, name);
    }
  });

  it('hashes extents as sha256sum does', () => {
    const gap = entry(manifests['first'], `disk:512+${MIB - 512}`);
    assert.ok(gap?.kind === 'extent');
    assert.equal(gap.sha256, sha256(readBytes(disk['first'] ?? '', 512, MIB - 512)));
    assert.match(
      run('sh', ['-c', `dd if='${disk['first']}' bs=512 skip=2048 count=2 2>/dev/null | sha256sum`]),
      /^[0-9a-f]{64}/,
    );
    const boot = entry(manifests['first'], `disk:${MIB}+1024`);
    assert.ok(boot?.kind === 'extent');
    const shell = run('sh', ['-c', `dd if='${disk['first']}' bs=512 skip=2048 count=2 2>/dev/null | sha256sum`]);
    assert.equal(boot.sha256, `sha256:${shell.slice(0, 64)}`);
  });

  it('gives one digest to the same tree written in another order, at another time, with other ids', () => {
    assert.notDeepEqual(readBytes(disk['first'] ?? '', 440, 4), readBytes(disk['second'] ?? '', 440, 4));
    assert.deepEqual(paths(manifests['first'], manifests['second']), []);
    assert.equal(manifests['first']?.digest, manifests['second']?.digest);
    const id = entry(manifests['first'], 'p1:/etc/machine-id');
    assert.ok(id?.kind === 'file');
    assert.deepEqual([id.rule, id.sizeBytes], ['machine-id', 0]);
  });

  it('shows one changed byte in a file, in the boot sector and in the gap, each in its own line', () => {
    assert.deepEqual(paths(manifests['first'], manifests['file']), ['p1:/etc/hostname']);
    assert.deepEqual(paths(manifests['first'], manifests['boot']), ['disk:0+512', `disk:${MIB}+1024`]);
    assert.deepEqual(paths(manifests['first'], manifests['gap']), [`disk:512+${MIB - 512}`]);
  });

  it('measures a GPT disk with FAT and unknown partitions, random ids aside', () => {
    const { gpt, gptAgain } = manifests;
    assert.deepEqual(paths(gpt, gptAgain), []);
    assert.equal(entry(gpt, 'p1:/EFI/BOOT/boot.txt')?.kind, 'file');
    // No file system: one extent, as it is.
    const unknown = entry(gpt, `disk:${33 * MIB}+${MIB}`);
    assert.ok(unknown?.kind === 'extent');
    assert.equal(unknown.sha256, sha256(readBytes(disk['gpt'] ?? '', 33 * MIB, MIB)));
    assert.equal(unknown.rule, undefined);
    assert.equal(gpt?.entries.filter((each) => 'rule' in each && each.rule === 'disk-id').length, 6);
  });

  it('can be checked without this software: sha256sum of the text, and of the files', async () => {
    const { whole } = manifests;
    assert.ok(whole);
    const file = join(folder, 'manifest.txt');
    await writeFile(file, whole.text);
    assert.equal(`sha256:${run('sha256sum', [file]).slice(0, 64)}`, whole.digest);
    // The files that a rule rewrote are left out; the manifest names them.
    const script =
      'find p0 -type f ! -path p0/etc/machine-id -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum';
    const shell = run('sh', ['-c', `cd '${folder}' && ${script}`]);
    assert.equal(`sha256:${shell.slice(0, 64)}`, whole.dirHash1);
  });

  it('refuses a file system whose journal was not written back', async () => {
    const dirty = copyDisk(disk['whole'] ?? '', join(folder, 'dirty.raw'));
    debugfs(dirty, ['feature needs_recovery']);
    const before = sha256(readBytes(dirty, 0, 64 * MIB));
    await assert.rejects(measureDisk({ ...options, diskPath: dirty, format: 'raw' }), {
      code: 'image/dirty-file-system',
      exitCode: 3,
      message: /p0.*journal/,
    });
    assert.equal(sha256(readBytes(dirty, 0, 64 * MIB)), before);
  });

  it('says what the kernel said where a file system cannot be read', async () => {
    const damaged = copyDisk(disk['whole'] ?? '', join(folder, 'damaged.raw'));
    // The group descriptors, in the block behind the superblock (blocks of 1 KiB).
    for (let offset = 2048; offset < 2048 + 512; offset += 1) flipByte(damaged, offset);
    await assert.rejects(measureDisk({ ...options, diskPath: damaged, format: 'raw' }), {
      code: 'image/measure-failed',
      exitCode: 1,
      message: /mounting the ext4 file system of p0: .*EXT4-fs/,
    });
  });

  it('ends when it is interrupted, when the VM dies, and when it says nothing', async () => {
    const diskPath = disk['first'] ?? '';
    const controller = new AbortController();
    const interrupted = measureDisk({
      ...options,
      diskPath,
      format: 'raw',
      signal: controller.signal,
      startMachine: async (start) => {
        const machine = await startMachine(start);
        setImmediate(() => controller.abort());
        return machine;
      },
    });
    await assert.rejects(interrupted, { code: 'interrupted', exitCode: 130 });
    const off = measureDisk({
      ...options,
      diskPath,
      format: 'raw',
      startMachine: async (start) => {
        const machine = await startMachine(start);
        await machine.power('off');
        return machine;
      },
    });
    await assert.rejects(off, { code: 'image/measure-ended' });
    await assert.rejects(measureDisk({ ...options, diskPath, format: 'raw', stallMs: 50 }), {
      code: 'image/measure-stuck',
    });
  });
});

async function makeDisks(folder: string, tree: string): Promise<Record<string, string>> {
  const whole = emptyDisk(join(folder, 'whole.raw'), 64 * MIB);
  makeExt4(whole, 0, 64 * MIB, tree);
  await writeFile(join(folder, 'attribute'), Buffer.from([0x00, 0xff, 0x80]));
  debugfs(whole, ['mknod character c 5 1', `ea_set -f ${join(folder, 'attribute')} /etc/hostname user.binary`]);

  const first = mbrDisk(join(folder, 'first.raw'), makeTree(join(folder, 'first'), 'forwards', 1_600_000_000));
  const second = mbrDisk(join(folder, 'second.raw'), makeTree(join(folder, 'second'), 'backwards', 1_700_000_000));
  const changed = makeTree(join(folder, 'changed'), 'forwards', 1_600_000_000);
  await writeFile(join(changed, 'etc/hostname'), CONTENT.slice(0, 'fixture\n'.length));
  const file = mbrDisk(join(folder, 'file.raw'), changed);
  const boot = copyDisk(first, join(folder, 'boot.raw'));
  flipByte(boot, 3);
  flipByte(boot, MIB + 1023);
  const gap = copyDisk(first, join(folder, 'gap.raw'));
  flipByte(gap, MIB - 1);
  const gpt = await gptDisk(join(folder, 'gpt.raw'), folder);
  const gptAgain = await gptDisk(join(folder, 'gpt-again.raw'), folder);
  return { whole, first, second, file, boot, gap, gpt, gptAgain };
}

/** Something in the gap and the boot sectors, one ext4 that is smaller than its partition, and an unused end. */
function mbrDisk(path: string, tree: string): string {
  emptyDisk(path, 64 * MIB);
  partition(path, 'dos', ['2048,81920,83,*']);
  flipByte(path, 0);
  flipByte(path, 2000);
  makeExt4(path, MIB, 32 * MIB, tree);
  return path;
}

async function gptDisk(path: string, folder: string): Promise<string> {
  emptyDisk(path, 64 * MIB);
  partition(path, 'gpt', [
    'start=2048,size=65536,type=U',
    'start=67584,size=2048,type=21686148-6449-6E6F-744E-656564454649',
  ]);
  const fat = emptyDisk(join(folder, 'fat.raw'), 32 * MIB);
  run('mkfs.fat', ['-F', '16', fat]);
  const content = join(folder, 'boot.txt');
  await writeFile(content, 'boot me');
  run('mmd', ['-i', fat, '::/EFI', '::/EFI/BOOT']);
  run('mcopy', ['-i', fat, content, '::/EFI/BOOT/boot.txt']);
  run('dd', [`if=${fat}`, `of=${path}`, 'bs=1M', 'seek=1', 'conv=notrunc']);
  flipByte(path, 33 * MIB + 77);
  return path;
}
