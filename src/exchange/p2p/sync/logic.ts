/**
 * What to ask a peer for, and what to send one that asks. Pure: no sockets, no clock, so that a simulator can drive it.
 *
 * Each call is about the feeds of one scope: the public ones, unless a group's is named. Of a group only its members are
 * asked and answered (groups.ts).
 */
import type { Digest } from '../../../crypto/digest.ts';
import { comparePositions, outranks, positionOf } from '../../record/links.ts';
import type { Position } from '../../record/links.ts';
import type { AuthorId, FeedHead, Scope } from '../../record/types.ts';
import { SYNC_FRAME_BYTES } from '../limits.ts';
import { PUBLIC_SCOPE } from '../../record/feed-link.ts';

/** What the newest signed head says: where the feed ends, and when that was (in seconds since 1970). */
export interface SignedAt extends Position {
  readonly issuedAt: number;
}

/** How far somebody has an author's feed. */
export interface Mark {
  readonly author: AuthorId;
  readonly recovery: number;
  readonly epoch: number;
  /** 0: nothing yet, and `id` is null. */
  readonly seq: number;
  readonly id: Digest | null;
  readonly signed: SignedAt | null;
  /** Holds a proof that the feed is forked. */
  readonly frozen: boolean;
  /** Rival recoveries (record/rivals.ts). Frozen: the number of the two. Else: up to which one its person has chosen, or 0. */
  readonly rivals: number;
}

/** What a node has of the feeds of a scope. */
export interface Holdings {
  readonly heads: readonly FeedHead[];
  readonly signed: ReadonlyMap<AuthorId, SignedAt>;
  /** Forked feeds, and the place from which on nothing of them is admitted. */
  readonly frozen: ReadonlyMap<AuthorId, Place>;
  /** Feeds with rival recoveries, and up to which number the person has chosen. */
  readonly settled: ReadonlyMap<AuthorId, number>;
}

/** `rivals`: nothing but the person of that node ends it. */
export interface Place extends Position {
  readonly rivals?: true;
}

/** Records to send: those behind the asker's mark and before `before`. */
export interface Shipment {
  readonly author: AuthorId;
  /** Where the asker stands; seq 0 where it has nothing yet. */
  readonly at: Position;
  /** The first place that is not sent: a proven fork. Null: to the end. */
  readonly before: Position | null;
  /** What the asker holds there. If ours is another, ours goes along: together they prove a fork. */
  readonly known: Digest | null;
  /**
   * A recovery that the asker has not got: where its branch is not the one that is kept, it needs that one backwards. In a
   * group the newest key does what a recovery does, and `number` says nothing.
   */
  readonly recovery: { readonly number: number; readonly frozen: boolean } | null;
}

export interface ShippingPlan {
  readonly shipments: readonly Shipment[];
  /** Authors of whom the asker has more than we do (records, a newer head, a proof): a reason to ask it in turn. */
  readonly behind: readonly AuthorId[];
  /** Whose signed head we have and the asker has not, or has older. */
  readonly newerHeads: readonly AuthorId[];
  /** Of whose fork the asker has no proof. */
  readonly proofs: readonly AuthorId[];
}

/** One mark for each carried author. */
export function marksFor(carried: readonly AuthorId[], holdings: Holdings, scope: Scope = PUBLIC_SCOPE): Mark[] {
  const byAuthor = headsIn(scope, holdings.heads);
  return [...new Set(carried)].map((author): Mark => {
    const { recovery, epoch, seq, id } = byAuthor.get(author) ?? { recovery: 0, epoch: 0, seq: 0, id: null };
    const signed = holdings.signed.get(author) ?? null;
    return { author, recovery, epoch, seq, id, signed, ...forkIn(author, holdings) };
  });
}

/** What a mark says of the forks of a feed. */
export function forkIn(author: AuthorId, { frozen, settled }: Holdings): Pick<Mark, 'frozen' | 'rivals'> {
  const fork = frozen.get(author);
  if (fork === undefined) return { frozen: false, rivals: settled.get(author) ?? 0 };
  return { frozen: true, rivals: fork.rivals === true ? fork.recovery : 0 };
}

/** Whether the mark says what was said of its author before. */
export function sameMark(before: ReadonlyMap<AuthorId, Mark>, mark: Mark): boolean {
  const said = before.get(mark.author);
  return (
    said !== undefined &&
    comparePositions(said, mark) === 0 &&
    said.id === mark.id &&
    said.frozen === mark.frozen &&
    said.rivals === mark.rivals &&
    samePlace(said.signed, mark.signed)
  );
}

/** What to send somebody who asked with these marks. Feeds that we do not carry are passed over in silence. */
export function planShipments(
  asked: readonly Mark[],
  holdings: Holdings,
  carries: (author: AuthorId) => boolean,
  scope: Scope = PUBLIC_SCOPE,
): ShippingPlan {
  const byAuthor = headsIn(scope, holdings.heads);
  const newerHeads: AuthorId[] = [];
  const proofs: AuthorId[] = [];
  const shipments: Shipment[] = [];
  const behind: AuthorId[] = [];
  const seen = new Set<AuthorId>();
  for (const mark of asked) {
    if (seen.has(mark.author) || !carries(mark.author)) continue;
    seen.add(mark.author);
    const signed = holdings.signed.get(mark.author) ?? null;
    const fork = holdings.frozen.get(mark.author);
    // Where a feed is forked its heads say nothing any more.
    const head = byAuthor.get(mark.author);
    const ours = forkIn(mark.author, holdings);
    // What was forked before a recovery is so no more, but for rival recoveries: only its person ends that.
    const isBehindRecovery = head !== undefined && outranks(scope, head, mark);
    const isForked = ours.frozen || (mark.frozen && (mark.rivals > 0 || !isBehindRecovery));
    if (!isForked && isNewer(signed, mark.signed)) newerHeads.push(mark.author);
    if (proofSaysMore(ours, mark)) proofs.push(mark.author);
    const order = head === undefined ? -Math.sign(mark.seq) : comparePositions(head, mark);
    // What lies behind a fork is admitted by nobody who has its proof: it is neither asked for nor sent.
    const hasMore = order < 0 && (fork === undefined || (fork.rivals === undefined && outranks(scope, mark, fork)));
    const hasProof = proofSaysMore(mark, ours) && (mark.rivals > 0 || !isBehindRecovery);
    const hasNewerHead = !isForked && isNewer(mark.signed, signed);
    if (hasMore || hasProof || hasNewerHead) behind.push(mark.author);
    if (hasProof || (mark.frozen && mark.rivals > 0)) continue;
    if (head === undefined || order < 0 || (order === 0 && head.id === mark.id)) continue;
    const at = positionOf(mark);
    if (fork !== undefined && comparePositions(fork, { ...at, seq: at.seq + 1 }) <= 0) continue;
    const recovery = isBehindRecovery ? { number: mark.recovery + 1, frozen: mark.frozen } : null;
    shipments.push({ author: mark.author, at, before: fork ?? null, known: mark.id, recovery });
  }
  return { shipments, behind, newerHeads, proofs };
}

/** Whether who says `have` holds a proof that is news to who says `lack`. */
function proofSaysMore(have: Pick<Mark, 'frozen' | 'rivals'>, lack: Pick<Mark, 'frozen' | 'rivals'>): boolean {
  if (!have.frozen) return false;
  if (have.rivals === 0) return !lack.frozen;
  // Of several rivalries the one with the smallest number is the one that counts; what was chosen is settled.
  return lack.frozen ? lack.rivals === 0 || have.rivals < lack.rivals : have.rivals > lack.rivals;
}

function isNewer(a: SignedAt | null, b: SignedAt | null): boolean {
  if (a === null) return false;
  const order = b === null ? 1 : comparePositions(a, b);
  return order > 0 || (order === 0 && a.issuedAt > (b?.issuedAt ?? 0));
}

function samePlace(a: SignedAt | null, b: SignedAt | null): boolean {
  if (a === null || b === null) return a === b;
  return comparePositions(a, b) === 0 && a.issuedAt === b.issuedAt;
}

function headsIn(scope: Scope, heads: readonly FeedHead[]): Map<AuthorId, FeedHead> {
  return new Map(heads.filter((head) => head.scope === scope).map((head) => [head.author, head]));
}

/** Groups envelopes into frames: many small ones together, a large one by itself. */
export async function* packFrames(envelopes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array[]> {
  let frame: Uint8Array[] = [];
  let frameBytes = 0;
  for await (const envelope of envelopes) {
    if (frame.length > 0 && frameBytes + envelope.length > SYNC_FRAME_BYTES) {
      yield frame;
      [frame, frameBytes] = [[], 0];
    }
    frame.push(envelope);
    frameBytes += envelope.length;
  }
  if (frame.length > 0) yield frame;
}
