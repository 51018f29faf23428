/**
 * What to ask a peer for, and what to send one that asks. Pure: no sockets, no clock, so that a simulator can drive it.
 *
 * Only public feeds are known here: private scopes never get near these protocols.
 */
import type { Digest } from '../../crypto/digest.ts';
import type { AuthorId, FeedHead } from '../record/types.ts';
import { SYNC_FRAME_BYTES, SYNC_MAX_MARKS } from './limits.ts';

export const PUBLIC_SCOPE = 'public';

/** What the newest signed head says: where the feed ends, and when that was (in seconds since 1970). */
export interface SignedAt {
  readonly seq: number;
  readonly issuedAt: number;
}

/** How far somebody has an author's public feed. */
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
}

/** What a node has of the public feeds. */
export interface Holdings {
  readonly heads: readonly FeedHead[];
  readonly signed: ReadonlyMap<AuthorId, SignedAt>;
  readonly frozen: ReadonlySet<AuthorId>;
}

/** Records to send: those after `afterSeq`, but for the one that the asker has. */
export interface Shipment {
  readonly author: AuthorId;
  readonly afterSeq: number;
  /** What the asker holds at `afterSeq + 1`. If ours is another, ours goes along: together they prove a fork. */
  readonly known: Digest | null;
}

export interface ShippingPlan {
  readonly shipments: readonly Shipment[];
  /** Authors of whom the asker has more than we do: a reason to ask it in turn. */
  readonly behind: readonly AuthorId[];
  /** Whose signed head we have and the asker has not, or has older. */
  readonly newerHeads: readonly AuthorId[];
  /** Of whose fork the asker has no proof. */
  readonly proofs: readonly AuthorId[];
}

/** One mark for each carried author, cut into requests of bounded size. */
export function marksFor(carried: readonly AuthorId[], holdings: Holdings): Mark[][] {
  const byAuthor = publicHeads(holdings.heads);
  const marks = [...new Set(carried)].map((author): Mark => {
    const { recovery, epoch, seq, id } = byAuthor.get(author) ?? { recovery: 0, epoch: 0, seq: 0, id: null };
    const signed = holdings.signed.get(author) ?? null;
    return { author, recovery, epoch, seq, id, signed, frozen: holdings.frozen.has(author) };
  });
  const requests: Mark[][] = [];
  for (let at = 0; at < marks.length; at += SYNC_MAX_MARKS) requests.push(marks.slice(at, at + SYNC_MAX_MARKS));
  return requests;
}

/** What to send somebody who asked with these marks. Feeds that we do not carry are passed over in silence. */
export function planShipments(
  asked: readonly Mark[],
  holdings: Holdings,
  carries: (author: AuthorId) => boolean,
): ShippingPlan {
  const byAuthor = publicHeads(holdings.heads);
  const newerHeads: AuthorId[] = [];
  const proofs: AuthorId[] = [];
  const shipments: Shipment[] = [];
  const behind: AuthorId[] = [];
  const seen = new Set<AuthorId>();
  for (const mark of asked) {
    if (seen.has(mark.author) || !carries(mark.author)) continue;
    seen.add(mark.author);
    if (isNewer(holdings.signed.get(mark.author), mark.signed)) newerHeads.push(mark.author);
    if (holdings.frozen.has(mark.author) && !mark.frozen) proofs.push(mark.author);
    const head = byAuthor.get(mark.author);
    const order = head === undefined ? -Math.sign(mark.seq) : comparePlaces(head, mark);
    if (order < 0) behind.push(mark.author);
    if (head === undefined || order < 0) continue;
    if (order === 0 && head.id === mark.id) continue;
    const sameEpoch = head.recovery === mark.recovery && head.epoch === mark.epoch;
    shipments.push({
      author: mark.author,
      afterSeq: sameEpoch ? Math.max(0, mark.seq - 1) : 0,
      known: sameEpoch ? mark.id : null,
    });
  }
  return { shipments, behind, newerHeads, proofs };
}

function isNewer(ours: SignedAt | undefined, theirs: SignedAt | null): boolean {
  if (ours === undefined) return false;
  return theirs === null || ours.seq > theirs.seq || (ours.seq === theirs.seq && ours.issuedAt > theirs.issuedAt);
}

type Place = Pick<Mark, 'recovery' | 'epoch' | 'seq'>;

/** Positive when the first is further than the second. */
function comparePlaces(a: Place, b: Place): number {
  return a.recovery - b.recovery || a.epoch - b.epoch || a.seq - b.seq;
}

function publicHeads(heads: readonly FeedHead[]): Map<AuthorId, FeedHead> {
  return new Map(heads.filter(({ scope }) => scope === PUBLIC_SCOPE).map((head) => [head.author, head]));
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
