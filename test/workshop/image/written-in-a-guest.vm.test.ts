/**
 * Disks that a guest has written with the file systems' and LVM's own tools, and left as a guest may leave them: what the measuring
 * VM lists beside what stat, sha256sum and getfattr said in the guest.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { recogniseFileSystem } from '../../../src/workshop/image/file-system-head.ts';
import {
  type Manifest,
  type ManifestEntry,
  measureDisk,
  measureDisks,
  parseManifest,
} from '../../../src/workshop/image/index.ts';
import { HEAD_BYTES } from '../../../src/workshop/image/limits.ts';
import { startMachine } from '../../../src/workshop/machine/index.ts';
import { emptyDisk, partition, readBytes, run } from './disks.fixture.ts';
import { runInMakerVm } from './maker-vm.fixture.ts';
import { measuringTools } from './measuring-vm.fixture.ts';

const MIB = 1024 * 1024;
/** MiB of the disks, by their names in the guest. */
const DISKS = { vda: 112, vdb: 128, vdc: 64, vdd: 16 } as const;
const PROGRAMS = [
  'lvm',
  'mke2fs',
  'mkfs.btrfs',
  'btrfs',
  'mkswap',
  'stat',
  'sha256sum',
  'find',
  'head',
  'getfattr',
  'setfattr',
];
/** Of the two physical volumes, MiB from the start of the disk, and what LVM puts before the first extent. */
const PHYSICAL = [
  { start: 1, size: 40 },
  { start: 41, size: 60 },
] as const;
const FIRST_EXTENT = 1;

const SCRIPT = `
# Of all files and folders under /mnt: type, mode, owner, size, path; the sum of each file; one attribute.
tell() {
  cd /mnt
  find . -exec stat -c "stat $1 %a %u %g %s %t:%T %F|%n" {} +
  find . -type f -exec sha256sum {} + | sed "s/^/sum $1 /"
  echo "attribute $1 $(getfattr --only-values -n user.colour folder)"
  cd /
}
fill() {
  mkdir -p "/mnt/folder/deeper"
  echo "this is $1" > "/mnt/folder/who am i"
  head -c 3000000 /dev/urandom > /mnt/large
  chmod 4711 /mnt/large; chown 12:34 /mnt/large
  # More than a number of tar's plain header can say.
  chown 4000000000:3000000000 "/mnt/folder/who am i"
  ln -s ../large /mnt/folder/link
  mkfifo -m 620 /mnt/folder/pipe
  mknod /mnt/folder/block b 259 1048575
  mknod /mnt/folder/character c 4095 7
  setfattr -n user.colour -v "$1 green" /mnt/folder
}

# Two physical volumes: two volumes in a row, one of them over both, and one turn by turn.
export LVM_SUPPRESS_FD_WARNINGS=1
volumes() { lvm "$@" -qq --config 'activation{udev_sync=0 udev_rules=0 monitoring=0}' >&2; }
volumes vgcreate -s 1m the-group /dev/vda1 /dev/vda2
volumes lvcreate -y -n swap -l 8 the-group /dev/vda2
volumes lvcreate -y -n my-data -i 2 -I 64k -l 16 the-group
volumes lvcreate -y -n root -l 60 the-group
mkswap /dev/the-group/swap >&2
for name in root my-data; do
  mke2fs -q -t ext4 /dev/the-group/$name
  mount -t ext4 /dev/the-group/$name /mnt
  fill $name
  tell $name
  umount /mnt
done
volumes vgchange -an the-group

# Subvolumes, one of them what is mounted by default, and a snapshot that is no longer the same.
mkfs.btrfs -q /dev/vdb
mount -t btrfs /dev/vdb /mnt
btrfs -q subvolume create /mnt/system
btrfs -q subvolume create /mnt/system/inner
fill btrfs
echo before > /mnt/system/state
btrfs -q subvolume snapshot -r /mnt/system /mnt/before
echo after > /mnt/system/state
btrfs -q subvolume set-default /mnt/system
umount /mnt
mount -t btrfs -o subvolid=5 /dev/vdb /mnt
tell btrfs
umount /mnt

# Two file systems that nobody unmounts.
mkdir /xfs /ext4
mount -t xfs /dev/vdc /xfs
mke2fs -q -t ext4 /dev/vdd
mount -t ext4 /dev/vdd /ext4
for each in /xfs /ext4; do echo content > $each/file; done
sync
`;

/** What stat calls them. */
const KINDS: Readonly<Record<string, ManifestEntry['kind']>> = {
  'regular file': 'file',
  directory: 'directory',
  'symbolic link': 'symlink',
  fifo: 'fifo',
  'block special file': 'block',
  'character special file': 'character',
};

type TreeEntry = Extract<ManifestEntry, { readonly mode: number }>;

describe('disks that a guest has written', function () {
  this.timeout(600_000);
  let folder: string;
  let disk: Record<keyof typeof DISKS, string>;
  let said: string;
  let volumes: Manifest;
  let btrfs: Manifest;
  let options: Omit<Parameters<typeof measureDisk>[0], 'diskPath'>;

  before(async function () {
    const tools = await measuringTools(this, 'sfdisk', 'mkfs.xfs', ...PROGRAMS);
    folder = mkdtempSync(path.join(tmpdir(), 'pg-guest-'));
    const empty = ([name, mib]: readonly [string, number]) => [name, emptyDisk(path.join(folder, name), mib * MIB)];
    disk = Object.fromEntries(Object.entries(DISKS).map(empty)) as typeof disk;
    const sectors = PHYSICAL.map(({ start, size }) => `start=${start * 2048},size=${size * 2048}`);
    partition(disk.vda, 'gpt', sectors);
    run('mkfs.xfs', ['-q', '--unsupported', disk.vdc]);
    const modules = ['dm_mod', 'btrfs', 'xfs'];
    said = await runInMakerVm({
      tools,
      folder,
      disks: Object.values(disk),
      modules,
      programs: PROGRAMS,
      script: SCRIPT,
    });
    options = {
      tools,
      normalise: ['disk-id'],
      startMachine,
      runtimeDir: path.join(folder, 'vm'),
      accelerator: 'tcg',
      format: 'raw',
    };
    const before = [disk.vda, disk.vdb].map(sumOf);
    const disks = [disk.vda, disk.vdb].map((each) => ({ path: each, format: 'raw' as const }));
    const measured = await measureDisks({ ...options, disks });
    assert.deepEqual([disk.vda, disk.vdb].map(sumOf), before);
    [volumes, btrfs] = measured as [Manifest, Manifest];
  });
  after(() => {
    if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
  });

  for (const [what, name, prefix] of [
    ['a volume over two physical volumes', 'root', 'the--group-root'],
    ['a volume in stripes', 'my-data', 'the--group-my--data'],
    ['a btrfs with subvolumes and a snapshot, whatever is mounted by default', 'btrfs', 'p0'],
  ] as const) {
    it(`lists what stat, sha256sum and getfattr say of ${what}`, () => {
      const entries = new Map<string, TreeEntry>();
      for (const entry of (prefix === 'p0' ? btrfs : volumes).entries) {
        if ('mode' in entry && entry.path.startsWith(`${prefix}:/`))
          entries.set(entry.path.slice(prefix.length + 1), entry);
      }
      const paths = new Set<string>();
      for (const [, mode = '', uid, gid, size, device = '', type = '', at = ''] of said.matchAll(
        new RegExp(`^stat ${name} (\\d+) (\\d+) (\\d+) (\\d+) (\\S+) ([a-z ]+)\\|\\.(.*)$`, 'gm'),
      )) {
        const inside = at === '' ? '/' : at.replaceAll(' ', '\\x20');
        const entry = entries.get(inside);
        assert.ok(entry, inside);
        paths.add(inside);
        assert.equal(entry.kind, KINDS[type], inside);
        const numbers = device.split(':').map((hex) => Number.parseInt(hex, 16));
        if (entry.device !== undefined) assert.deepEqual(entry.device, numbers, inside);
        assert.deepEqual(
          [entry.mode, entry.uid, entry.gid],
          [Number.parseInt(mode, 8), Number(uid), Number(gid)],
          inside,
        );
        if (entry.kind === 'file') assert.equal(entry.sizeBytes, Number(size), inside);
      }
      assert.ok(paths.size >= 9);
      assert.deepEqual(
        [...entries.keys()].filter((each) => !paths.has(each)),
        [],
      );
      const sums = [...said.matchAll(new RegExp(`^sum ${name} ([0-9a-f]{64})  \\.(.*)$`, 'gm'))];
      for (const [, sum, at = ''] of sums)
        assert.equal(entries.get(at.replaceAll(' ', '\\x20'))?.sha256, `sha256:${sum}`);
      assert.equal(sums.length, [...entries.values()].filter(({ kind }) => kind === 'file').length);
      const [, colour = ''] = new RegExp(`^attribute ${name} (.*)$`, 'm').exec(said) ?? [];
      const netstrings = `11:user.colour,${colour.length}:${colour},`;
      assert.equal(entries.get('/folder')?.xattrs, `sha256:${createHash('sha256').update(netstrings).digest('hex')}`);
    });
  }

  it('keeps both states of a btrfs snapshot', () => {
    const sum = (at: string): string | undefined =>
      btrfs.entries.flatMap((entry) => (entry.path === at && 'sha256' in entry ? [entry.sha256] : []))[0];
    assert.equal(sum('p0:/before/state'), `sha256:${createHash('sha256').update('before\n').digest('hex')}`);
    assert.equal(sum('p0:/system/state'), `sha256:${createHash('sha256').update('after\n').digest('hex')}`);
  });

  it('gives every byte of the disk, and of each volume, to exactly one extent, volume or file system', () => {
    const spaces = new Map<string, { offset: number; size: number }[]>();
    for (const { path: at } of volumes.entries) {
      const [, space, offset, size] = /^([^:/]+):(\d+)\+(\d+)$/.exec(at) ?? [];
      if (space === undefined) continue;
      spaces.set(space, [...(spaces.get(space) ?? []), { offset: Number(offset), size: Number(size) }]);
    }
    const covered = [...spaces].map(([space, parts]) => {
      let end = 0;
      for (const { offset, size } of parts.toSorted((a, b) => a.offset - b.offset)) {
        assert.equal(offset, end, space);
        end = offset + size;
      }
      return [space, end / MIB];
    });
    assert.deepEqual(covered, [
      ['disk', DISKS.vda],
      ['the--group-my--data', 16],
      ['the--group-root', 60],
      ['the--group-swap', 8],
    ]);
  });

  it('says which bytes are whose: a row of a volume, what describes the group, what is free', () => {
    const owned = (name: string): number =>
      volumes.entries.reduce(
        (sum, each) =>
          sum + (each.kind === 'filesystem' && each.type === 'lvm2' && each.name === name ? each.sizeBytes : 0),
        0,
      );
    assert.deepEqual(['the--group-root', 'the--group-my--data', 'the--group-swap'].map(owned), [
      60 * MIB,
      16 * MIB,
      8 * MIB,
    ]);
    const holding = (what: string) =>
      volumes.entries.flatMap((each) => (each.kind === 'extent' && each.holds === what ? [each] : []));
    assert.deepEqual(
      holding('lvm2-metadata').map((each) => [each.path, each.rule]),
      PHYSICAL.map(({ start }) => [`disk:${start * MIB}+${FIRST_EXTENT * MIB}`, 'disk-id']),
    );
    const unused = holding('lvm2-unused');
    const extents = PHYSICAL.reduce((sum, { size }) => sum + size - FIRST_EXTENT, 0);
    assert.equal(
      unused.reduce((sum, each) => sum + each.sizeBytes, 0),
      (extents - 60 - 16 - 8) * MIB,
    );
    for (const each of unused) {
      const [, offset] = /disk:(\d+)/.exec(each.path) ?? [];
      assert.equal(each.sha256, `sha256:${sumOfBytes(readBytes(disk.vda, Number(offset), each.sizeBytes))}`);
    }
    assert.deepEqual(
      holding('swap').map((each) => each.path),
      [`the--group-swap:0+${8 * MIB}`],
    );
  });

  it('makes a manifest that reads as what was written', () => {
    for (const { text } of [volumes, btrfs]) assert.equal(parseManifest(Buffer.from(text, 'latin1')).text, text);
  });

  it('refuses an XFS whose log was not written back, as the kernel does, and leaves it as it is', async () => {
    const before = sumOf(disk.vdc);
    await assert.rejects(measureDisk({ ...options, diskPath: disk.vdc }), {
      code: 'image/dirty-file-system',
      exitCode: 3,
      message: /p0.*its log/,
    });
    assert.equal(sumOf(disk.vdc), before);
  });

  it('refuses an ext4 whose journal was not written back', () => {
    const head = readBytes(disk.vdd, 0, HEAD_BYTES);
    assert.throws(() => recogniseFileSystem(head, { name: 'p0', sizeBytes: DISKS.vdd * MIB }), {
      code: 'image/dirty-file-system',
      exitCode: 3,
      message: /p0.*its journal/,
    });
  });
});

function sumOf(file: string): string {
  return run('sha256sum', [file]).slice(0, 64);
}

function sumOfBytes(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
