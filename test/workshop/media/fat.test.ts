import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { sha256 } from '../../../src/crypto/digest.ts';
import { fatImage, type FatFile } from '../../../src/workshop/media/fat.ts';
import { needPrograms } from '../../support/skip.ts';

const run = promisify(execFile);
const OPTIONS = { label: 'PORTALGUN', volumeId: 0x12345678, epochSeconds: 1_750_000_001 };

describe('a FAT disk', function () {
  this.timeout(60_000);
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pg-fat-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  const image = async (files: readonly FatFile[]) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of fatImage(files, OPTIONS)) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks);
  };
  const write = async (bytes: Buffer) => {
    const path = join(directory, 'disk.img');
    await writeFile(path, bytes);
    return path;
  };
  /** Names short, long, with many dots, empty files, files of exactly one cluster and one byte more. */
  const FILES = [
    file('install.sh', 'echo hello\n'),
    file('EMPTY', ''),
    file('pool/libstdc++6.deb', 'x'.repeat(512)),
    file('pool/linux-image-6.1.0-50-amd64.deb', 'y'.repeat(513)),
    file('pool/libpython3.11-minimal.deb', 'z'.repeat(100_000)),
    file('pool/a', 'a'),
    file('a name with spaces, and a comma.txt', 'b'),
    file(`pool/${'n'.repeat(255)}`, 'long'),
    ...Array.from({ length: 120 }, (_, index) => file(`pool/package-with-a-long-name-${index}.deb`, `${index}`)),
  ];

  it('has no error that fsck.fat finds', async function () {
    needPrograms(this, 'fsck.fat');
    const path = await write(await image(FILES));
    const { stdout } = await run('fsck.fat', ['-n', '-v', path]);
    assert.match(stdout, /2 FATs, 16 bit entries/);
    // fsck.fat ends with status 1 for what it would mend; its words are looked at for what it only remarks on.
    assert.doesNotMatch(stdout, /differs|Orphaned|invalid|bad|dirty|wrong/i);
  });

  it('gives mtools every file by its long name, byte for byte', async function () {
    needPrograms(this, 'mcopy', 'mdir');
    const path = await write(await image(FILES));
    const out = join(directory, 'out');
    for (const { path: name, bytes } of FILES) {
      await run('mcopy', ['-n', '-i', path, `::/${name}`, out]);
      assert.equal(sha256(await readFile(out)), sha256(bytes), name);
      await rm(out);
    }
    const { stdout } = await run('mdir', ['-b', '-i', path, '::/pool']);
    assert.equal(stdout.trim().split('\n').length, FILES.filter((one) => one.path.startsWith('pool/')).length);
  });

  // That Linux's own vfat mounts it is shown by every build of debian-12-tiny, whose installer reads its packages from one.

  it("carries the one date that it was given, to FAT's two seconds", async function () {
    needPrograms(this, 'mdir');
    const path = await write(await image(FILES.slice(0, 1)));
    const { stdout } = await run('mdir', ['-i', path, '::/'], { env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' } });
    assert.match(stdout, /2025-06-15 +15:06 +install\.sh/);
  });

  it('is the same for the same files in any order', async () => {
    assert.equal(sha256(await image(FILES)), sha256(await image(FILES.toReversed())));
    assert.notEqual(sha256(await image(FILES)), sha256(await image(FILES.slice(1))));
  });

  it('is a FAT16 at every size, with clusters that grow', async function () {
    needPrograms(this, 'fsck.fat');
    for (const size of [0, 1, 4100 * 512, 65_500 * 512 - 1024, 65_500 * 512 + 1, 140 * 1024 * 1024]) {
      const path = await write(await image([file('big', size)]));
      const { stdout } = await run('fsck.fat', ['-n', '-v', path]);
      assert.match(stdout, /16 bit entries/, String(size));
    }
  });

  for (const name of [
    'a/b/c',
    '',
    'pool/',
    'a:b',
    'what?',
    'back\\slash',
    'tab\t',
    'ünï',
    'dot.',
    ' space',
    'x'.repeat(256),
  ]) {
    it(`does not take the name ${JSON.stringify(name.slice(0, 20))}`, () =>
      assert.rejects(image([file(name, 'x')]), { code: 'media/disk-file-name', exitCode: 2 }));
  }

  it('does not take two names that differ in capitals only, or a file in the place of a folder', async () => {
    await assert.rejects(image([file('README', 'x'), file('readme', 'y')]), { code: 'media/disk-file-name' });
    await assert.rejects(image([file('pool', 'x'), file('pool/a', 'y')]), { code: 'media/disk-file-name' });
  });

  it('does not take more than fits', async () => {
    const huge: FatFile = { path: 'huge', sizeBytes: 2000 * 1024 * 1024 + 1, content: () => [] };
    await assert.rejects(image([huge]), { code: 'media/disk-too-large' });
  });

  it('notices a file that gives more or less than it said', async () => {
    for (const sizeBytes of [4, 6])
      await assert.rejects(image([{ path: 'a', sizeBytes, content: () => [Buffer.from('12345')] }]), RangeError);
  });
});

function file(path: string, content: string | number): FatFile & { readonly bytes: Buffer } {
  const bytes = typeof content === 'number' ? Buffer.alloc(content, 7) : Buffer.from(content);
  return { path, bytes, sizeBytes: bytes.length, content: () => [bytes] };
}
