/** The person's choice between two rival recoveries (record/rivals.ts). */
import { parseSealed, readEnvelope } from '../record/envelope.ts';
import { openingOfRecovery } from '../record/feed-keys.ts';
import { keyActionOf } from '../record/key-change.ts';
import { positionOf } from '../record/links.ts';
import { isRefusal } from '../record/refusal.ts';
import { keysUntil } from '../record/rivals.ts';
import { UsageError } from '../../errors.ts';
import type { Digest } from '../../crypto/digest.ts';
import { takeGroupsBack } from './group-feeds.ts';
import { judgeAll } from './judge.ts';
import type { Feed } from './layout.ts';
import { newestOf } from './rivals.ts';
import { damaged, idsOf, readRecord } from './stored.ts';
import type { Turn } from './turn.ts';

/**
 * From here on the feed is that of the chosen recovery. Where another branch is stored this goes back to what both come
 * after; the chosen branch then comes as any recovery does.
 */
export async function choose(turn: Turn, feed: Feed, chosen: Digest): Promise<{ readonly voided: readonly Digest[] }> {
  const proof = turn.fork(feed)?.rivals === true ? await turn.proof(feed) : turn.choice(feed)?.proof;
  if (proof === undefined) {
    throw new UsageError('store/no-rivals', 'There are no two recoveries of that feed to choose from.');
  }
  const index = idsOf(proof.proof).indexOf(chosen);
  const envelope = proof.proof[index];
  if (envelope === undefined) {
    throw new UsageError('store/not-a-rival', `The record ${chosen} is none of the two recoveries.`, {
      hint: `name one of ${idsOf(proof.proof).join(', ')}`,
    });
  }
  const number = recoveryOf(turn, envelope);
  const stored = openingOfRecovery(turn.keys(feed), number);
  turn.thaw(feed);
  turn.memory.pending.end(feed);
  if (stored?.opened?.id === chosen) {
    turn.choose({ ...newestOf(turn, feed), proof });
    return { voided: [] };
  }
  const voided = stored?.opened ? await leave(turn, feed, stored.opened.id) : [];
  turn.choose({ ...feed, recovery: number, id: chosen, proof });
  await judgeAll(turn, [envelope], (author) => author === feed.author);
  return { voided };
}

/** Back to what a recovery that is stored keeps. */
export async function leave(turn: Turn, feed: Feed, recovery: Digest): Promise<Digest[]> {
  const prev = (await readRecord(turn.memory, recovery))?.link.prev;
  const kept = prev ? await readRecord(turn.memory, prev) : undefined;
  if (kept === undefined) throw damaged(`the record ${recovery}`, 'what it keeps is missing');
  const { id, link, statement } = kept;
  const action = keyActionOf(statement, link);
  const isRevoked = 'action' in action && action.action === 'revoke';
  const voided = await turn.rewind({ ...feed, ...positionOf(link), id }, keysUntil(turn.keys(feed), link, isRevoked));
  await takeGroupsBack(turn, feed.author);
  return voided;
}

function recoveryOf(turn: Turn, envelope: Uint8Array): number {
  const sealed = readEnvelope(envelope);
  const parsed = isRefusal(sealed) ? sealed : parseSealed(sealed, turn.memory.network);
  if (isRefusal(parsed)) throw damaged('a proof', parsed.detail);
  return parsed.link.recovery;
}
