/** Images as files for use elsewhere: what is written, what goes with it, what is refused, and what is left then. */
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { chmod, copyFile, mkdir, open, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { digestHex, sha256 } from '../../src/crypto/digest.ts';
import { checkBeside } from '../../src/node/check-export.ts';
import { exportImage, type ExportCommand, type ExportedImage } from '../../src/node/export-image.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { verifyFile } from '../../src/node/verify-file.ts';
import { openExport } from '../../src/exchange/record/index.ts';
import { formatImageJson } from '../../src/workshop/image/image-json.ts';
import { mountSmallDisk } from '../support/full-disk.ts';
import { seeded } from '../support/random.ts';
import { needPrograms } from '../support/skip.ts';
import type { StoredImage } from '../../src/workshop/image/index.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { flipByte } from '../workshop/image/disks.fixture.ts';
import { extentManifest } from '../workshop/image/image-facts.fixture.ts';

const MIB = 1024 * 1024;
const run = promisify(execFile);
const { signal } = new AbortController();

describe('an image as a file', function () {
  this.timeout(60_000);
  let person: TestHome;
  let disk: Buffer;
  let stored: StoredImage;

  before(function () {
    needPrograms(this, 'qemu-img');
    disk = sparseDisk();
  });
  beforeEach(async () => {
    person = await tempHome();
    await openHome(person.home);
    await createIdentity(person.home);
    const file = path.join(person.folder, 'disk');
    await writeFile(file, disk);
    stored = await storedBuild(person, 'made', { disk: file, manifest: extentManifest(disk) });
    for (const name of ['out', 'again']) await mkdir(path.join(person.folder, name));
  });
  afterEach(() => person?.remove());

  const at = (...names: readonly string[]): string => path.join(person.folder, ...names);
  const listed = (): Promise<string[]> => readdir(at('out'));

  function exported(fields: Partial<ExportCommand> = {}): Promise<ExportedImage> {
    const command = { image: 'made', format: 'raw', output: at('out'), force: false, attest: true, signal } as const;
    return exportImage(person.home, { ...command, ...fields });
  }

  it('raw: the disk byte for byte, with holes where there is nothing; sha256sum finds its digest', async () => {
    const answer = await exported();
    assert.equal(answer.file, at('out', 'made.raw'));
    assert.ok((await readFile(answer.file)).equals(disk));
    const { blocks, mode } = await stat(answer.file);
    assert.ok(blocks * 512 < disk.length / 2, `${blocks} blocks`);
    assert.equal(mode & 0o777, 0o600);
    const [sum] = execFileSync('sha256sum', [answer.file], { encoding: 'utf8' }).split(' ');
    assert.equal(`sha256:${sum}`, answer.sha256);
    assert.equal(sha256(await readFile(answer.manifest.file)), stored.manifest);
    assert.deepEqual(await listed(), ['made.raw', 'made.raw.attestation.json', 'made.raw.manifest']);
  });

  it('qcow2: on its own, with the same content, and the same bytes each time', async () => {
    const one = await exported({ format: 'qcow2' });
    const two = await exported({ format: 'qcow2', output: at('again') });
    const info = JSON.parse(execFileSync('qemu-img', ['info', '--output=json', one.file], { encoding: 'utf8' }));
    assert.equal(info['backing-filename'], undefined);
    execFileSync('qemu-img', ['convert', '-f', 'qcow2', '-O', 'raw', one.file, at('back')]);
    assert.ok((await readFile(at('back'))).equals(disk));
    assert.equal(one.sha256, sha256(await readFile(one.file)));
    assert.ok((await readFile(one.file)).equals(await readFile(two.file)));
    assert.deepEqual(await readFile(one.attestation!), await readFile(two.attestation!));
  });

  it('what is said of it is checked with the files beside it; one that is not there is told, another one refused', async () => {
    const answer = await exported({ output: at('out', 'disk.img') });
    const verified = verifyFile(await readFile(answer.attestation!), { network: 'portalgun' });
    assert.ok('export' in verified);
    const beside = () => checkBeside(answer.file, verified.export, { signal });
    const states = async () => (await beside()).map(({ file, state }) => `${file} ${state}`);
    assert.deepEqual(await states(), ['disk.img.manifest holds', 'disk.img holds']);
    for (const file of [answer.file, answer.manifest.file]) {
      flipByte(file, 50);
      await assert.rejects(beside(), { code: 'export/other-file', exitCode: 3, message: new RegExp(file) });
      flipByte(file, 50);
    }
    await rm(answer.file);
    assert.deepEqual(await states(), ['disk.img.manifest holds', 'disk.img missing']);
    await run('mkfifo', [answer.file]); // could be read for ever
    assert.deepEqual(await states(), ['disk.img.manifest holds', 'disk.img missing']);
  });

  it('nothing that is there is replaced unless that is wanted', async () => {
    for (const name of ['made.raw', 'made.raw.manifest', 'made.raw.attestation.json']) {
      await writeFile(at('out', name), 'of the person');
      await assert.rejects(exported(), { code: 'export/exists', facts: { file: at('out', name) }, hint: /--force/ });
      assert.deepEqual(await listed(), [name]);
      await rm(at('out', name));
    }
    await writeFile(at('out', 'made.raw'), 'of the person');
    await exported({ force: true });
    assert.ok((await readFile(at('out', 'made.raw'))).equals(disk));
  });

  it('with --force a file is replaced, or a link to one; a device or a folder never, and then nothing else is', async () => {
    await writeFile(at('linked'), 'of the person');
    await symlink(at('linked'), at('out', 'made.raw'));
    await exported({ force: true });
    assert.ok((await readFile(at('out', 'made.raw'))).equals(disk));
    assert.equal(await readFile(at('linked'), 'utf8'), 'of the person');
    const manifest = at('out', 'made.raw.manifest');
    await writeFile(manifest, 'of the person');
    for (const make of [(file: string) => run('mkfifo', [file]), (file: string) => mkdir(file)]) {
      const file = at('out', 'made.raw.attestation.json');
      await rm(file, { recursive: true });
      await make(file);
      await assert.rejects(exported({ force: true }), { code: 'export/no-file', exitCode: 2, facts: { file } });
      assert.equal(await readFile(manifest, 'utf8'), 'of the person');
    }
  });

  it('what somebody makes while it is written is not replaced either', async () => {
    let made: Promise<void> | undefined;
    const onProgress = (): void => {
      made ??= writeFile(at('out', 'made.raw'), 'of the person');
    };
    await assert.rejects(exported({ onProgress }), { code: 'export/exists' });
    await made;
    assert.deepEqual(await listed(), ['made.raw']);
    assert.equal(await readFile(at('out', 'made.raw'), 'utf8'), 'of the person');
  });

  it('a folder that is not there, and a name that could not be signed, are refused', async () => {
    await assert.rejects(exported({ output: at('none', 'disk') }), { code: 'export/no-folder', exitCode: 2 });
    for (const name of ['zero\u200bwidth', 'manifest', 'x'.repeat(240)])
      await assert.rejects(exported({ output: at('out', name) }), { code: 'export/bad-name', exitCode: 2 });
    assert.deepEqual(await listed(), []);
  });

  it('without an identity, or what the image was built from, nothing is signed; without signature it can be had', async () => {
    const { identityDir, buildsDir } = person.home;
    await rm(buildsDir, { recursive: true });
    await assert.rejects(exported(), { code: 'export/no-build', hint: /--no-attestation/ });
    await rm(identityDir, { recursive: true });
    await assert.rejects(exported(), { code: 'identity/missing', hint: /portalgun init/ });
    assert.equal((await exported({ attest: false })).attestation, null);
    assert.deepEqual(await listed(), ['made.raw', 'made.raw.manifest']);
  });

  it('an image whose disk, manifest or build is another one is refused, and nothing is left', async () => {
    const { imagesDir, buildsDir } = person.home;
    for (const name of ['root.raw', 'manifest.txt']) {
      const file = path.join(imagesDir, 'made', name);
      await chmod(file, 0o600);
      flipByte(file, 100);
      for (const format of ['raw', 'qcow2'] as const)
        await assert.rejects(exported({ format }), {
          code: 'image/altered',
          exitCode: 3,
          message: new RegExp(`^${name} of`),
        });
      flipByte(file, 100);
    }
    const record = path.join(buildsDir, stored.id, 'build.json');
    const text = await readFile(record, 'utf8');
    await writeFile(record, text.replace(digestHex(stored.lock), digestHex(sha256('another'))));
    await assert.rejects(exported(), { code: 'image/altered', exitCode: 3, message: /^build\.json of/ });
    assert.deepEqual(await listed(), []);
  });

  it('threat 39: it never holds what `personalise` changed', async () => {
    const image = path.join(person.home.imagesDir, 'made');
    // As a build leaves it: an overlay with the secret beside the measured disk.
    const secret = Buffer.from('correct horse battery staple');
    await copyFile(path.join(image, 'root.raw'), at('changed'));
    await chmod(at('changed'), 0o600);
    const handle = await open(at('changed'), 'r+');
    await handle.write(secret, 0, secret.length, 3 * MIB);
    await handle.close();
    const overlay = path.join(image, 'root-personal.qcow2');
    await run('qemu-img', ['convert', '-f', 'raw', '-O', 'qcow2', at('changed'), overlay]);
    const kept = await readFile(overlay);
    assert.ok(kept.includes(secret));
    await chmod(path.join(image, 'image.json'), 0o600);
    const personal = { file: 'root-personal.qcow2', sizeBytes: kept.length, sha256: sha256(kept) };
    const disks = stored.disks.map((one) => ({ ...one, personal }));
    await writeFile(path.join(image, 'image.json'), formatImageJson({ ...stored, disks }));
    for (const format of ['raw', 'qcow2'] as const) assert.equal((await exported({ format })).personalised, true);
    for (const name of await listed()) assert.ok(!(await readFile(at('out', name))).includes(secret), name);
  });

  it('stopped in the middle it leaves nothing', async () => {
    for (const format of ['raw', 'qcow2'] as const) {
      const stop = new AbortController();
      await assert.rejects(exported({ format, signal: stop.signal, onProgress: () => stop.abort() }));
      assert.deepEqual(await listed(), []);
    }
  });

  it('on a full disk it leaves nothing, and says what to do: exit code 1', async function () {
    await mountSmallDisk(this, at('out'), '1m');
    try {
      for (const format of ['raw', 'qcow2'] as const) {
        const expected = { code: 'export/disk-full', exitCode: 1, hint: /--output/ };
        await assert.rejects(exported({ format }), expected);
        assert.deepEqual(await listed(), []);
      }
    } finally {
      await run('umount', [at('out')]);
    }
  });

  it('what a process that is gone has left is removed, and nothing of one that runs', async () => {
    // Linux gives no process a number beyond 2^22.
    const [gone, here] = [2 ** 22 + 1, process.pid].map((of) => `.portalgun-partial-${of}-0123456789ab-2`);
    for (const name of [gone!, here!]) await writeFile(at('out', name), 'half');
    const kept = `${gone!.slice(0, -1)}0`;
    await mkdir(at('out', kept)); // as little to be removed as another person's file in /tmp
    await exported();
    const made = ['made.raw', 'made.raw.attestation.json', 'made.raw.manifest'];
    assert.deepEqual((await listed()).toSorted(), [here!, kept, ...made].toSorted());
  });

  it('is about the file under the name that it has', async () => {
    const { attestation } = await exported({ output: at('out', 'my disk.img') });
    const { file } = openExport(await readFile(attestation!), { network: 'portalgun' });
    assert.equal(file.name, 'my disk.img');
  });
});

/** 16 MiB, of which 3 are not zeros, at places that fit no block. */
function sparseDisk(): Buffer {
  const random = seeded(5);
  const disk = Buffer.alloc(16 * MIB);
  for (const at of [0, 5 * MIB + 77, 15 * MIB]) {
    for (let index = 0; index < MIB; index += 1) disk[at + index] = Math.floor(random() * 256);
  }
  return disk;
}
