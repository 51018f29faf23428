import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import * as fc from 'fast-check';
import { openDatabase } from '../../src/exchange/store/database.ts';
import type { Database, Write } from '../../src/exchange/store/database.ts';
import { Disk } from './disk.ts';

const KEYS = ['a', 'a\0b', 'a\0c', 'ab', 'b', 'y\u{10ffff}'];
const key = fc.constantFrom(...KEYS);
const write: fc.Arbitrary<Write> = fc.oneof(
  fc.record({ type: fc.constant('put' as const), key, value: fc.uint8Array({ maxLength: 3 }) }),
  fc.record({ type: fc.constant('del' as const), key }),
);

function hex(bytes: Uint8Array | undefined): string | undefined {
  return bytes && Buffer.from(bytes).toString('hex');
}

async function held(database: Database, gte: string, lt: string, limit: number): Promise<string[]> {
  const found: string[] = [];
  for await (const [name, value] of database.entries({ gte, lt, limit })) {
    found.push(`${name}=${hex(value)}`);
  }
  return found;
}

describe('the simulated disk', () => {
  it('keeps and orders what is written as LevelDB does', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'portalgun-disk-'));
    const level = await openDatabase(path.join(folder, 'store'), 'test');
    const meta = new Map<string, Uint8Array>();
    for await (const [name, value] of level.entries({ gte: 'm', lt: 'n' })) meta.set(name, value);
    try {
      const batch = fc.array(write, { maxLength: 20 });
      await fc.assert(
        fc.asyncProperty(batch, key, key, fc.integer({ min: 1, max: 5 }), async (writes, a, b, limit) => {
          await level.write(KEYS.map((name) => ({ type: 'del', key: name })));
          const disk = new Disk(meta);
          await level.write(writes);
          await disk.write(writes);
          assert.deepEqual(await held(disk, a, b, limit), await held(level, a, b, limit));
          assert.deepEqual(await disk.has([a, b]), await level.has([a, b]));
          assert.deepEqual(hex(await disk.get(a)), hex(await level.get(a)));
        }),
        { seed: 20261127, numRuns: 60 },
      );
    } finally {
      await level.close();
      await rm(folder, { recursive: true, force: true });
    }
  });

  it('takes nothing from who was killed, and a copy is another disk', async () => {
    const disk = new Disk();
    await disk.write([{ type: 'put', key: 'a', value: new Uint8Array(1) }]);
    const copy = disk.copy();
    await disk.close();
    await assert.rejects(disk.write([{ type: 'put', key: 'b', value: new Uint8Array(1) }]));
    assert.equal(copy.digest(), disk.digest());
    await copy.write([{ type: 'del', key: 'a' }]);
    assert.notEqual(copy.digest(), disk.digest());
  });
});
