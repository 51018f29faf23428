/** The records that answer one mark, in the order in which the asker can admit them. */
import type { Digest } from '../../../crypto/digest.ts';
import { openingOfRecovery } from '../../record/feed-keys.ts';
import { PUBLIC_SCOPE } from '../../record/feed-link.ts';
import { BRANCH_MAX_RECORDS } from '../../record/limits.ts';
import { comparePositions, positionOf } from '../../record/links.ts';
import type { Position } from '../../record/links.ts';
import type { AuthorId, Scope, VerifiedRecord } from '../../record/types.ts';
import type { RecordStore } from '../../store/types.ts';
import { SYNC_READ_RECORDS } from '../limits.ts';
import type { Shipment } from './logic.ts';

type Store = Pick<RecordStore, 'get' | 'idAt' | 'keysOf' | 'range'>;

export interface Shipping {
  /** What the asker has is none of what is here: what follows proves it, and the feed does not go on for them. */
  readonly contradicts: boolean;
  readonly records: AsyncIterable<VerifiedRecord>;
}

export async function shippingOf(store: Store, scope: Scope, shipment: Shipment): Promise<Shipping> {
  const { author, at, known, recovery, before } = shipment;
  const onBranch = known === null || (await store.idAt(author, scope, at)) === known;
  if (recovery !== null && (!onBranch || recovery.frozen)) {
    return { contradicts: false, records: recovered(store, scope, shipment, recovery.number) };
  }
  if (!onBranch) return { contradicts: true, records: contradiction(store, scope, shipment) };
  return { contradicts: false, records: onwards(store, { author, scope }, at, before) };
}

/** Everything behind a place. */
async function* onwards(
  store: Store,
  { author, scope }: { readonly author: AuthorId; readonly scope: Scope },
  place: Position,
  before: Position | null,
): AsyncGenerator<VerifiedRecord> {
  for (let after = place; ;) {
    const records = await store.range(author, scope, after, SYNC_READ_RECORDS);
    for (const record of records) {
      if (before !== null && comparePositions(record.link, before) >= 0) return;
      yield record;
    }
    const last = records.at(-1);
    if (last === undefined) return;
    after = positionOf(last.link);
  }
}

/**
 * The asker's record is another one than ours, or lies where our epoch had ended. Whose key signed ours it can only tell
 * where the openings of our epochs are its own: so they come first, and the first that is not is signed by a key that we
 * share. With what the asker has, that one, or else our record, proves the fork.
 */
async function* contradiction(
  store: Store,
  scope: Scope,
  { author, at, before }: Shipment,
): AsyncGenerator<VerifiedRecord> {
  const isSent = (place: Position): boolean => before === null || comparePositions(place, before) < 0;
  for (const { recovery, epoch, opened } of store.keysOf(author, scope).epochs) {
    if (opened === null || recovery !== at.recovery || epoch > at.epoch || !isSent({ recovery, epoch, seq: 1 }))
      continue;
    const opening = await store.get(opened.id);
    if (opening !== undefined) yield opening;
  }
  const [next] = await store.range(author, scope, { ...at, seq: at.seq - 1 }, 1);
  if (next !== undefined && isSent(next.link)) yield next;
}

/** A recovery, what it keeps, and what follows it. */
async function* recovered(
  store: Store,
  scope: Scope,
  shipment: Shipment,
  number: number,
): AsyncGenerator<VerifiedRecord> {
  const { author, at, known, before: forkedAt } = shipment;
  const keys = store.keysOf(author, scope);
  const last = scope === PUBLIC_SCOPE ? openingOfRecovery(keys, number) : keys.epochs.at(-1);
  // Where the asker's own recovery is another one, ours of that number shows it.
  const theirs = scope === PUBLIC_SCOPE ? [openingOfRecovery(keys, at.recovery)] : [];
  for (const one of [...theirs, last]) {
    const opened = one?.opened && (await store.get(one.opened.id));
    if (!opened) continue;
    yield opened;
    if (one !== last) continue;
    yield* backwards(store, opened, known);
    yield* onwards(store, { author, scope }, positionOf(opened.link), forkedAt);
  }
}

/**
 * What a recovery keeps, newest first, for who is on another branch, down to the record that they have if it is one of
 * these: the recovery vouches for each by the one after it (store/pending.ts).
 */
async function* backwards(store: Store, from: VerifiedRecord, known: Digest | null): AsyncGenerator<VerifiedRecord> {
  let { prev } = from.link;
  for (let count = 0; prev !== null && prev !== known && count < BRANCH_MAX_RECORDS; count += 1) {
    const record = await store.get(prev);
    if (record === undefined) return;
    yield record;
    ({ prev } = record.link);
  }
}
