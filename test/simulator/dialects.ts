/** Nodes that do not speak quite as this version does. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { encodeAnswer, encodeAsk, SYNC_PROTOCOL } from '../../src/exchange/p2p/sync/messages.ts';
import type { SyncAsk } from '../../src/exchange/p2p/sync/messages.ts';
import { AnswerSchema, AskSchema, EndSchema, RecordsSchema } from '../../src/exchange/p2p/generated/sync_pb.ts';
import { encodeForkProof } from '../../src/exchange/record/index.ts';
import type { AuthorId, VerifiedRecord } from '../../src/exchange/record/index.ts';
import { NETWORK } from './node.ts';
import type { Dialect } from './node.ts';
import type { Random } from './random.ts';

/** The version before `since` and `token`: fields that it does not know are not there for it, nor does it send them. */
export const OLDER: Dialect = {
  hearAsk(protocol, bytes) {
    if (protocol !== SYNC_PROTOCOL) return bytes;
    const { network, marks } = fromBinary(AskSchema, bytes);
    return toBinary(AskSchema, create(AskSchema, { network, marks }));
  },
  sayAnswer: (protocol, bytes) => [protocol === SYNC_PROTOCOL ? withoutToken(bytes) : bytes],
  hearAnswer: (protocol, bytes) => (protocol === SYNC_PROTOCOL ? withoutToken(bytes) : bytes),
};

function withoutToken(bytes: Uint8Array): Uint8Array {
  const { answer } = fromBinary(AnswerSchema, bytes);
  if (answer.case !== 'end') return bytes;
  return encodeAnswer({ case: 'end', value: create(EndSchema, { more: answer.value.more }) });
}

/** Field 1000, four bytes: what some later version may say beside what this one knows. */
const UNKNOWN_FIELD = Uint8Array.from([0xc2, 0x3e, 4, 1, 2, 3, 4]);

/** A version to come: more fields in every message, and kinds of answers that nobody knows yet. */
export const NEWER: Dialect = {
  sayAsk: (_protocol, bytes) => Buffer.concat([bytes, UNKNOWN_FIELD]),
  sayAnswer: (_protocol, bytes) => [UNKNOWN_FIELD, Buffer.concat([bytes, UNKNOWN_FIELD])],
};

/** Answers every sync with something that is wrong in one way or another. `stolen`: true records of other people. */
export function liar(random: Random, stolen: () => readonly VerifiedRecord[]): Dialect {
  const records = (envelopes: Uint8Array[]): Uint8Array =>
    encodeAnswer({ case: 'records', value: create(RecordsSchema, { envelopes }) });
  const end = (more: boolean, token: Uint8Array = new Uint8Array()): Uint8Array =>
    encodeAnswer({ case: 'end', value: create(EndSchema, { more, token }) });
  const lies: readonly (() => readonly Uint8Array[])[] = [
    () => [random.bytes(200)],
    () => [records(Array.from({ length: 40 }, () => random.bytes(100))), end(true)],
    // Old records, in any order, as if they were news, for ever.
    () => [records(random.some(stolen(), 20).map(({ envelope }) => envelope)), end(true)],
    () => [records(random.some(stolen(), 5).map(({ envelope }) => flipped(envelope, random))), end(false)],
    // A token for what was never said, and an answer without an end.
    () => [end(false, random.bytes(12))],
    () => [records(random.some(stolen(), 3).map(({ envelope }) => envelope))],
    () => [encodeAnswer({ case: 'proof', value: proofOf(random, stolen()) }), end(false)],
    () => [],
  ];
  return { respond: () => random.pick(lies)() };
}

function proofOf(random: Random, stolen: readonly VerifiedRecord[]) {
  const [a, b] = random.some(stolen, 2);
  const nothing = new Uint8Array();
  return encodeForkProof({ a: a?.envelope ?? nothing, b: b?.envelope ?? nothing, keyRecords: [] });
}

export function flipped(envelope: Uint8Array, random: Random): Uint8Array {
  const copy = Uint8Array.from(envelope);
  const at = random.int(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << random.int(8));
  return copy;
}

/** A question that claims to be further than anybody, and to know of forks. */
export function boast(authors: readonly AuthorId[], random: Random): Uint8Array {
  const ask: SyncAsk = {
    network: NETWORK,
    since: undefined,
    dropped: [],
    marks: authors.map((author) => ({
      author,
      recovery: 0,
      epoch: 0,
      seq: Number.MAX_SAFE_INTEGER,
      id: `sha256:${'0'.repeat(64)}`,
      signed: { recovery: 0, epoch: 0, seq: Number.MAX_SAFE_INTEGER, issuedAt: Number.MAX_SAFE_INTEGER },
      frozen: random.chance(0.5),
      rivals: random.int(3),
    })),
  };
  return encodeAsk(ask);
}
