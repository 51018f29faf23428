/** What a store's look-up by digest holds, seen from outside. */
import { Level } from 'level';
import type { VerifiedRecord } from '../../../src/exchange/record/index.ts';

export async function ids(records: AsyncIterable<VerifiedRecord>): Promise<string[]> {
  const found: string[] = [];
  for await (const { id } of records) found.push(id);
  return found;
}

/** The keys of a store that is closed. */
export async function namedKeysIn(folder: string): Promise<string[]> {
  const raw = new Level(folder);
  try {
    return await raw.keys({ gte: 'named\0', lt: 'named\x01' }).all();
  } finally {
    await raw.close();
  }
}
