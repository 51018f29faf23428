import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { formatImageJson, parseImageJson } from '../../../src/workshop/image/image-json.ts';
import { IMAGE_VERSION, type StoredImage } from '../../../src/workshop/image/image-types.ts';
import {
  draftImage,
  listImages,
  readImageManifest,
  removeImage,
  showImage,
  storeImage,
  verifyImage,
} from '../../../src/workshop/image/index.ts';
import { createOverlay } from '../../../src/workshop/machine/index.ts';
import { needPrograms, skip } from '../../support/skip.ts';
import { flipByte } from './disks.fixture.ts';
import { extentManifest, FACTS } from './image-facts.fixture.ts';

const DISK = Buffer.alloc(1024 * 1024, 'disk');
const MANIFEST = extentManifest(DISK);

describe('the image store', function () {
  this.timeout(60_000);
  let folder: string;
  let imagesDir: string;
  let source: string;

  before(function () {
    needPrograms(this, 'qemu-img');
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pg-images-'));
    imagesDir = join(folder, 'images');
    source = join(folder, 'source.raw');
    await writeFile(source, DISK);
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const measured = { diskId: 'root', manifest: MANIFEST };
  const store = (id: string, facts = FACTS): ReturnType<typeof storeImage> =>
    storeImage({ imagesDir, id, disks: [{ id: 'root', path: source, format: 'raw' }], facts, measured });

  it('keeps an image whole: read-only disk, manifest, and what it came from', async () => {
    const stored = await store('one');
    assert.deepEqual(await showImage(imagesDir, 'one'), stored);
    assert.equal(stored.disks[0]?.sha256, sha256(DISK));
    assert.equal(stored.manifest, MANIFEST.digest);
    assert.equal((await stat(join(imagesDir, 'one/root.raw'))).mode & 0o777, 0o400);
    assert.equal((await readImageManifest(imagesDir, stored)).text, MANIFEST.text);
    assert.deepEqual(await verifyImage(imagesDir, 'one'), stored);
    assert.deepEqual(await readdir(imagesDir), ['one']);
  });

  it('flattens a chain of overlays into one disk', async () => {
    const overlay = join(folder, 'overlay.qcow2');
    await createOverlay(overlay, { path: source, format: 'raw' });
    execFileSync('qemu-io', ['-c', 'write -q -P 0x41 0 512', overlay]);
    const draft = await draftImage({ imagesDir, id: 'two', disks: [{ id: 'root', path: overlay, format: 'qcow2' }] });
    const flat = await readFile(draft.disks['root'] ?? '');
    assert.deepEqual(flat, Buffer.concat([Buffer.alloc(512, 'A'), DISK.subarray(512)]));
    await draft.discard();
    assert.deepEqual(await readdir(imagesDir), []);
  });

  it('keeps what was personalised beside the measured disk, which stays as it was', async () => {
    const draft = await draftImage({ imagesDir, id: 'three', disks: [{ id: 'root', path: source, format: 'raw' }] });
    const changed = join(folder, 'changed.qcow2');
    await createOverlay(changed, { path: draft.disks['root'] ?? '', format: 'raw' });
    execFileSync('qemu-io', ['-c', 'write -q -P 0x42 512 512', changed]);
    await draft.addPersonal('root', { path: changed, format: 'qcow2' });
    const stored = await draft.commit(FACTS, measured);
    assert.equal(stored.disks[0]?.sha256, sha256(DISK));
    const personal = stored.disks[0]?.personal;
    assert.ok(personal && personal.sizeBytes < 600 * 1024);
    // It opens from where it is now, and holds the change.
    execFileSync('qemu-io', ['-r', '-c', 'read -q -P 0x42 512 512', join(imagesDir, 'three', personal.file)]);
    execFileSync('qemu-img', ['check', '-q', join(imagesDir, 'three', personal.file)]);
    await verifyImage(imagesDir, 'three');
    await rm(join(imagesDir, 'three', personal.file));
    await assert.rejects(verifyImage(imagesDir, 'three'), { code: 'image/altered', message: /root-personal.*missing/ });
  });

  it('notices one flipped bit in a disk or the manifest, and names the file', async () => {
    const stored = await store('one');
    for (const file of ['root.raw', 'manifest.txt']) {
      const path = join(imagesDir, 'one', file);
      await chmod(path, 0o600);
      flipByte(path, 100);
      await assert.rejects(verifyImage(imagesDir, 'one'), {
        code: 'image/altered',
        exitCode: 3,
        message: `${file} of the image one is not what was stored`,
      });
      flipByte(path, 100);
    }
    assert.deepEqual(await verifyImage(imagesDir, 'one'), stored);
  });

  it('never replaces an image, and leaves nothing of the attempt', async () => {
    const stored = await store('one');
    await assert.rejects(store('one', { ...FACTS, recipeName: 'other' }), { code: 'image/exists' });
    assert.deepEqual(await showImage(imagesDir, 'one'), stored);
    assert.deepEqual(await readdir(imagesDir), ['one']);
  });

  it('one flipped bit of image.json is found and refused, in whichever field it is', () => {
    const file = { sizeBytes: 1, sha256: sha256('disk') };
    const image: StoredImage = {
      ...FACTS,
      version: IMAGE_VERSION,
      id: 'one',
      buildKey: sha256('key'),
      machine: { ...FACTS.machine, firmware: 'uefi' },
      manifest: MANIFEST.digest,
      measuredDisk: 'root',
      disks: [{ id: 'root', format: 'raw', file: 'root.raw', ...file, personal: { file: 'personal.qcow2', ...file } }],
    };
    const intact = Buffer.from(formatImageJson(image));
    assert.deepEqual(parseImageJson(intact.toString(), 'one'), image);
    for (let at = 0; at < intact.length; at += 1) {
      for (let bit = 0; bit < 8; bit += 1) {
        const flipped = Buffer.from(intact);
        flipped.writeUInt8(flipped.readUInt8(at) ^ (1 << bit), at);
        const refused = { code: 'image/damaged', exitCode: 3 };
        assert.throws(() => parseImageJson(flipped.toString(), 'one'), refused, `bit ${bit} at ${at}`);
      }
    }
  });

  it('lists the newest first, and says of a damaged or newer one what is wrong', async () => {
    await store('old');
    await store('new', { ...FACTS, finishedAt: '2025-01-01T00:00:00.000Z' });
    await mkdir(join(imagesDir, 'damaged'));
    await writeFile(join(imagesDir, 'damaged/image.json'), '{');
    await mkdir(join(imagesDir, 'later'));
    await writeFile(join(imagesDir, 'later/image.json'), '{"version":2}');
    await mkdir(join(imagesDir, 'short'));
    await writeFile(join(imagesDir, 'short/image.json'), '{"version":1,"id":"short"}');
    const { images, unreadable } = await listImages(imagesDir);
    assert.deepEqual(
      images.map(({ id }) => id),
      ['new', 'old'],
    );
    assert.deepEqual(
      unreadable.map(({ id, error }) => [id, error.code, error.exitCode]),
      [
        ['damaged', 'image/damaged', 3],
        ['later', 'image/newer', 5],
        ['short', 'image/damaged', 3],
      ],
    );
    await assert.rejects(showImage(imagesDir, 'none'), { code: 'image/unknown', exitCode: 2 });
    await assert.rejects(showImage(imagesDir, '../one'), { code: 'image/unknown' });
    await removeImage(imagesDir, 'old');
    await assert.rejects(removeImage(imagesDir, 'old'), { code: 'image/unknown' });
    assert.deepEqual(await listImages(join(folder, 'nowhere')), { images: [], unreadable: [] });
  });

  it('keeps which machine an image is for, and takes none that it does not know', async () => {
    for (const machine of [{ arch: 'i386' as const }, { firmware: 'uefi' as const }]) {
      const facts = { ...FACTS, machine: { ...FACTS.machine, ...machine } };
      const id = `for-${Object.values(machine).join()}`;
      assert.deepEqual((await store(id, facts)).machine, facts.machine);
      assert.deepEqual((await showImage(imagesDir, id)).machine, facts.machine);
    }
    const file = join(imagesDir, 'for-uefi/image.json');
    const text = await readFile(file, 'utf8');
    for (const [was, is] of [
      ['"uefi"', '"coreboot"'],
      ['"x86_64"', '"mips"'],
    ] as const) {
      await writeFile(file, text.replace(was, is));
      await assert.rejects(showImage(imagesDir, 'for-uefi'), { code: 'image/damaged' });
    }
  });

  it('takes no name that leads out of its folder', async () => {
    for (const id of ['../x', '.', '..', 'a/b', '', '.hidden', 'x'.repeat(129)]) {
      await assert.rejects(store(id), { code: 'image/bad-id', exitCode: 2 });
    }
  });

  it('has nothing half-made after SIGKILL, and the next draft clears up', async () => {
    const child = spawn(process.execPath, [join(import.meta.dirname, 'killed-draft.ts'), imagesDir, source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.equal((await readdir(imagesDir)).length, 1);
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.deepEqual(await listImages(imagesDir), { images: [], unreadable: [] });
    const other = await draftImage({ imagesDir, id: 'other', disks: [{ id: 'root', path: source, format: 'raw' }] });
    assert.equal((await readdir(imagesDir)).length, 1);
    // A draft whose process lives is somebody's work.
    await store('one');
    assert.equal((await readdir(imagesDir)).length, 2);
    await other.discard();
  });

  it('says so when the disk is full, and leaves nothing', function () {
    const script = join(import.meta.dirname, 'full-disk.ts');
    const inside = `mount -t tmpfs -o size=256k none '${folder}/small' && exec '${process.execPath}' '${script}' '${folder}/small' '${source}'`;
    execFileSync('mkdir', [join(folder, 'small')]);
    // Root needs no user namespace, which nobody gets in a chroot.
    const unshare = process.getuid?.() === 0 ? ['--mount'] : ['--map-root-user', '--mount'];
    try {
      execFileSync('unshare', [...unshare, 'true'], { stdio: 'ignore' });
    } catch {
      skip(this, 'this host allows no mount namespaces');
    }
    const said = execFileSync('unshare', [...unshare, 'sh', '-c', inside], { encoding: 'utf8' });
    assert.deepEqual(JSON.parse(said), { code: 'image/disk-full', exitCode: 5, left: [] });
  });
});
