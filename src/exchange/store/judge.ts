/** Bytes from anywhere, judged one after another, each against what is on the disk and what this turn has judged before it. */
import { openParsed, type Verifier } from '../record/envelope.ts';
import { changeIn, changedTooOften, followingIn, hasRoom, newestEpoch, opensEpoch } from '../record/feed-keys.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import { judgeGroupLink, type GroupLinkVerdict } from '../record/group-links.ts';
import type { KeyChange } from '../record/key-change.ts';
import {
  comparePositions,
  firstPlaceOf,
  judgeLink,
  outranks,
  type LinkVerdict,
  type Position,
} from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import type { Admission, AuthorId, FeedLink, Scope, VerifiedRecord } from '../record/types.ts';
import { behindFork, freezeAt, frozenAt, held, refused } from './answers.ts';
import { readAhead, type Batch, type ReadRecord } from './read-ahead.ts';
import { beginsBesidePin, recoversBesidePin } from './pins.ts';
import { knownRival, notChosen, rivalOf } from './rivals.ts';
import { catchUp, follow, isAwaited, recover, takeAwaited } from './recovery.ts';
import type { Turn } from './turn.ts';

type Follows = (author: AuthorId, scope: Scope) => boolean;

/** What all records of a batch are judged by. */
interface How {
  readonly known: Batch['known'];
  readonly follows: Follows;
  readonly verifier: Verifier;
}

/** In order. One that is bad stops none of the others. */
export async function judgeAll(turn: Turn, envelopes: readonly Uint8Array[], follows: Follows): Promise<Admission[]> {
  const admissions: Admission[] = [];
  for await (const { records, known, verifier } of readAhead(turn, envelopes, follows)) {
    const how = { known, follows, verifier: await verifier };
    for (const record of records) {
      const admission = isRefusal(record) ? refused(record) : await judge(turn, record, how);
      const isNamed = admission.result === 'refused' && !isRefusal(record);
      admissions.push(isNamed ? { ...admission, record: record.sealed.id } : admission);
    }
  }
  return admissions;
}

async function judge(
  turn: Turn,
  { sealed, parsed }: ReadRecord,
  { known, follows, verifier }: How,
): Promise<Admission> {
  // A known id is done with before anything is verified again.
  if (turn.has(sealed.id, known)) return { result: 'known', id: sealed.id };
  const { keys } = turn.memory;
  if (isRefusal(parsed)) return refused(parsed);
  const { link } = parsed;
  if (!follows(link.author, link.scope))
    return refused(refuse('unknown-author', `nobody here follows ${link.author}`), link);
  const awaited = isAwaited(turn, parsed);
  // Nor is what lies behind a proven fork, which is refused whatever its signature.
  const frozen = awaited ? undefined : (behindFork(turn, parsed) ?? knownRival(turn, parsed));
  if (frozen !== undefined) return refused(frozen, link);
  const record = openParsed(sealed, parsed, { keys, verifier, feedKeys: turn.signers(link) });
  const taken = awaited ? await takeAwaited(turn, sealed, parsed, record) : undefined;
  if (taken !== undefined) return taken;
  if (isRefusal(record)) return refused(record, link);
  const admission = await place(turn, record);
  if (admission.result !== 'admitted') return admission;
  const released = [...(await release(turn, record)), ...(await catchUp(turn, record))];
  return released.length === 0 ? admission : { ...admission, released };
}

/** A verified record of a followed author: where does it belong? */
async function place(turn: Turn, record: VerifiedRecord): Promise<Admission> {
  const { id, link } = record;
  if (link.scope !== PUBLIC_SCOPE) return placeInGroup(turn, record);
  const head = turn.mark(link);
  const change = changeIn(record);
  const behind = head !== undefined && comparePositions(link, head) <= 0;
  const state = { head, keys: turn.keys(link), idAt: behind ? await turn.idAt(link, link) : undefined };
  const verdict = judgeLink(id, link, change === undefined ? state : { ...state, change });
  if (verdict.verdict === 'known') return { result: 'known', id };
  if (change?.action === 'recover') {
    const said = (await notChosen(turn, record, change)) ?? recoversBesidePin(turn, link, change);
    if (said !== undefined) return refused(said, link);
    const rival = await rivalOf(turn, record, change);
    if (rival !== undefined) return freezeAt(turn, record, rival, { ...firstPlaceOf(link.recovery), rivals: true });
  }
  const frozen = frozenBefore(turn, link, verdict.verdict === 'recovery');
  if (frozen !== undefined) return refused(frozen, link);
  if (verdict.verdict === 'next') return next(turn, record, change);
  if (verdict.verdict === 'recovery') return recover(turn, record, verdict.keep);
  return outOfPlace(turn, record, verdict);
}

/** The same in the feed of a private group, of which the public one says who signs. */
async function placeInGroup(turn: Turn, record: VerifiedRecord): Promise<Admission> {
  const { id, link } = record;
  const head = turn.mark(link);
  const signers = turn.signers(link);
  const behind = head !== undefined && comparePositions(link, head) <= 0;
  const idAt = behind ? await turn.idAt(link, link) : undefined;
  const state = { head, idAt, newest: newestEpoch(signers), following: followingIn(record) };
  const verdict = judgeGroupLink(id, link, state);
  if (verdict.verdict === 'known') return { result: 'known', id };
  if (signers.revoked) return refused(refuse('revoked', `${link.author} has revoked the key that signed this`), link);
  const frozen = frozenBefore(turn, link, verdict.verdict === 'follow');
  if (frozen !== undefined) return refused(frozen, link);
  if (verdict.verdict === 'next') return turn.admit(record);
  if (verdict.verdict === 'follow') return follow(turn, record, verdict.keep);
  return outOfPlace(turn, record, verdict);
}

/**
 * Whether a proven fork stops the feed before this place. A record that goes on elsewhere ends it where its key outranks those
 * that forked: in public the owner's recovery key, and not where it was that recovery which forked.
 */
function frozenBefore(turn: Turn, link: FeedLink, goesOnElsewhere: boolean): Refusal | undefined {
  const fork = turn.fork(link);
  if (fork === undefined || comparePositions(link, fork) < 0) return undefined;
  const isEnded = goesOnElsewhere && fork.rivals === undefined && outranks(link.scope, link, fork);
  return isEnded ? undefined : frozenAt(fork);
}

/** It comes later, or contradicts what is stored, or has no place. */
async function outOfPlace(turn: Turn, record: VerifiedRecord, verdict: OutOfPlace): Promise<Admission> {
  switch (verdict.verdict) {
    case 'gap':
      return wait(turn, record, verdict.missingFrom);
    case 'fork':
      return prove(turn, record, verdict.at, verdict.against);
    default:
      return refused(refuse(verdict.verdict, verdict.detail), record.link);
  }
}

type OutOfPlace = Exclude<LinkVerdict | GroupLinkVerdict, { verdict: 'known' | 'next' | 'recovery' | 'follow' }>;

async function next(turn: Turn, record: VerifiedRecord, change: KeyChange | undefined): Promise<Admission> {
  const { link } = record;
  const keys = turn.keys(link);
  if (change !== undefined && !hasRoom(keys, change)) return refused(changedTooOften(link), link);
  const beside = beginsBesidePin(turn, record);
  if (beside !== undefined) return refused(beside, link);
  if (keys.revoked) return refused(refuse('revoked', `${link.author} has revoked the key that signed this`), link);
  const beyond = change && turn.memory.hold.beyond(link, change.keep);
  if (change !== undefined && beyond !== undefined) {
    // It waited for its gap, and now its author says that the epoch had ended before it.
    const { recovery, epoch, seq } = change.keep;
    return freezeAt(turn, record, beyond.envelope, { recovery, epoch, seq: seq + 1 });
  }
  // What waits in groups was signed by a key that is given up with this.
  if (change !== undefined) turn.memory.pending.endGroupsOf(link.author);
  return turn.admit(record);
}

async function wait(turn: Turn, record: VerifiedRecord, missingFrom: number): Promise<Admission> {
  const { id, link } = record;
  // What opens an epoch is fetched again with the gap: the hold knows one epoch.
  if (opensEpoch(link)) return held(id, missingFrom);
  const { hold } = turn.memory;
  const waiting = hold.at(link, link.seq);
  const isProof = link.scope === PUBLIC_SCOPE || !turn.isGivenUp(link, link);
  if (waiting !== undefined && waiting.id !== id && comparePositions(waiting.link, link) === 0 && isProof) {
    return freezeAt(turn, record, waiting.envelope, link);
  }
  hold.put(record);
  return held(id, missingFrom);
}

/** What waited for this record, and for what waited for it. */
async function release(turn: Turn, record: VerifiedRecord): Promise<VerifiedRecord[]> {
  const released: VerifiedRecord[] = [];
  let { seq } = record.link;
  for (;;) {
    const waiting = turn.memory.hold.take(record.link, ++seq);
    if (waiting === undefined) return released;
    const admission = await place(turn, waiting);
    if (admission.result !== 'admitted') return released;
    released.push(admission.record);
  }
}

/** The record contradicts the one stored at `against`. */
async function prove(turn: Turn, record: VerifiedRecord, at: Position, against: Position): Promise<Admission> {
  const stored = await turn.envelopeAt(record.link, against);
  if (stored !== undefined) return freezeAt(turn, record, stored, at);
  const what = `it contradicts the record with seq ${against.seq}, which is no longer stored`;
  return refused(refuse('bad-link', what), record.link);
}
