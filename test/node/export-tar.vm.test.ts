/** An image as an archive of its files: what the measuring VM's kernel reads, complete, and read by other people's programs. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import { exportImage, type ExportCommand, type ExportedImage } from '../../src/node/export-image.ts';
import { openHome } from '../../src/node/home.ts';
import {
  compileRules,
  formatManifest,
  measureDisks,
  type Manifest,
  type ManifestEntry,
} from '../../src/workshop/image/index.ts';
import { startMachine } from '../../src/workshop/machine/index.ts';
import { outcomeOf, startCli } from '../support/cli.ts';
import { mountSmallDisk } from '../support/full-disk.ts';
import { eventually } from '../support/node.ts';
import { seeded } from '../support/random.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { debugfs, emptyDisk, flipByte, makeExt4, run } from '../workshop/image/disks.fixture.ts';
import { extentManifest } from '../workshop/image/image-facts.fixture.ts';
import { EXTENT, FIRST_EXTENT, groupText, ID, inARow, physicalVolume, volume } from '../workshop/image/lvm.fixture.ts';
import { measuringTools } from '../workshop/image/measuring-vm.fixture.ts';
import { pythonEntries } from '../workshop/image/tar-entries.ts';
import { makeTree } from '../workshop/image/tree.fixture.ts';

const MIB = 1024 * 1024;
const VOLUME_BYTES = 4 * MIB;
const ENDLESS_BYTES = 8 * 1024 * MIB;
const { signal } = new AbortController();
const RULES = ['machine-id'];

describe('an image as an archive of its files', function () {
  this.timeout(600_000);
  let person: TestHome;
  let tree: string;
  let manifest: Manifest;
  let volumes: Manifest;
  let answer: ExportedImage;

  const at = (...names: readonly string[]): string => path.join(person.folder, ...names);

  function exported(image: string, fields: Partial<ExportCommand> = {}): Promise<ExportedImage> {
    const command = { image, format: 'tar', output: at('out'), force: false, attest: false, signal } as const;
    return exportImage(person.home, { ...command, ...fields });
  }

  before(async function () {
    const tools = await measuringTools(this, 'mke2fs', 'debugfs', 'python3');
    person = await tempHome();
    await openHome(person.home);
    await mkdir(at('out'));
    tree = makeTree(at('tree'), 'forwards', 1_600_000_000);
    const disks = [
      await oddDisk('one.raw', tree),
      await oddDisk('two.raw', makeTree(at('two'), 'backwards', 1_600_000_000)),
      await diskOfVolumes(),
    ];
    const manifests = await measureDisks({
      tools,
      normalise: RULES,
      startMachine,
      runtimeDir: at('vm'),
      accelerator: 'tcg',
      disks: disks.map((file) => ({ path: file, format: 'raw' })),
    });
    for (const [index, id] of ['one', 'two', 'volumes'].entries())
      await storedBuild(person, id, { disk: disks[index]!, manifest: manifests[index]!, normalise: RULES });
    [manifest, , volumes] = manifests as [Manifest, Manifest, Manifest];
    answer = await exported('one');
    await storedBuild(person, 'endless', { ...(await endlessDisk()), normalise: RULES });
  });
  after(() => person?.remove());

  /** All that a file system can name, a socket and a capability among it. */
  async function oddDisk(name: string, from: string): Promise<string> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path.join(from, 'socket'), resolve));
    const disk = emptyDisk(at(name), 32 * MIB);
    makeExt4(disk, 0, 32 * MIB, from);
    server.close();
    await writeFile(at('attribute'), Buffer.from([0x00, 0xff, 0x0a, 0x3d]));
    // vfs_cap_data, revision 2: cap_net_raw, permitted and effective.
    await writeFile(at('capability'), Buffer.from('0100000200200000000000000000000000000000', 'hex'));
    debugfs(disk, [
      'mknod character c 5 1',
      `ea_set -f ${at('attribute')} /etc/hostname user.odd=%name`,
      `ea_set -f ${at('capability')} /bin/true security.capability`,
      'set_inode_field /empty uid 3000000000',
    ]);
    return disk;
  }

  /** Two logical volumes, the halves of the first one the wrong way round, and the second between them. */
  async function diskOfVolumes(): Promise<string> {
    const extents = VOLUME_BYTES / EXTENT;
    const half = extents / 2;
    const row = (count: number, from: number): string =>
      `extent_count = ${count} type = "striped" stripe_count = 1 stripes = ["pv0", ${from}]`;
    const physical = { pv0: { id: ID('a'), extents: 2 * extents } };
    const group = { root: volume([row(half, half + extents), row(half, 0)]), 'my-data': inARow(extents, 'pv0', half) };
    const text = groupText({ physical, volumes: group });
    const bytes = physicalVolume({ id: ID('a'), text, extents: 2 * extents });
    const place = async (name: string, ...places: readonly number[]): Promise<void> => {
      const folder = at(`${name}-files`);
      await mkdir(path.join(folder, 'deeper'), { recursive: true });
      // Of more than one half.
      await writeFile(path.join(folder, 'deeper', 'large'), Buffer.alloc(VOLUME_BYTES / 2, `in ${name} `));
      await writeFile(path.join(folder, 'name'), name);
      const disk = emptyDisk(at(`${name}.raw`), VOLUME_BYTES);
      makeExt4(disk, 0, VOLUME_BYTES, folder);
      const content = await readFile(disk);
      const each = content.length / places.length;
      for (const [index, to] of places.entries())
        content.copy(bytes, FIRST_EXTENT + to * EXTENT, index * each, (index + 1) * each);
    };
    await place('root', half + extents, 0);
    await place('my-data', half);
    await writeFile(at('volumes.raw'), bytes);
    return at('volumes.raw');
  }

  /** First what fills a small disk, then zeros that nobody waits for the end of. Its manifest says so. */
  async function endlessDisk(): Promise<{ disk: string; manifest: Manifest }> {
    await mkdir(at('endless'));
    await writeFile(at('endless', '1-noise'), noise(2 * MIB));
    await writeFile(at('endless', '2-zeros'), '');
    const disk = emptyDisk(at('endless.raw'), 32 * MIB);
    makeExt4(disk, 0, 32 * MIB, at('endless'));
    debugfs(disk, [`set_inode_field /2-zeros size ${ENDLESS_BYTES}`]);
    const common = { mode: 0o755, uid: 0, gid: 0 };
    const folders = ['p0:/', 'p0:/lost+found'].map((name) => ({
      kind: 'directory',
      path: name,
      sizeBytes: 0,
      ...common,
    }));
    const files = [
      { kind: 'file', path: 'p0:/1-noise', sizeBytes: 2 * MIB, sha256: sha256('made up'), ...common },
      { kind: 'file', path: 'p0:/2-zeros', sizeBytes: ENDLESS_BYTES, sha256: sha256('made up'), ...common },
    ];
    const whole = { kind: 'filesystem', path: `disk:0+${32 * MIB}`, sizeBytes: 32 * MIB, name: 'p0', type: 'ext4' };
    const entries = [whole, ...folders, ...files] as ManifestEntry[];
    return { disk, manifest: formatManifest(entries, compileRules(RULES).digest) };
  }

  it('holds each file with all that the manifest says of it, as Python’s tarfile reads it', async () => {
    const listed = pythonEntries(answer.file);
    const stated = new Map(manifest.entries.flatMap((entry) => ('mode' in entry ? [[entry.path, entry]] : [])));
    assert.equal(stated.get('p0:/empty')?.uid, 3_000_000_000);
    assert.ok(stated.get('p0:/bin/true')?.xattrs && stated.get('p0:/etc/hostname')?.xattrs);
    for (const [name, entry] of stated) {
      const found = listed.get(name);
      if (entry.kind === 'socket') assert.equal(found, undefined);
      else if (entry.rule === undefined) assert.deepEqual(found, entry, name);
      else assert.equal(found?.sha256, sha256(await readFile(path.join(tree, 'etc/machine-id'))));
    }
    assert.deepEqual(
      [...listed.keys()].filter((name) => !stated.has(name)),
      [],
    );
    assert.deepEqual(answer.leftOut, ['disk:0+1024', 'p0:/socket']);
    assert.deepEqual(answer.ruled, ['p0:/etc/machine-id']);
  });

  it('is unpacked by tar into what dirHash1 is computed of by the command of docs/manifest.md', async () => {
    await mkdir(at('unpacked'));
    // Devices can be made by root alone.
    run('tar', ['-xf', answer.file, '-C', at('unpacked'), '--no-same-owner', '--exclude=p0/character']);
    const script =
      'find p[0-9]* -type f ! -path p0/etc/machine-id -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum';
    const sum = execFileSync('sh', ['-c', script], { cwd: at('unpacked'), encoding: 'utf8' });
    assert.equal(`sha256:${sum.slice(0, 64)}`, manifest.dirHash1);
  });

  it('has holes where files have them, ends in a whole record, and its digest is that of sha256sum', async () => {
    const { size, blocks } = await stat(answer.file);
    assert.equal(size, answer.sizeBytes);
    assert.equal(size % 10_240, 0);
    assert.ok(size > 3_000_000 && blocks * 512 < 1_000_000, `${size} bytes in ${blocks} blocks`);
    assert.equal(`sha256:${run('sha256sum', [answer.file]).slice(0, 64)}`, answer.sha256);
  });

  it('is the same, byte for byte, of the same files written in another order', async () => {
    const other = await exported('two');
    assert.equal(other.manifest.sha256, answer.manifest.sha256);
    assert.equal(other.sha256, answer.sha256);
  });

  it('of a disk with logical volumes holds the files of each, in a folder of its name', async () => {
    const { file, leftOut } = await exported('volumes');
    const listed = pythonEntries(file);
    const stated = volumes.entries.flatMap((entry) => ('mode' in entry ? [entry] : []));
    for (const name of ['vg-root', 'vg-my--data'])
      assert.ok(listed.has(`${name}:/deeper/large`), [...listed.keys()].join());
    assert.deepEqual(new Map(stated.map((entry) => [entry.path, entry])), listed);
    assert.equal(run('tar', ['-xOf', file, 'vg-my--data/name']), 'my-data');
    // What describes the group is no file.
    assert.ok(
      leftOut.some((name) => name.startsWith('disk:')),
      leftOut.join(),
    );
  });

  it('killed in the middle leaves nothing under its name, and what it leaves is removed by the next', async () => {
    await mkdir(at('killed'));
    const args = ['images', 'export', 'endless', '--format', 'tar', '--no-attestation', '--output', at('killed')];
    const child = startCli(person, args);
    const ended = outcomeOf(child);
    const written = async (): Promise<number> => {
      const sizes = (await readdir(at('killed'))).map(async (name) => (await stat(at('killed', name))).size);
      return Math.max(0, ...(await Promise.all(sizes)));
    };
    const tooSoon = ended.then(({ stderr }) => assert.fail(`it ended by itself: ${stderr}`));
    try {
      await Promise.race([eventually(written, (size) => size > 2 * MIB), tooSoon]);
    } finally {
      child.kill('SIGKILL');
    }
    await ended;
    const left = await readdir(at('killed'));
    assert.ok(left.length === 1 && left[0]!.startsWith('.'), left.join());
    await exported('one', { format: 'raw', output: at('killed') });
    assert.deepEqual(await readdir(at('killed')), ['one.raw', 'one.raw.manifest']);
  });

  it('on a full disk leaves nothing, and says what to do: exit code 1', async function () {
    await mkdir(at('full'));
    await mountSmallDisk(this, at('full'), '1m');
    try {
      const expected = { code: 'export/disk-full', exitCode: 1, hint: /Free some space/ };
      await assert.rejects(exported('endless', { output: at('full') }), expected);
      assert.deepEqual(await readdir(at('full')), []);
    } finally {
      run('umount', [at('full')]);
    }
  });

  it('of a disk that is another one is refused before anything mounts it', async () => {
    const file = path.join(person.home.imagesDir, 'two/root.raw');
    await chmod(file, 0o600);
    flipByte(file, 31 * MIB);
    const before = await readdir(at('out'));
    await assert.rejects(exported('two', { force: true }), {
      code: 'image/altered',
      exitCode: 3,
      message: /root\.raw/,
    });
    assert.deepEqual(await readdir(at('out')), before);
  });

  it('of a disk without a file system is refused, with what to do', async () => {
    const disk = Buffer.alloc(MIB, 'x');
    await writeFile(at('bare.raw'), disk);
    await storedBuild(person, 'bare', { disk: at('bare.raw'), manifest: extentManifest(disk) });
    await assert.rejects(exported('bare'), { code: 'export/no-files', exitCode: 2, hint: /qcow2/ });
  });
});

function noise(sizeBytes: number): Buffer {
  const random = seeded(7);
  return Buffer.from(Array.from({ length: sizeBytes }, () => Math.floor(random() * 256)));
}
