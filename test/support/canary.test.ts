/** The search for a secret finds it wherever it is put: a search that finds nothing says something only then. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { Level } from 'level';
import { encodePng } from '../../src/picture/index.ts';
import { searchFolder } from './canary.ts';

const SECRET = 'Kw7-fQz2-Vx9-Jmb4';

describe('the search for a secret', () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'pg-canary-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  const places: Readonly<Record<string, Uint8Array | string>> = {
    'as it is': `before ${SECRET} after`,
    'in hex': Buffer.from(`x${SECRET}x`).toString('hex'),
    'in base64': Buffer.from(`{"it":"${SECRET}"}`).toString('base64'),
    'in base64, one on': Buffer.from(`x{"it":"${SECRET}"}`).toString('base64'),
    'in base64, two on': Buffer.from(`xx{"it":"${SECRET}"}`).toString('base64url'),
    'in two bytes a character': Buffer.from(`x${SECRET}`, 'utf16le'),
    'as a piece of it': `x${SECRET.slice(5, 11)}x`,
    'packed by zstd': zstdCompressSync(Buffer.from(SECRET)),
    'packed by gzip': gzipSync(Buffer.from(SECRET)),
    'in a picture': encodePng({ width: 7, height: 1, rgb: Buffer.from(`${SECRET}....`) }),
    'at the end of a block': Buffer.concat([Buffer.alloc(17 * 2 ** 20, 'abc'), Buffer.from(SECRET)]),
    'over two blocks': Buffer.concat([
      Buffer.alloc(4 * 2 ** 20 - 5, 'abc'),
      Buffer.from(SECRET),
      Buffer.alloc(16 * 2 ** 20, 'abc'),
    ]),
  };
  for (const [what, bytes] of Object.entries(places)) {
    it(`finds it ${what}`, async () => {
      await mkdir(path.join(folder, 'a', 'b'), { recursive: true });
      await writeFile(path.join(folder, 'a', 'b', 'kept'), bytes);
      await writeFile(path.join(folder, 'a', 'harmless'), `Kw7, fQz2, Vx9 ${SECRET.toLowerCase()}`);
      const { places, found } = await searchFolder(folder, SECRET);
      assert.deepEqual(found, ['a/b/kept']);
      assert.deepEqual(places.toSorted(), ['a/b/kept', 'a/harmless']);
    });
  }

  it('finds it in a name', async () => {
    await writeFile(path.join(folder, SECRET), '');
    assert.deepEqual((await searchFolder(folder, SECRET)).found, [SECRET]);
  });

  it('finds it in a store, whose blocks are packed', async () => {
    const level = new Level(path.join(folder, 'store'));
    const filling = 'the same again and again, '.repeat(40);
    for (let count = 0; count < 500; count++) await level.put(`key-${count}`, filling);
    await level.put('secret', `${filling}${SECRET}`);
    await level.close();
    // Opened again, it packs what it had in its log.
    await level.open();
    await level.close();
    const { found } = await searchFolder(folder, SECRET);
    assert.ok(found.includes('store: secret'), found.join());
  });
});
