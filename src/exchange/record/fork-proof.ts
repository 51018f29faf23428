/**
 * Proof that an author has two faces: two signed envelopes that cannot both belong to one feed. Anybody can check it
 * with nothing but the proof, so it freezes the feed for everybody whom it reaches (threat 7). Where the feed has changed
 * keys, the key records that lead to those two go along.
 */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Digest } from '../../crypto/digest.ts';
import { decodeDsse } from './dsse.ts';
import { openEnvelope, type OpenOptions } from './envelope.ts';
import { advanceKeys, firstKeys, opensEpoch, type FeedKeys } from './feed-keys.ts';
import { ForkProofSchema } from './generated/record_pb.ts';
import { HEAD_PAYLOAD_TYPE, readHead } from './head.ts';
import { keyActionOf, type Kept } from './key-change.ts';
import { ENVELOPE_MAX_BYTES, PROOF_KEYS_MAX, PROOF_MAX_BYTES } from './limits.ts';
import { firstPlaceOf, type Position } from './links.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import type { AuthorId, KeyId, Scope } from './types.ts';

/** Which feed is frozen, and from which place on: the first for which two records were signed. */
export interface Fork extends Position {
  readonly author: AuthorId;
  readonly scope: Scope;
  /** Two recoveries that name different recovery keys: no signature outranks either, so a person chooses (rivals.ts). */
  readonly rivals?: true;
}

/** What an envelope says about its feed: "the record at this place is `id`", and of a record, "the one before is `prev`". */
interface Claim extends Omit<Fork, 'rivals'> {
  readonly id: Digest;
  readonly prev: Digest | null | undefined;
  /** Of a key change: where the epoch before ended. */
  readonly keep: Kept | undefined;
  /** Of a recovery: who may make the next one. */
  readonly recoveryKey: KeyId | undefined;
}

/** The proof itself, as it travels. */
export interface ForkProof {
  readonly a: Uint8Array;
  readonly b: Uint8Array;
  /** Envelopes of the feed's key records, oldest first, for who does not know its keys. */
  readonly keyRecords: readonly Uint8Array[];
}

export function encodeForkProof({ a, b, keyRecords }: ForkProof): Uint8Array {
  return toBinary(ForkProofSchema, create(ForkProofSchema, { a, b, keys: [...keyRecords] }));
}

/** Reads the one canonical encoding. Whether it proves anything is for `verifyForkProof` to say. */
export function decodeForkProof(bytes: Uint8Array): ForkProof | Refusal {
  if (bytes.length > PROOF_MAX_BYTES) {
    return refuse('too-large', `the proof has ${bytes.length} bytes, and at most ${PROOF_MAX_BYTES} are read`);
  }
  let message;
  try {
    message = fromBinary(ForkProofSchema, Uint8Array.from(bytes), { readUnknownFields: false });
  } catch {
    return refuse('bad-encoding', 'the proof is not the protobuf message that it should be');
  }
  const proof = { a: message.a, b: message.b, keyRecords: message.keys };
  if (!Buffer.from(encodeForkProof(proof)).equals(bytes)) {
    return refuse('bad-encoding', 'the proof is not in its canonical encoding');
  }
  return proof;
}

export type ForkOptions = Pick<OpenOptions, 'network' | 'keys' | 'verifier' | 'feedKeys'> & {
  /** Envelopes of the feed's key records, oldest first, for who does not know its keys. */
  readonly keyRecords?: readonly Uint8Array[];
};

/**
 * Records or signed heads, in any order. Opens both, by what is known of the feed's keys and, where that is not enough,
 * by the key records of the proof; a refusal says why they prove nothing.
 */
export function verifyForkProof(a: Uint8Array, b: Uint8Array, options: ForkOptions): Fork | Refusal {
  const known = contradictionOf(a, b, options);
  const { keyRecords = [] } = options;
  if (!isRefusal(known) || known.refused !== 'unknown-key' || keyRecords.length === 0) return known;
  const feedKeys = keysFrom(keyRecords, options);
  if (isRefusal(feedKeys)) return feedKeys;
  // Whoever has the first key, given up or stolen, can sign another beginning of the feed with recovery keys of their own
  // and contradict themselves there: where the feed's recovery keys are known, another chain of them proves nothing.
  const ours = options.feedKeys?.recoveryKeys ?? [];
  if (ours.some((key, index) => feedKeys.recoveryKeys[index] !== key)) return known;
  return contradictionOf(a, b, { ...options, feedKeys });
}

function contradictionOf(a: Uint8Array, b: Uint8Array, options: ForkOptions): Fork | Refusal {
  const first = claimOf(a, options);
  if (isRefusal(first)) return first;
  const second = claimOf(b, options);
  if (isRefusal(second)) return second;
  const at = contradiction(first, second) ?? contradiction(second, first);
  if (at === undefined) return refuse('bad-statement', 'the two envelopes do not contradict each other');
  const { author, scope } = first;
  return { author, scope, ...at };
}

/** Keys as a chain of key records makes them, each signed as the ones before it say. Whether records lie between is not asked. */
function keysFrom(keyRecords: readonly Uint8Array[], options: ForkOptions): FeedKeys | Refusal {
  if (keyRecords.length > PROOF_KEYS_MAX) {
    return refuse('too-large', `a proof has at most ${PROOF_KEYS_MAX} key records, and this has ${keyRecords.length}`);
  }
  let keys: FeedKeys | undefined;
  for (const bytes of keyRecords) {
    const record = openEnvelope(bytes, { ...options, ...(keys !== undefined && { feedKeys: keys }) });
    if (isRefusal(record)) return record;
    keys ??= firstKeys(record.link.author);
    if (record.link.author !== keys.author) return refuse('bad-statement', 'the key records are of several authors');
    keys = advanceKeys(keys, record);
  }
  return keys ?? refuse('bad-statement', 'there are no key records');
}

/** The place for which two records were signed. */
function contradiction(a: Claim, b: Claim): Omit<Fork, 'author' | 'scope'> | undefined {
  if (a.author !== b.author || a.scope !== b.scope) return undefined;
  const { recovery, epoch } = a;
  // Two recoveries of one number, whatever either of them keeps.
  if (recovers(a) && recovers(b) && recovery === b.recovery && a.id !== b.id) {
    return { ...firstPlaceOf(recovery), ...(a.recoveryKey !== b.recoveryKey && { rivals: true }) };
  }
  if (recovery === b.recovery && epoch === b.epoch) {
    if (a.seq === b.seq && a.id !== b.id) return { recovery, epoch, seq: a.seq };
    if (b.seq === a.seq + 1 && b.prev !== undefined && b.prev !== a.id) return { recovery, epoch, seq: a.seq };
    return undefined;
  }
  return recovers(b) ? undefined : pastTheEnd(a, b.keep);
}

function recovers({ recoveryKey }: Claim): boolean {
  return recoveryKey !== undefined;
}

/** A key change says where its author ended the epoch before: nothing else may stand there, and nothing behind it. */
function pastTheEnd(a: Claim, keep: Kept | undefined): Position | undefined {
  if (keep === undefined || a.recovery !== keep.recovery || a.epoch !== keep.epoch) return undefined;
  const { recovery, epoch } = a;
  if (a.seq === keep.seq && a.id !== keep.id) return { recovery, epoch, seq: a.seq };
  return a.seq > keep.seq ? { recovery, epoch, seq: keep.seq + 1 } : undefined;
}

function claimOf(bytes: Uint8Array, options: ForkOptions): Claim | Refusal {
  const dsse = decodeDsse(bytes, ENVELOPE_MAX_BYTES);
  if (isRefusal(dsse)) return dsse;
  if (dsse.payloadType === HEAD_PAYLOAD_TYPE) {
    const signed = readHead(bytes, options);
    return isRefusal(signed) ? signed : { ...signed.head, prev: undefined, keep: undefined, recoveryKey: undefined };
  }
  const record = openEnvelope(bytes, options);
  if (isRefusal(record)) return record;
  const { author, scope, recovery, epoch, seq, prev } = record.link;
  const action = opensEpoch(record.link) ? keyActionOf(record.statement, record.link) : undefined;
  const opening = action !== undefined && 'keep' in action ? action : undefined;
  // Where a group's feed goes on, it says nothing of what the key before has signed: that key may be a thief's by then.
  const change = opening?.action === 'follow' ? undefined : opening;
  return {
    author,
    scope,
    recovery,
    epoch,
    seq,
    id: record.id,
    // What a key change comes after is of another epoch.
    prev: opening === undefined ? prev : undefined,
    keep: change?.keep,
    recoveryKey: change?.action === 'recover' ? change.recoveryKey : undefined,
  };
}
