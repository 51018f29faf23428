/** Feeds of private groups go where the public feed of their author goes: it says who signs in them. */
import { parseSealed, readEnvelope } from '../record/envelope.ts';
import { epochOf, followingIn, type Epoch } from '../record/feed-keys.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import type { Kept } from '../record/key-change.ts';
import { compareEpochs } from '../record/links.ts';
import { isRefusal } from '../record/refusal.ts';
import { keysUntil } from '../record/rivals.ts';
import type { AuthorId } from '../record/types.ts';
import type { Feed } from './layout.ts';
import { damaged } from './stored.ts';
import type { Turn } from './turn.ts';

/**
 * After the public feed has gone to another branch: what the groups' feeds have of epochs that it has no more is left, back to
 * what was kept before.
 */
export async function takeGroupsBack(turn: Turn, author: AuthorId): Promise<void> {
  const signers = turn.signers({ author, scope: PUBLIC_SCOPE });
  turn.memory.pending.endGroupsOf(author);
  for (const feed of turn.groupFeedsOf(author)) {
    const left = turn.keys(feed).epochs.find((epoch) => epochOf(signers, epoch)?.key !== epoch.key);
    if (left !== undefined) await takeBack(turn, feed, left);
  }
}

async function takeBack(turn: Turn, feed: Feed, left: Epoch): Promise<void> {
  const kept = await keptBefore(turn, feed, left);
  if (kept === null) await turn.drop(feed);
  else await turn.rewind({ ...feed, ...kept }, keysUntil(turn.keys(feed), kept, false));
  const fork = turn.fork(feed);
  // It was signed by keys that nobody goes by any more.
  if (fork !== undefined && (kept === null || compareEpochs(fork, kept) > 0)) turn.thaw(feed);
}

async function keptBefore(turn: Turn, feed: Feed, { recovery, epoch }: Epoch): Promise<Kept | null> {
  const envelope = await turn.envelopeAt(feed, { recovery, epoch, seq: 1 });
  const sealed = envelope && readEnvelope(envelope);
  const parsed = sealed && !isRefusal(sealed) ? parseSealed(sealed, turn.memory.network) : undefined;
  const following = parsed && !isRefusal(parsed) ? followingIn(parsed) : undefined;
  if (following === undefined) throw damaged(`a group’s feed of ${feed.author}`, 'an epoch was opened by no record');
  return following.keep;
}
