/**
 * One disk with a file system of each kind that the measuring VM reads, made by the file systems' own tools on this host, and
 * what the VM says of it beside what this host's own tools say of the same tree.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { measureDisk, unescapeName, type Manifest, type ManifestEntry } from '../../../src/workshop/image/index.ts';
import { recogniseFileSystem } from '../../../src/workshop/image/file-system-head.ts';
import { HEAD_BYTES } from '../../../src/workshop/image/limits.ts';
import { startMachine } from '../../../src/workshop/machine/index.ts';
import { emptyDisk, makeExt4, partition, readBytes, run } from './disks.fixture.ts';
import { measuringTools } from './measuring-vm.fixture.ts';
import { makeTree, walk } from './tree.fixture.ts';

const MIB = 1024 * 1024;
const CAPABILITY = '0x0100000200200000000000000000000000000000';
const isRoot = process.getuid?.() === 0;

/** Partitions one after the other from the first MiB on, in MiB. */
const LAYOUT = { ext4: 16, xfs: 64, btrfs: 64, squashfs: 4, erofs: 4, swap: 4 } as const;
type Kind = keyof typeof LAYOUT;
const KINDS = Object.keys(LAYOUT) as Kind[];
const DISK_MIB = 2 + Object.values(LAYOUT).reduce((sum, size) => sum + size, 0);

function startOf(kind: Kind): number {
  const before = KINDS.slice(0, KINDS.indexOf(kind));
  return MIB * before.reduce((sum, each) => sum + LAYOUT[each], 1);
}

type TreeEntry = Extract<ManifestEntry, { readonly mode: number }>;

describe('measuring a disk of many file systems', function () {
  this.timeout(600_000);
  let folder: string;
  let tree: string;
  let disk: string;
  let manifest: Manifest;
  let options: Omit<Parameters<typeof measureDisk>[0], 'diskPath'>;

  before(async function () {
    const tools = await measuringTools(
      this,
      'sfdisk',
      'mke2fs',
      'debugfs',
      'mkfs.xfs',
      'mkfs.btrfs',
      'mksquashfs',
      'mkfs.erofs',
      'setfattr',
      'setfacl',
      'getfacl',
      'mkswap',
    );
    folder = await mkdtemp(path.join(tmpdir(), 'pg-many-'));
    tree = makeTree(path.join(folder, 'tree'), 'forwards', 1_600_000_000);
    // A colour, bytes that are no text, and a list of who may do what.
    run('setfattr', ['-n', 'user.colour', '-v', 'green', path.join(tree, 'etc/hostname')]);
    run('setfattr', ['-n', 'user.bytes', '-v', '0x00ff0a', path.join(tree, 'etc/hostname')]);
    // What may be set by root alone: a capability (linux/capability.h, version 2: CAP_NET_RAW, effective).
    if (isRoot) run('setfattr', ['-n', 'security.capability', '-v', CAPABILITY, path.join(tree, 'etc/hostname')]);
    run('setfacl', ['-m', 'u:65534:r', path.join(tree, 'bin/true')]);
    run('setfacl', ['-d', '-m', 'u:65534:rx', path.join(tree, 'empty')]);
    disk = makeDisk(folder, tree);
    options = {
      tools,
      normalise: ['disk-id'],
      startMachine,
      runtimeDir: path.join(folder, 'vm'),
      accelerator: 'tcg',
      format: 'raw',
    };
    manifest = await measureDisk({ ...options, diskPath: disk });
  });
  after(async () => {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  const entriesOf = (kind: Kind): ReadonlyMap<string, TreeEntry> => {
    const prefix = `p${KINDS.indexOf(kind) + 1}:`;
    const found = new Map<string, TreeEntry>();
    for (const entry of manifest.entries) {
      if (!entry.path.startsWith(prefix) || !('mode' in entry)) continue;
      found.set(unescapeName(entry.path.slice(prefix.length))?.toString('latin1') ?? entry.path, entry);
    }
    return found;
  };

  for (const kind of ['ext4', 'btrfs', 'squashfs', 'erofs'] as const) {
    it(`lists in ${kind} what stat and sha256sum say of the tree, whatever the names`, () => {
      const entries = entriesOf(kind);
      const files = walk(kind === 'erofs' ? `${tree}-for-erofs` : tree);
      for (const [name, expected] of files) {
        const entry = entries.get(name);
        assert.ok(entry, `${kind} ${name}`);
        assert.deepEqual(
          [entry.mode, entry.sizeBytes, entry.sha256],
          [expected.mode, expected.sizeBytes, expected.sha256],
          name,
        );
        if (expected.linkTarget) assert.deepEqual(unescapeName(entry.linkTarget ?? ''), expected.linkTarget);
      }
      assert.equal(entries.get('/pipe')?.kind, 'fifo');
      assert.equal(entries.get('/dir/a.c')?.hardLinkOf, `p${KINDS.indexOf(kind) + 1}:/dir.c`);
      const more = [...entries.keys()].filter((name) => !files.has(name));
      assert.deepEqual(more, kind === 'ext4' ? ['/lost+found'] : []);
    });

    it(`digests in ${kind} the extended attributes that getfattr tells`, () => {
      const attributes = [
        ...run('getfattr', [
          '-d',
          '-m',
          '^(user|security.capability)',
          '-e',
          'hex',
          path.join(tree, 'etc/hostname'),
        ]).matchAll(/^([\w.]+)=0x([0-9a-f]*)$/gm),
      ].map(([, name = '', hex = '']) => [Buffer.from(name), Buffer.from(hex, 'hex')] as const);
      assert.equal(attributes.length, isRoot ? 3 : 2);
      attributes.sort(([one], [two]) => Buffer.compare(one, two));
      const hash = createHash('sha256');
      for (const piece of attributes.flat()) hash.update(`${piece.length}:`).update(piece).update(',');
      assert.equal(entriesOf(kind).get('/etc/hostname')?.xattrs, `sha256:${hash.digest('hex')}`);
    });
  }

  it('digests access control lists as getfacl prints them, alike in all that have them', () => {
    const acl = (file: string, ...more: readonly string[]): string =>
      `${run('getfacl', [...more, '--omit-header', '--numeric', '--absolute-names', path.join(tree, file)]).trim()}\n`;
    const digest = (lists: Readonly<Record<string, string>>): string => {
      const hash = createHash('sha256');
      for (const [name, text] of Object.entries(lists)) hash.update(`${name.length}:${name},${text.length}:${text},`);
      return `sha256:${hash.digest('hex')}`;
    };
    const access = acl('bin/true');
    assert.match(access, /^user:65534:r--$/m);
    const inherited = { 'acl.access': acl('empty', '--access'), 'acl.default': acl('empty', '--default') };
    assert.match(inherited['acl.default'], /^user:65534:r-x$/m);
    for (const kind of ['ext4', 'btrfs', 'erofs'] as const) {
      assert.equal(entriesOf(kind).get('/bin/true')?.xattrs, digest({ 'acl.access': access }), kind);
      assert.equal(entriesOf(kind).get('/empty')?.xattrs, digest(inherited), kind);
    }
  });

  it('lists in xfs what its own prototype file says', () => {
    const entries = entriesOf('xfs');
    assert.deepEqual([...entries.keys()].sort(), ['/', '/folder', '/folder/file', '/folder/link', '/null', '/pipe']);
    const file = entries.get('/folder/file');
    assert.deepEqual([file?.mode, file?.uid, file?.gid, file?.sizeBytes], [0o640, 1, 2, 12]);
    assert.equal(file?.sha256, `sha256:${createHash('sha256').update('an xfs file\n').digest('hex')}`);
    assert.equal(entries.get('/folder/link')?.linkTarget, '../null');
    assert.deepEqual(entries.get('/null')?.device, [1, 3]);
    assert.equal(entries.get('/pipe')?.kind, 'fifo');
  });

  it('says what is a file system, hashes what none of them owns, and what it does not know as one piece', () => {
    const systems = manifest.entries.flatMap((entry) => (entry.kind === 'filesystem' ? [entry.type] : []));
    assert.deepEqual(systems.sort(), ['btrfs', 'erofs', 'ext4', 'squashfs', 'xfs']);
    const extent = (offset: number, size: number): void => {
      const entry = manifest.entries.find((each) => each.path === `disk:${offset}+${size}`);
      assert.ok(entry?.kind === 'extent', `disk:${offset}+${size}`);
      const digest = createHash('sha256')
        .update(readBytes(disk, offset, size))
        .digest('hex');
      assert.equal(entry.sha256, `sha256:${digest}`);
    };
    extent(startOf('ext4'), 1024);
    extent(startOf('btrfs'), 64 * 1024);
    extent(startOf('swap'), LAYOUT.swap * MIB);
    const parts = manifest.entries
      .flatMap(({ path: name }) => /^disk:(\d+)\+(\d+)$/.exec(name) ?? [])
      .filter((_, index) => index % 3 !== 0)
      .map(Number);
    const covered = parts.filter((_, index) => index % 2 === 1).reduce((sum, size) => sum + size, 0);
    assert.equal(covered, DISK_MIB * MIB);
  });

  it('refuses what is not whole, and takes what it cannot read as one piece', () => {
    const head = (kind: Kind): Buffer => readBytes(disk, startOf(kind), HEAD_BYTES);
    const recognise = (kind: Kind, bytes: Buffer) =>
      recogniseFileSystem(bytes, { name: kind, sizeBytes: LAYOUT[kind] * MIB });
    for (const kind of KINDS) assert.equal(recognise(kind, head(kind))?.type, kind === 'swap' ? undefined : kind);
    // The number of blocks of the xfs, and of bytes of the squashfs: more than the partition has, or any disk.
    for (const [kind, offset] of [
      ['xfs', 8],
      ['xfs', 12],
      ['squashfs', 47],
      ['erofs', 1024 + 39],
    ] as const) {
      const bytes = head(kind);
      bytes.writeUInt8(0x7f, offset);
      assert.throws(() => recognise(kind, bytes), { code: 'image/bad-file-system' }, `${kind} ${offset}`);
    }
    const log = head('btrfs');
    log.writeUInt8(1, 64 * 1024 + 0x60);
    assert.throws(() => recognise('btrfs', log), { code: 'image/dirty-file-system', message: /its log/ });
    const two = head('btrfs');
    two.writeUInt8(2, 64 * 1024 + 0x88);
    assert.equal(recognise('btrfs', two), undefined);
    // Cut short anywhere it is none of them, and no reading beyond the end.
    for (const kind of KINDS)
      for (const size of [0, 3, 95, 511, 1100, 64 * 1024 + 0x48]) recognise(kind, head(kind).subarray(0, size));
  });
});

function makeDisk(folder: string, tree: string): string {
  const at = (name: string): string => path.join(folder, name);
  const disk = emptyDisk(at('many.raw'), DISK_MIB * MIB);
  partition(
    disk,
    'gpt',
    KINDS.map((kind) => `start=${startOf(kind) / 512},size=${(LAYOUT[kind] * MIB) / 512}`),
  );
  const put = (kind: Kind, file: string): void => {
    run('dd', [`if=${file}`, `of=${disk}`, 'bs=1M', `seek=${startOf(kind) / MIB}`, 'conv=notrunc,sparse']);
  };
  makeExt4(disk, startOf('ext4'), LAYOUT.ext4 * MIB, tree);
  put('xfs', makeXfs(folder));
  const btrfs = emptyDisk(at('btrfs'), LAYOUT.btrfs * MIB);
  run('mkfs.btrfs', ['-q', '--mixed', '--rootdir', tree, btrfs]);
  put('btrfs', btrfs);
  run('mksquashfs', [tree, at('squashfs'), '-quiet', '-no-progress', '-noappend', '-xattrs']);
  put('squashfs', at('squashfs'));
  run('mkfs.erofs', ['--quiet', at('erofs'), withoutLongName(tree)]);
  put('erofs', at('erofs'));
  const swap = emptyDisk(at('swap'), LAYOUT.swap * MIB);
  chmodSync(swap, 0o600);
  run('mkswap', ['-q', swap]);
  put('swap', swap);
  return disk;
}

/** A copy beside it: mkfs.erofs 1.5 cuts off the last byte of a name of 255. */
function withoutLongName(tree: string): string {
  const copy = `${tree}-for-erofs`;
  run('cp', ['--archive', '--no-target-directory', tree, copy]);
  run('rm', [path.join(copy, 'x'.repeat(255))]);
  return copy;
}

/** mkfs.xfs(8): a prototype file says what is in it. */
function makeXfs(folder: string): string {
  const at = (name: string): string => path.join(folder, name);
  mkdirSync(at('for-xfs'));
  writeFileSync(at('for-xfs/file'), 'an xfs file\n');
  const lines = [
    '/no/boot/program',
    '0 0',
    'd--755 0 0',
    'folder d--755 0 0',
    `file ---640 1 2 ${at('for-xfs/file')}`,
    'link l--777 0 0 ../null',
    '$',
    'null c--666 0 0 1 3',
    'pipe p--600 0 0',
    '$',
  ];
  writeFileSync(at('prototype'), `${lines.join('\n')}\n`);
  const xfs = emptyDisk(at('xfs'), LAYOUT.xfs * MIB);
  // A file system for a person would be larger: mkfs.xfs wants 300 MB.
  run('mkfs.xfs', ['-q', '--unsupported', '-p', at('prototype'), xfs]);
  return xfs;
}
