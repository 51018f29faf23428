/**
 * Proof that an author has two faces: two signed envelopes that cannot both belong to one feed. Anybody can check it
 * with nothing but the two, so it freezes the feed for everybody whom it reaches (threat 7).
 */
import type { Digest } from '../../crypto/digest.ts';
import { decodeDsse } from './dsse.ts';
import { openEnvelope, type OpenOptions } from './envelope.ts';
import { HEAD_PAYLOAD_TYPE, readHead } from './head.ts';
import { ENVELOPE_MAX_BYTES } from './limits.ts';
import type { Position } from './links.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import type { AuthorId, Scope } from './types.ts';

/** Which feed is frozen, and from which place on: the first for which two records were signed. */
export interface Fork extends Position {
  readonly author: AuthorId;
  readonly scope: Scope;
}

/** What an envelope says about its feed: "the record at this place is `id`", and of a record, "the one before is `prev`". */
interface Claim extends Fork {
  readonly id: Digest;
  readonly prev: Digest | null | undefined;
}

/** Records or signed heads, in any order. Opens both; a refusal says why they prove nothing. */
export function verifyForkProof(
  a: Uint8Array,
  b: Uint8Array,
  options: Pick<OpenOptions, 'network' | 'keys' | 'verifier'>,
): Fork | Refusal {
  const first = claimOf(a, options);
  if (isRefusal(first)) return first;
  const second = claimOf(b, options);
  if (isRefusal(second)) return second;
  const at = contradiction(first, second) ?? contradiction(second, first);
  if (at === undefined) return refuse('bad-statement', 'the two envelopes do not contradict each other');
  const { author, scope, recovery, epoch } = first;
  return { author, scope, recovery, epoch, seq: at };
}

/** The seq for which two records were signed. */
function contradiction(a: Claim, b: Claim): number | undefined {
  const sameFeed = a.author === b.author && a.scope === b.scope && a.recovery === b.recovery && a.epoch === b.epoch;
  if (!sameFeed) return undefined;
  if (a.seq === b.seq && a.id !== b.id) return a.seq;
  if (b.seq === a.seq + 1 && b.prev !== undefined && b.prev !== a.id) return a.seq;
  return undefined;
}

function claimOf(bytes: Uint8Array, options: Pick<OpenOptions, 'network' | 'keys' | 'verifier'>): Claim | Refusal {
  const dsse = decodeDsse(bytes, ENVELOPE_MAX_BYTES);
  if (isRefusal(dsse)) return dsse;
  if (dsse.payloadType === HEAD_PAYLOAD_TYPE) {
    const signed = readHead(bytes, options);
    return isRefusal(signed) ? signed : { ...signed.head, prev: undefined };
  }
  const record = openEnvelope(bytes, options);
  if (isRefusal(record)) return record;
  const { author, scope, recovery, epoch, seq, prev } = record.link;
  return { author, scope, recovery, epoch, seq, id: record.id, prev };
}
