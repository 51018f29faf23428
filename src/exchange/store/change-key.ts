/** The owner's own changes of key: what is signed, and what is refused before anything is. */
import type { Digest } from '../../crypto/digest.ts';
import { publicKeyOf } from '../../crypto/ed25519.ts';
import { FailedError, RefusedError, UsageError } from '../../errors.ts';
import { currentKey, newestEpoch, openingOfRecovery } from '../record/feed-keys.ts';
import { authorIdOf } from '../record/identity.ts';
import { followingPredicate, keyChangePredicate, keyDraft, type Kept } from '../record/key-change.ts';
import { compareEpochs } from '../record/links.ts';
import { signRecord } from '../record/sign.ts';
import type { FeedLink, KeyId, VerifiedRecord } from '../record/types.ts';
import { leave } from './choose.ts';
import { BEFORE_ALL, type Feed } from './layout.ts';
import { readRecord } from './stored.ts';
import type { Turn } from './turn.ts';
import type { NewKey } from './types.ts';

/** The key that is to sign the next record must be the one that does, in a feed that goes on. */
export function requireSigner(turn: Turn, feed: Feed, seed: Uint8Array): void {
  requireUnfrozen(turn, feed);
  requireKey(turn, feed, seed);
}

/** Null: the feed is where its keys are, so nothing is to be signed. */
export function signFollowing(turn: Turn, feed: Feed, seed: Uint8Array): VerifiedRecord | null {
  requireKey(turn, feed, seed);
  const signers = turn.signers(feed);
  const mark = turn.mark(feed);
  const newest = newestEpoch(signers);
  if (compareEpochs(newest, mark ?? BEFORE_ALL) <= 0) return null;
  const link: FeedLink = { network: turn.memory.network, ...feed, ...newest, seq: 1, prev: mark?.id ?? null };
  return signRecord(seed, link, keyDraft(feed.author, followingPredicate(currentKey(signers), mark ?? null)), signers);
}

function requireUnfrozen(turn: Turn, feed: Feed): void {
  const fork = turn.fork(feed);
  if (fork !== undefined) {
    const what = `two different records with seq ${fork.seq} carry your signature`;
    throw new FailedError('store/feed-frozen', `Your feed is frozen: ${what}.`, {
      hint:
        fork.rivals === undefined
          ? 'an old backup was restored, or one key was used on two machines; end it with `portalgun key recover`'
          : 'there are two recoveries: say which one is yours, `portalgun peer choose`; `portalgun key show` names them',
      facts: { seq: fork.seq, scope: fork.scope },
    });
  }
}

function requireKey(turn: Turn, feed: Feed, seed: Uint8Array): void {
  const keys = turn.signers(feed);
  if (currentKey(keys) !== authorIdOf(publicKeyOf(seed))) {
    throw new RefusedError('store/key-replaced', 'The key of this home does not sign your feed any more.', {
      hint: 'it was changed elsewhere: restore the newest backup of your identity, or `portalgun key recover`',
      facts: { signs: currentKey(keys) },
    });
  }
  if (keys.revoked) {
    throw new RefusedError('store/feed-revoked', 'You have revoked this key: your feed has ended.', {
      hint: 'only your recovery key can go on with it: `portalgun key recover`',
    });
  }
}

export async function signKeyChange(turn: Turn, feed: Feed, change: NewKey): Promise<VerifiedRecord> {
  const keep = await keptBy(turn, feed, change);
  const { author, action, newSeed } = change;
  const link: FeedLink = {
    network: turn.memory.network,
    ...feed,
    recovery: keep.recovery + (action === 'recover' ? 1 : 0),
    epoch: keep.epoch + 1,
    seq: 1,
    prev: keep.id,
  };
  if (action === 'rotate') {
    const predicate = keyChangePredicate(link, newSeed, { action, keep });
    return signRecord(change.seed, link, keyDraft(author, predicate), turn.keys(feed));
  }
  const recoveryKey = recoveryKeyAfter(turn, feed, change);
  const predicate = keyChangePredicate(link, newSeed, { action, keep, recoveryKey });
  return signRecord(change.recoverySeed, link, keyDraft(author, predicate), turn.keys(feed));
}

/**
 * Somebody else has recovered the feed with this recovery key: goes back to before that, so that the owner can make a
 * recovery of the same number. `against`: theirs. Rejects with `store/nothing-to-contest`.
 */
export async function leaveToContest(
  turn: Turn,
  feed: Feed,
  { recoverySeed, keep }: Extract<NewKey, { action: 'recover' }>,
): Promise<{ readonly voided: readonly Digest[]; readonly against: Uint8Array }> {
  const keys = turn.keys(feed);
  const mine = authorIdOf(publicKeyOf(recoverySeed));
  const within = keep === undefined ? undefined : (await readRecord(turn.memory, keep))?.link.recovery;
  const opening = keys.epochs.findLast(
    ({ recovery, opened }) =>
      opened !== null &&
      openingOfRecovery(keys, recovery)?.opened === opened &&
      keys.recoveryKeys[recovery - 1] === mine &&
      (within === undefined || recovery === within + 1),
  );
  const against = opening && (await turn.envelopeAt(feed, { ...opening, seq: 1 }));
  if (!opening?.opened || against === undefined) {
    throw new UsageError('store/nothing-to-contest', 'Nobody has recovered this feed with that recovery key.', {
      hint: 'leave --contest out: `portalgun key recover`',
    });
  }
  return { voided: await leave(turn, feed, opening.opened.id), against };
}

function recoveryKeyAfter(turn: Turn, feed: Feed, change: Extract<NewKey, { action: 'recover' }>): KeyId {
  const committed = turn.keys(feed).recoveryKeys.at(-1) ?? null;
  if (committed === null) {
    throw new RefusedError('store/no-recovery-key', 'This feed has committed to no recovery key.', {
      hint: 'there is no way to recover it; make a new identity with `portalgun init` in another home',
    });
  }
  if (committed !== authorIdOf(publicKeyOf(change.recoverySeed))) {
    throw new RefusedError('store/wrong-recovery-key', 'This is not the recovery key that the feed has committed to.', {
      hint: 'a recovery has replaced it: use the newest one that you were shown; if that recovery was not yours, --contest',
    });
  }
  return change.newRecoveryPublicKey === undefined ? committed : authorIdOf(change.newRecoveryPublicKey);
}

/** The newest record, or the one that the owner names, which must be of the present recovery. */
async function keptBy(turn: Turn, feed: Feed, change: NewKey): Promise<Kept> {
  const mark = turn.mark(feed);
  if (mark === undefined) {
    throw new UsageError('store/no-records', 'There is no record of this feed here yet.', {
      hint: 'a key that has signed nothing needs no change; or catch up with a peer first: `portalgun node sync`',
    });
  }
  const named: Digest | undefined = change.action === 'recover' ? change.keep : undefined;
  if (named === undefined || named === mark.id) return mark;
  const record = await readRecord(turn.memory, named);
  const link = record?.link;
  if (link?.author !== feed.author || link.scope !== feed.scope || link.recovery !== mark.recovery) {
    throw new UsageError('store/not-in-feed', `The record ${named} is none of this feed's present recovery.`, {
      hint: 'name one that `portalgun key show` lists',
    });
  }
  const { recovery, epoch, seq } = link;
  return { recovery, epoch, seq, id: named };
}
