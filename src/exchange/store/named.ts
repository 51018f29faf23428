/**
 * Which records name a digest: what peers ask about, found without reading every record there is. An entry is written and
 * deleted in one batch with its record, so the two agree whenever the process ends.
 */
import { isDigest, type Digest } from '../../crypto/digest.ts';
import { openStored } from '../record/envelope.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import { digestsNamed, NAMING_TYPES } from '../record/named.ts';
import { isRefusal } from '../record/refusal.ts';
import type { AuthorId, VerifiedRecord } from '../record/types.ts';
import type { Database, Write } from './database.ts';
import {
  LAYOUT_VERSION,
  lastPart,
  NAMED_KEY,
  NAMED_VERSION,
  namedAfter,
  namedIn,
  namedKey,
  recordKey,
  under,
  VERSION_KEY,
} from './layout.ts';
import { BATCH_MAX_RECORDS, NAMED_MAX_OF_AUTHOR } from './limits.ts';
import type { Memory } from './memory.ts';
import { mustRead } from './stored.ts';

/** The keys under which a record is found. Those of private groups are not: no peer asks about them by a digest. */
export function namedKeys({ id, link, statement }: Pick<VerifiedRecord, 'id' | 'link' | 'statement'>): string[] {
  if (link.scope !== PUBLIC_SCOPE) return [];
  return digestsNamed(statement).map((digest) => namedKey(digest, link.author, id));
}

/** Author by author. Whoever names one thing ten thousand times is read no more often than others. */
export async function* readNaming(
  memory: Memory,
  digest: Digest,
  by: (author: AuthorId) => boolean,
): AsyncGenerator<VerifiedRecord> {
  let range: { readonly gte: string; readonly lt: string } | undefined = under('named', digest);
  while (range !== undefined) {
    const ids: string[] = [];
    let next: typeof range | undefined;
    let author: AuthorId | undefined;
    for await (const [key] of memory.database.entries(range)) {
      const [found, id] = namedIn(key);
      author ??= found;
      const isEnough = found === author && (ids.length === NAMED_MAX_OF_AUTHOR || !by(author));
      if (isEnough || found !== author) {
        next = isEnough ? namedAfter(digest, author) : { gte: key, lt: range.lt };
        break;
      }
      ids.push(id);
    }
    for (const id of ids) yield await mustRead(memory, id);
    range = next;
  }
}

/**
 * Looks up anew what is stored, where another version wrote it or none did: a portalgun of an older layout adds records
 * without their look-up, so of such a store nothing that is there is believed. Ends with the one write that says so, and with
 * it the store is of this layout (a new one begins with it): cut off, it begins again.
 */
export async function buildNamed(database: Database, network: string): Promise<void> {
  const is = async (key: string, version: number): Promise<boolean> =>
    Buffer.from((await database.get(key)) ?? []).toString() === String(version);
  if ((await is(VERSION_KEY, LAYOUT_VERSION)) && (await is(NAMED_KEY, NAMED_VERSION))) return;
  let batch: Write[] = [];
  const put = async (write: Write): Promise<void> => {
    batch.push(write);
    if (batch.length < BATCH_MAX_RECORDS) return;
    await database.write(batch);
    batch = [];
  };
  for await (const [key] of database.entries(under('named'))) await put({ type: 'del', key });
  for (const type of NAMING_TYPES) {
    for await (const [key] of database.entries(under('type', type))) {
      const id = lastPart(key);
      const envelope = isDigest(id) ? await database.get(recordKey(id)) : undefined;
      const record = envelope && openStored(envelope, network);
      // Whoever reads a damaged record is told; that others can be found does not depend on it.
      if (record === undefined || isRefusal(record)) continue;
      for (const named of namedKeys(record)) await put({ type: 'put', key: named, value: new Uint8Array(0) });
    }
  }
  const versions = [
    [NAMED_KEY, NAMED_VERSION],
    [VERSION_KEY, LAYOUT_VERSION],
  ] as const;
  await database.write([
    ...batch,
    ...versions.map(([key, version]): Write => ({ type: 'put', key, value: Buffer.from(String(version)) })),
  ]);
}
