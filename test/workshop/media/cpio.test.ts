import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { kernelVersionOf, readCpio, readInitrdFile } from '../../../src/workshop/media/index.ts';
import { cpio } from './cpio.fixture.ts';

describe('an initrd', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pg-cpio-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));
  const write = async (bytes: Uint8Array) => {
    const path = join(directory, 'initrd');
    await writeFile(path, bytes);
    return path;
  };
  const text = async (bytes: Promise<Uint8Array | undefined>) =>
    Buffer.from((await bytes) ?? assert.fail('no such file')).toString();
  const archive = cpio([
    { path: './lib', data: '', mode: 0o040755 },
    { path: 'lib/font.bgf', data: 'glyphs' },
    { path: 'lib/link', data: 'font.bgf', mode: 0o120777 },
    { path: 'font', data: '/lib/link', mode: 0o120777 },
    { path: 'loop', data: 'loop', mode: 0o120777 },
    { path: 'lib/modules/6.1.0-9-amd64/kernel/a.ko', data: 'abc' },
  ]);

  it('gives its entries with path, mode and data', () => {
    const entries = [...readCpio(archive)].map(({ path, mode, data }) => [
      path,
      mode.toString(8),
      Buffer.from(data).toString(),
    ]);
    assert.deepEqual(entries.slice(0, 3), [
      ['lib', '40755', ''],
      ['lib/font.bgf', '100644', 'glyphs'],
      ['lib/link', '120777', 'font.bgf'],
    ]);
  });

  for (const [how, pack] of Object.entries({
    plain: (bytes: Buffer) => bytes,
    'gzip-compressed': (bytes: Buffer) => gzipSync(bytes),
    'zstd-compressed': (bytes: Buffer) => zstdCompressSync(bytes),
    'compressed after a plain archive': (bytes: Buffer) =>
      Buffer.concat([cpio([{ path: 'early', data: 'microcode' }]), Buffer.alloc(100), gzipSync(bytes)]),
    'of two archives': (bytes: Buffer) =>
      gzipSync(Buffer.concat([bytes, Buffer.alloc(64), cpio([{ path: 'more', data: '' }])])),
  })) {
    it(`is read ${how}`, async () => {
      const path = await write(pack(archive));
      assert.equal(await text(readInitrdFile(path, 'lib/font.bgf')), 'glyphs');
      assert.equal(await kernelVersionOf(path), '6.1.0-9-amd64');
    });
  }

  it('follows links, and not for ever', async () => {
    const path = await write(archive);
    assert.equal(await text(readInitrdFile(path, 'font')), 'glyphs');
    assert.equal(await readInitrdFile(path, 'loop'), undefined);
    assert.equal(await readInitrdFile(path, 'none'), undefined);
  });

  it('takes the later of two files of one name, as the kernel does', async () => {
    const path = await write(Buffer.concat([archive, cpio([{ path: 'lib/font.bgf', data: 'new' }])]));
    assert.equal(await text(readInitrdFile(path, 'lib/font.bgf')), 'new');
  });

  it('is refused when it is cut off or something else', async () => {
    for (const bytes of [
      archive.subarray(0, 50),
      archive.subarray(0, archive.indexOf('TRAILER')),
      gzipSync(archive).subarray(0, 60),
      Buffer.from('xz or what'),
      gzipSync('no cpio'),
    ]) {
      await assert.rejects(readInitrdFile(await write(bytes), 'lib'), { code: 'media/initrd-malformed', exitCode: 3 });
    }
  });

  it('has one kernel or none that can be told', async () => {
    await assert.rejects(kernelVersionOf(await write(cpio([{ path: 'lib/a', data: '' }]))), {
      code: 'media/kernel-version-unknown',
    });
    const two = cpio([
      { path: 'lib/modules/1/a', data: '' },
      { path: 'lib/modules/2/a', data: '' },
    ]);
    await assert.rejects(kernelVersionOf(await write(two)), { code: 'media/kernel-version-unknown' });
  });
});
