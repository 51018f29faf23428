/**
 * Recoveries of feeds: one whose branch is here takes the feed there; one whose branch is yet to come waits for it. What takes
 * a private group's feed along with its author's keys does the same.
 */
import { openSealed, readEnvelope, type ParsedRecord, type SealedRecord } from '../record/envelope.ts';
import { advanceKeys, changeIn, changedTooOften, hasRoom, type FeedKeys } from '../record/feed-keys.ts';
import type { Kept } from '../record/key-change.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import { compareEpochs, firstPlaceOf } from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import type { Admission, VerifiedRecord } from '../record/types.ts';
import { freezeAt, held, refused } from './answers.ts';
import { takeGroupsBack } from './group-feeds.ts';
import { BEFORE_ALL, type Feed } from './layout.ts';
import type { CheckedBranch, Pending } from './pending.ts';
import { chooseIfPinned } from './pins.ts';
import type { Turn } from './turn.ts';

/** A recovery whose signature and place hold. */
export async function recover(turn: Turn, record: VerifiedRecord, keep: Kept): Promise<Admission> {
  const { id, link } = record;
  const { pending } = turn.memory;
  const first = pending.get(link);
  if (first !== undefined && first.recovery.id !== id) {
    return freezeAt(turn, record, first.recovery.envelope, firstPlaceOf(link.recovery));
  }
  return keepBranch(turn, record, keep);
}

/** The record that takes a group's feed along. Of several that wait for their branch the one with the newest key counts. */
export async function follow(turn: Turn, record: VerifiedRecord, keep: Kept | null): Promise<Admission> {
  const { link, id } = record;
  const { pending } = turn.memory;
  const first = pending.get(link)?.recovery;
  if (first !== undefined && first.id !== id) {
    const order = compareEpochs(link, first.link);
    if (order === 0) return freezeAt(turn, record, first.envelope, link);
    if (order < 0) return refused(refuse('given-up', `${link.author} has gone on under another key`), link);
    pending.end(link);
  }
  if (keep !== null) return keepBranch(turn, record, keep);
  return adopt(turn, record, record, { after: null, records: [], keys: turn.keys(link) }, []);
}

async function keepBranch(turn: Turn, record: VerifiedRecord, keep: Kept): Promise<Admission> {
  const { id, link } = record;
  const { pending } = turn.memory;
  if ((await turn.idAt(link, keep)) === keep.id) {
    return adopt(turn, record, record, { after: keep.id, records: [], keys: turn.keys(link) }, []);
  }
  pending.begin(record, keep.id);
  return held(id, keep.seq);
}

/** Whether a pending recovery vouches for this record, whatever its signature. */
export function isAwaited(turn: Turn, { id, link }: ParsedRecord): boolean {
  const pending = turn.memory.pending.get(link);
  return pending !== undefined && (pending.missing === id || pending.branch.some((one) => one.id === id));
}

/**
 * What a pending recovery waits for, going backwards. `opened`: as the feed's keys are here, which may not be those of the
 * branch. Undefined: it goes its ordinary way.
 */
export async function takeAwaited(
  turn: Turn,
  sealed: SealedRecord,
  parsed: ParsedRecord,
  opened: VerifiedRecord | Refusal,
): Promise<Admission | undefined> {
  const recoveries = turn.memory.pending;
  const pending = recoveries.get(parsed.link);
  if (pending === undefined) return undefined;
  // The branch may have keys of its own; only of the first one it is certain here that a signature is bad.
  const mayHold = !isRefusal(opened) || (parsed.link.epoch > 0 && WITH_ANOTHER_KEY.includes(opened.refused));
  if (!mayHold) return undefined;
  if (pending.missing !== parsed.id) {
    recoveries.replace(pending, parsed);
    return held(parsed.id, parsed.link.seq - 1);
  }
  const { checked, recovery, branch } = pending;
  if (checked !== null) {
    const record = open(turn, sealed, signersIn(turn, parsed.link, checked.keys));
    return isRefusal(record)
      ? refused(record, parsed.link)
      : adopt(turn, recovery, parsed, checked, [parsed, ...branch]);
  }
  // The next record of the branch that is stored: it goes its ordinary way.
  const isNext = parsed.link.prev === turn.mark(parsed.link)?.id && turn.fork(parsed.link) === undefined;
  if (isNext && !isRefusal(opened)) return undefined;
  if (parsed.link.prev === null && parsed.link.scope !== PUBLIC_SCOPE) {
    // All of the feed: what is stored is another one, or nothing.
    const none: CheckedBranch = { after: null, records: [], keys: turn.keys(parsed.link) };
    return adopt(turn, recovery, parsed, none, [parsed, ...branch]);
  }
  const longer = recoveries.extend(pending, parsed);
  if (longer === undefined) {
    return refused(
      refuse('too-large', 'the branch that the recovery keeps is longer than this node takes'),
      parsed.link,
    );
  }
  if ((await turn.placeOf(parsed.link, longer.missing)) === undefined) return held(parsed.id, parsed.link.seq - 1);
  return adopt(turn, recovery, parsed, fromStored(turn, longer), longer.branch);
}

/** After an ordinary admission: was it what a recovery waited for? */
export async function catchUp(turn: Turn, record: VerifiedRecord): Promise<VerifiedRecord[]> {
  const pending = turn.memory.pending.get(record.link);
  if (pending === undefined || (await turn.placeOf(record.link, pending.missing)) === undefined) return [];
  const { recovery, branch } = pending;
  const adopted = await adopt(turn, recovery, record, fromStored(turn, pending), branch);
  return adopted.result === 'admitted' ? [adopted.record, ...(adopted.released ?? [])] : [];
}

function fromStored(turn: Turn, { missing, recovery }: Pending): CheckedBranch {
  return { after: missing, records: [], keys: turn.keys(recovery.link) };
}

/**
 * Goes back to what the branch comes after, takes it and the recovery, all or nothing. The branch's signatures are checked
 * here, in order: only what everybody else would admit is stored, and given on. `arrived`: what has just come.
 */
async function adopt(
  turn: Turn,
  recovery: VerifiedRecord,
  arrived: ParsedRecord,
  checked: CheckedBranch,
  branch: readonly ParsedRecord[],
): Promise<Admission> {
  const { link } = recovery;
  const { pending } = turn.memory;
  const records = [...checked.records];
  let { keys } = checked;
  for (const [index, one] of branch.entries()) {
    const sealed = readEnvelope(one.envelope);
    const record = isRefusal(sealed) ? sealed : open(turn, sealed, signersIn(turn, link, keys));
    if (isRefusal(record)) {
      // Its words are the right ones, its signature is not: it must come again, and who has just sent another is not to blame.
      const rest = branch.slice(index + 1);
      pending.awaitCopy({ recovery, missing: one.id, branch: rest, checked: { after: checked.after, records, keys } });
      return one.id === arrived.id ? refused(record, one.link) : held(arrived.id, one.link.seq);
    }
    const change = changeIn(record);
    if (change !== undefined && !hasRoom(keys, change)) {
      // Who gets the same one by one refuses it too.
      pending.end(link);
      return refused(changedTooOften(link), link);
    }
    records.push(record);
    keys = advanceKeys(keys, record);
  }
  pending.end(link);
  const ancestor = checked.after === null ? BEFORE_ALL : await turn.placeOf(link, checked.after);
  if (ancestor === undefined) {
    // What it came after is not stored any more: all of it is asked for anew.
    if (link.prev !== null) pending.begin(recovery, link.prev);
    return held(recovery.id, link.seq);
  }
  const voided = await turn.goBack(link, ancestor, link);
  for (const record of records) turn.admit(record);
  const admitted = turn.admit(recovery);
  chooseIfPinned(turn, recovery);
  if (link.scope === PUBLIC_SCOPE) await takeGroupsBack(turn, link.author);
  return {
    ...admitted,
    ...(records.length > 0 && { released: records }),
    ...(voided.length > 0 && { voided }),
  };
}

/** By the keys of the branch itself; of a group's, by those of the public feed. */
function signersIn(turn: Turn, feed: Feed, keys: FeedKeys): FeedKeys {
  return feed.scope === PUBLIC_SCOPE ? keys : turn.signers(feed);
}

function open(turn: Turn, sealed: SealedRecord, feedKeys: FeedKeys): VerifiedRecord | Refusal {
  const { network, keys, verifier } = turn.memory;
  return openSealed(sealed, { network, keys, verifier, feedKeys });
}

/** Refusals of what may be signed well by a key that only the other branch knows. */
const WITH_ANOTHER_KEY: readonly Refusal['refused'][] = ['unknown-key', 'bad-signature'];
