/** Rival recoveries (record/rivals.ts) in a store: what is known of them, in whatever order they came. */
import { readEnvelope, parseSealed, type ParsedRecord } from '../record/envelope.ts';
import { changeIn, openingOfRecovery } from '../record/feed-keys.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import { areRivals, rivalsStored, standingOf, type Recovery } from '../record/rivals.ts';
import type { FeedLink, VerifiedRecord } from '../record/types.ts';
import type { Feed } from './layout.ts';
import { damaged, idsOf, type StoredChoice } from './stored.ts';
import type { Turn } from './turn.ts';

/** The recovery in bytes that were verified before: stored, waiting, or part of a proof. */
function recoveryIn(turn: Turn, envelope: Uint8Array): (ParsedRecord & { readonly change: Recovery }) | undefined {
  const sealed = readEnvelope(envelope);
  const parsed = isRefusal(sealed) ? sealed : parseSealed(sealed, turn.memory.network);
  const change = isRefusal(parsed) ? undefined : changeIn(parsed);
  return !isRefusal(parsed) && change?.action === 'recover' ? { ...parsed, change } : undefined;
}

/** Another recovery of this number, with another recovery key, that this node has: stored, waiting, or in the proof of a fork. */
export async function rivalOf(turn: Turn, record: VerifiedRecord, change: Recovery): Promise<Uint8Array | undefined> {
  const { link, id } = record;
  if (rivalsStored(turn.keys(link), link.recovery, change)) return storedRecovery(turn, link);
  const waiting = turn.memory.pending.get(link)?.recovery.envelope;
  const proven = (await turn.proof(link))?.proof ?? [];
  return [...(waiting === undefined ? [] : [waiting]), ...proven].find((envelope) => {
    const other = recoveryIn(turn, envelope);
    return (
      other !== undefined && other.link.recovery === link.recovery && other.id !== id && areRivals(other.change, change)
    );
  });
}

/** The one that was not chosen, once more: told by its id, before any signature is looked at. */
export function knownRival(turn: Turn, { id, link }: ParsedRecord): Refusal | undefined {
  const choice = turn.choice(link);
  if (choice?.proof === undefined || !idsOf(choice.proof.proof).includes(id)) return undefined;
  const standing = standingOf(choice, turn.keys(link), { recovery: link.recovery, id });
  return standing === 'not-chosen' ? besideTheChosen(link) : undefined;
}

function besideTheChosen({ recovery }: FeedLink): Refusal {
  return refuse('not-chosen', `another recovery with the number ${recovery} is the one that counts here`);
}

/**
 * A recovery beside the one that this node's person has chosen. That there is one is kept: the owner of a feed, whose
 * own recovery counts as chosen, must hear of it, and so must whoever has chosen wrongly.
 */
export async function notChosen(
  turn: Turn,
  { id, link, envelope }: VerifiedRecord,
  change: Recovery,
): Promise<Refusal | undefined> {
  const choice = turn.choice(link);
  const keys = turn.keys(link);
  if (choice === undefined || standingOf(choice, keys, { recovery: link.recovery, id }) !== 'not-chosen') {
    return undefined;
  }
  const stored = await storedRecovery(turn, link);
  // Two that name one recovery key are a fork like any other: that key ends it.
  if (stored !== undefined && !rivalsStored(keys, link.recovery, change)) return undefined;
  if (stored !== undefined && choice.proof === undefined) {
    turn.choose({ ...choice, proof: { proof: [stored, envelope], keyRecords: [] } });
  }
  return besideTheChosen(link);
}

async function storedRecovery(turn: Turn, link: FeedLink): Promise<Uint8Array | undefined> {
  const opening = openingOfRecovery(turn.keys(link), link.recovery);
  return opening && turn.envelopeAt(link, { ...opening, seq: 1 });
}

/** The newest recovery of the branch that is stored: with it, all that lead to it are settled. */
export function newestOf(turn: Turn, feed: Feed): StoredChoice {
  const keys = turn.keys(feed);
  const recovery = keys.epochs.at(-1)?.recovery ?? 0;
  const opening = openingOfRecovery(keys, recovery)?.opened;
  if (!opening) throw damaged(`the keys of ${feed.author}`, 'a recovery was opened by no record');
  return { ...feed, recovery, id: opening.id };
}
