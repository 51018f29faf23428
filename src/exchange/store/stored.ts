/** Reading back what this store wrote. What does not read is damage, and is said to be. */
import { isDigest, type Digest } from '../../crypto/digest.ts';
import { decodeBase64, encodeBase64 } from '../../crypto/base64.ts';
import { RefusedError } from '../../errors.ts';
import { openStored, readEnvelope } from '../record/envelope.ts';
import type { FeedKeys } from '../record/feed-keys.ts';
import type { Fork } from '../record/fork-proof.ts';
import { comparePositions, type Position } from '../record/links.ts';
import { isRefusal } from '../record/refusal.ts';
import type { Choice } from '../record/rivals.ts';
import { PREDICATE, type FeedHead, type RecordKind, type VerifiedRecord } from '../record/types.ts';
import { feedName, forkKey, lastPart, linksAfter, recordKey, under, type Feed } from './layout.ts';
import type { Memory } from './memory.ts';
import type { ChosenRecovery, FrozenFeed, KeptProof } from './types.ts';

/** `proof`: that there are two. */
export interface StoredChoice extends Choice, Feed {
  readonly proof?: KeptProof;
}

export async function readRecord({ database, network }: Memory, id: Digest): Promise<VerifiedRecord | undefined> {
  const envelope = await database.get(recordKey(id));
  if (envelope === undefined) return undefined;
  const record = openStored(envelope, network);
  if (isRefusal(record)) throw damaged(`the record ${id}`, record.detail);
  if (record.id !== id) throw damaged(`the record ${id}`, `it has the id ${record.id}`);
  return record;
}

/** Records of a feed behind a place, in order, across its epochs. */
export async function readRange(memory: Memory, feed: Feed, after: Position, limit: number): Promise<VerifiedRecord[]> {
  const mark = memory.marks.get(feedName(feed));
  if (mark === undefined || limit < 1 || comparePositions(after, mark) >= 0) return [];
  const records: VerifiedRecord[] = [];
  for await (const [, value] of memory.database.entries({ ...linksAfter(feed, after), limit })) {
    records.push(await mustRead(memory, Buffer.from(value).toString()));
  }
  return records;
}

export async function* readAll(memory: Memory, kind: RecordKind): AsyncIterable<VerifiedRecord> {
  for await (const [key] of memory.database.entries(under('type', PREDICATE[kind]))) {
    yield await mustRead(memory, lastPart(key));
  }
}

export async function readFrozen(memory: Memory): Promise<FrozenFeed[]> {
  const found: FrozenFeed[] = [];
  for (const { author, scope, recovery, epoch, seq, rivals } of memory.forks.values()) {
    const value = await memory.database.get(forkKey({ author, scope }));
    if (value === undefined) throw damaged(`the fork of ${author}`, 'its proof is missing');
    const { proof, keyRecords } = parseFork(value);
    const at = { recovery, epoch, seq };
    found.push({ author, scope, at, proof, keyRecords, rivals: rivals === true ? idsOf(proof) : null });
  }
  return found;
}

export function readChosen(memory: Memory): ChosenRecovery[] {
  return [...memory.choices.values()].map(({ author, scope, recovery, id, proof }) => ({
    author,
    scope,
    recovery,
    id,
    rivals: proof === undefined ? null : idsOf(proof.proof),
  }));
}

/** Of two envelopes that this node has verified and stored. */
export function idsOf([a, b]: KeptProof['proof']): readonly [Digest, Digest] {
  return [idOfStored(a), idOfStored(b)];
}

function idOfStored(envelope: Uint8Array): Digest {
  const sealed = readEnvelope(envelope);
  if (isRefusal(sealed)) throw damaged('a proof', sealed.detail);
  return sealed.id;
}

export function parseMark(value: Uint8Array): FeedHead {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- turn.ts alone writes it
  return parse('a mark', value) as FeedHead;
}

export function parseKeys(value: Uint8Array): FeedKeys {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- turn.ts alone writes it
  return parse('the keys of a feed', value) as FeedKeys;
}

export function parseFork(value: Uint8Array): KeptProof & { readonly fork: Fork } {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- turn.ts alone writes it
  const { fork, proof, keys } = parse('a fork', value) as { fork: Fork; proof: [string, string]; keys?: string[] };
  return { fork, ...proofFrom({ proof, keys: keys ?? [] }) };
}

export function parseChoice(value: Uint8Array): StoredChoice {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- turn.ts alone writes it
  const { proof, ...choice } = parse('a choice', value) as Omit<StoredChoice, 'proof'> & { proof?: ProofText };
  return { ...choice, ...(proof !== undefined && { proof: proofFrom(proof) }) };
}

/** A proof as JSON holds it. */
interface ProofText {
  readonly proof: readonly [string, string];
  readonly keys: readonly string[];
}

export function proofText({ proof: [a, b], keyRecords }: KeptProof): ProofText {
  return { proof: [encodeBase64(a), encodeBase64(b)], keys: keyRecords.map(encodeBase64) };
}

function proofFrom({ proof: [a, b], keys }: ProofText): KeptProof {
  return { proof: [decodeBase64(a), decodeBase64(b)], keyRecords: keys.map(decodeBase64) };
}

export function damaged(what: string, how: string, cause?: unknown): RefusedError {
  return new RefusedError('store/damaged', `The store is damaged: ${what}: ${how}.`, {
    hint: 'move the store away; the node fetches its feeds again from peers',
    cause,
  });
}

export async function mustRead(memory: Memory, id: string): Promise<VerifiedRecord> {
  const record = isDigest(id) ? await readRecord(memory, id) : undefined;
  if (record === undefined) throw damaged(`the record ${id}`, 'it is missing');
  return record;
}

function parse(what: string, value: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(value).toString());
  } catch (cause) {
    throw damaged(what, 'it is no JSON', cause);
  }
}
