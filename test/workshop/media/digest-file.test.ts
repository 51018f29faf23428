import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { digestFile } from '../../../src/workshop/media/digest-file.ts';
import { run } from '../image/disks.fixture.ts';

const MIB = 1024 * 1024;

describe('the digest of a file', () => {
  let folder: string;
  let file: string;
  before(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'pg-digest-'));
    file = path.join(folder, 'file');
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  /** No two pieces alike, so that one read twice or left out shows. */
  const content = (sizeBytes: number): Buffer => {
    const bytes = Buffer.alloc(sizeBytes);
    for (let at = 0; at < sizeBytes; at += 4096) bytes.write(String(at), at);
    return bytes;
  };

  for (const sizeBytes of [0, 1, MIB - 1, MIB, MIB + 1, 2 * MIB, 5 * MIB + 4097]) {
    it(`is what sha256sum says, of ${sizeBytes} bytes`, async () => {
      writeFileSync(file, content(sizeBytes));
      const told: number[] = [];
      const found = await digestFile(file, { onBytes: (done) => told.push(done) });
      assert.deepEqual(found, { sha256: `sha256:${run('sha256sum', [file]).slice(0, 64)}`, sizeBytes });
      assert.equal(found.sha256, `sha256:${createHash('sha256').update(content(sizeBytes)).digest('hex')}`);
      assert.equal(told.at(-1) ?? 0, sizeBytes);
      assert.deepEqual(
        told,
        told.toSorted((a, b) => a - b),
      );
    });
  }

  it('is not gone on with once nobody wants it', async () => {
    writeFileSync(file, content(5 * MIB));
    const signal = AbortSignal.abort();
    await assert.rejects(digestFile(file, { signal }), { name: 'AbortError' });
    const controller = new AbortController();
    let told = 0;
    const stopped = digestFile(file, {
      signal: controller.signal,
      onBytes: () => {
        told += 1;
        controller.abort();
      },
    });
    await assert.rejects(stopped, { name: 'AbortError' });
    assert.equal(told, 1);
  });

  it('of a file that is not there, or is a folder, is none', async () => {
    await assert.rejects(digestFile(path.join(folder, 'none')), { code: 'ENOENT' });
    await assert.rejects(digestFile(folder), { code: 'EISDIR' });
  });
});
