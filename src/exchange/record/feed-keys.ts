/**
 * Who may sign in a feed, as its own key records say: one signing key for each epoch, and the recovery key in force in
 * each recovery. Pure: a state, and what each admitted record makes of it.
 *
 * The recovery key is the one that the feed's very first record commits to; only a recovery replaces it. So whoever
 * steals the signing key can neither bring a recovery key of their own nor keep the owner from using theirs (threat 17).
 */
import type { Digest } from '../../crypto/digest.ts';
import { keyActionOf, type Following, type KeyChange, type Kept } from './key-change.ts';
import { PUBLIC_SCOPE } from './feed-link.ts';
import { EPOCHS_MAX } from './limits.ts';
import { refuse, type Refusal } from './refusal.ts';
import type { AuthorId, FeedLink, KeyId, Statement, VerifiedRecord } from './types.ts';

export interface Epoch {
  readonly recovery: number;
  readonly epoch: number;
  /** Signs the records and heads of this epoch. */
  readonly key: KeyId;
  /** The record that opened it, and the seq of the last record kept before; null for the first epoch. */
  readonly opened: { readonly id: Digest; readonly keptSeq: number } | null;
}

export interface FeedKeys {
  readonly author: AuthorId;
  /** Of the branch that is kept, in order; the first one is the author's first key. */
  readonly epochs: readonly Epoch[];
  /** By recovery: who may end it and open the next. Null where the feed committed to no recovery key; empty at first. */
  readonly recoveryKeys: readonly (KeyId | null)[];
  /** The owner has revoked the newest key: only a recovery goes on. */
  readonly revoked: boolean;
}

/** Before any record. */
export function firstKeys(author: AuthorId): FeedKeys {
  const first: Epoch = { recovery: 0, epoch: 0, key: author, opened: null };
  return { author, epochs: [first], recoveryKeys: [], revoked: false };
}

/** Where the feed is, as its key records say. */
export function newestEpoch({ epochs }: FeedKeys): Pick<Epoch, 'recovery' | 'epoch'> {
  const { recovery, epoch } = epochs.at(-1) ?? { recovery: 0, epoch: 0 };
  return { recovery, epoch };
}

/** Who signs the next record of the feed. */
export function currentKey(keys: FeedKeys): KeyId {
  return keys.epochs.at(-1)?.key ?? keys.author;
}

export function epochOf(
  keys: FeedKeys,
  place: { readonly recovery: number; readonly epoch: number },
): Epoch | undefined {
  return keys.epochs.findLast(({ recovery, epoch }) => recovery === place.recovery && epoch === place.epoch);
}

/** The epoch after one, within the same recovery: where the kept branch left it. */
export function epochAfter(
  keys: FeedKeys,
  place: { readonly recovery: number; readonly epoch: number },
): Epoch | undefined {
  return epochOf(keys, { recovery: place.recovery, epoch: place.epoch + 1 });
}

/** The record that opened a recovery. */
export function openingOfRecovery(keys: FeedKeys, recovery: number): Epoch | undefined {
  return recovery === 0 ? undefined : keys.epochs.find((epoch) => epoch.recovery === recovery);
}

/**
 * Whose signature a record must carry: its epoch's key, or for one that opens an epoch the key before, or the recovery key.
 * In a private group always the key of that epoch of the author's public feed, whose keys these are.
 */
export function signerOf(keys: FeedKeys, link: FeedLink, statement: Statement): KeyId | Refusal {
  if (link.scope !== PUBLIC_SCOPE) return signerInGroup(keys, link, statement);
  if (!opensEpoch(link)) return keyAt(keys, link);
  const action = keyActionOf(statement, link);
  if ('refused' in action) return action;
  if (action.action === 'rotate') return keyAt(keys, { recovery: link.recovery, epoch: link.epoch - 1 });
  if (action.action !== 'recover') return refuse('bad-link', 'only a key change or a recovery opens an epoch');
  const key = keys.recoveryKeys[link.recovery - 1];
  if (key === undefined) return unknownKey(keys, link);
  return key ?? refuse('bad-signature', `${link.author} has committed to no recovery key`);
}

function signerInGroup(keys: FeedKeys, link: FeedLink, statement: Statement): KeyId | Refusal {
  const key = keyAt(keys, link);
  if (typeof key !== 'string' || !opensEpoch(link)) return key;
  // Before that key is looked at, which costs as much as a signature: on another branch of the public feed it is another one.
  if (statement.predicate['key'] !== key) {
    return refuse('unknown-key', `the public feed of ${link.author} has another key there`);
  }
  const action = keyActionOf(statement, link);
  return 'refused' in action ? action : key;
}

/** A record that opens an epoch: its link alone says so. */
export function opensEpoch(link: Pick<FeedLink, 'epoch' | 'seq'>): boolean {
  return link.epoch > 0 && link.seq === 1;
}

export function keyAt(keys: FeedKeys, place: { readonly recovery: number; readonly epoch: number }): KeyId | Refusal {
  return epochOf(keys, place)?.key ?? unknownKey(keys, place);
}

/** What the keys are once a record, whose signature and link hold, has been admitted. */
export function advanceKeys(keys: FeedKeys, record: Pick<VerifiedRecord, 'id' | 'link' | 'statement'>): FeedKeys {
  const { id, link, statement } = record;
  const action = keyActionOf(statement, link);
  // Not about keys, or not understood: then it counts for nothing, and as the first record it has committed to nothing.
  if ('refused' in action) return link.prev === null ? { ...keys, recoveryKeys: [null] } : keys;
  switch (action.action) {
    case 'open':
      return { ...keys, recoveryKeys: [action.recoveryKey] };
    case 'revoke':
      return { ...keys, revoked: true };
    case 'follow':
      return followed(keys, id, link, action);
    default:
      return openEpoch(keys, id, link, action);
  }
}

function openEpoch(keys: FeedKeys, id: Digest, link: FeedLink, change: KeyChange): FeedKeys {
  const { recovery, epoch } = link;
  const opened: Epoch = { recovery, epoch, key: change.key, opened: { id, keptSeq: change.keep.seq } };
  const recoveryKeys =
    change.action === 'recover' ? [...keys.recoveryKeys.slice(0, recovery), change.recoveryKey] : keys.recoveryKeys;
  return { ...keys, epochs: [...keptEpochs(keys, change), opened], recoveryKeys, revoked: false };
}

/** Of a group's feed this says where its epochs begin. Whose key signs there, the public feed says. */
function followed(keys: FeedKeys, id: Digest, { recovery, epoch }: FeedLink, { key, keep }: Following): FeedKeys {
  const opened: Epoch = { recovery, epoch, key, opened: { id, keptSeq: keep?.seq ?? 0 } };
  return { ...keys, epochs: [...(keep === null ? [] : keptEpochs(keys, { keep })), opened], recoveryKeys: [null] };
}

/** Without those of a branch that is not kept. */
function keptEpochs({ epochs }: FeedKeys, { keep }: { readonly keep: Kept }): Epoch[] {
  return epochs.filter(
    ({ recovery, epoch }) => recovery < keep.recovery || (recovery === keep.recovery && epoch <= keep.epoch),
  );
}

/** What a record does that opens an epoch. Its signer has been found by this, so it reads. */
export function changeIn({ link, statement }: Pick<VerifiedRecord, 'link' | 'statement'>): KeyChange | undefined {
  if (!opensEpoch(link)) return undefined;
  const action = keyActionOf(statement, link);
  return 'keep' in action && action.action !== 'follow' ? action : undefined;
}

/** What a record does that takes a private group's feed along with the public one. */
export function followingIn({ link, statement }: Pick<VerifiedRecord, 'link' | 'statement'>): Following | undefined {
  if (!opensEpoch(link)) return undefined;
  const action = keyActionOf(statement, link);
  return 'keep' in action && action.action === 'follow' ? action : undefined;
}

/**
 * Whether a change may open one more epoch: each is remembered for good. A recovery always may, or a thief's changes
 * would lock out the owner; of those there are RECOVERIES_MAX.
 */
export function hasRoom(keys: FeedKeys, change: KeyChange): boolean {
  return change.action === 'recover' || keptEpochs(keys, change).length < EPOCHS_MAX;
}

export function changedTooOften({ author }: Pick<FeedLink, 'author'>): Refusal {
  return refuse('bad-link', `${author} has changed keys too often`);
}

function unknownKey(keys: FeedKeys, place: { readonly recovery: number; readonly epoch: number }): Refusal {
  const { recovery, epoch } = place;
  const newest = keys.epochs.at(-1)?.recovery ?? 0;
  // Of a branch that has been left: there is nothing to wait for.
  if (recovery < newest) return refuse('replayed', `it belongs to recovery ${recovery}, and ${newest} has ended that`);
  return refuse('unknown-key', `this node has not seen what opened epoch ${epoch} of recovery ${recovery}`);
}
