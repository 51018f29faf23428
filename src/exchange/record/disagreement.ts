/**
 * Proof that two builds which should be equal are not: two signed attestations with one build key and two manifests.
 * Anybody can check it with nothing but the two (threat 31). It says that something is wrong, and not whose build is.
 */
import type { Digest } from '../../crypto/digest.ts';
import { isJsonObject, parseStrictJson, type JsonValue } from '../../crypto/strict-json.ts';
import { PortalgunError, RefusedError } from '../../errors.ts';
import { judge } from './meaning.ts';
import { openRecordFile, recordToJson, type FileOptions } from './file.ts';
import type { AuthorId, Meaning, VerifiedRecord } from './types.ts';

/** Names the format of the file, and is how `verify` tells it from a record. */
export const DISAGREEMENT_TYPE = 'urn:portalgun:disagreement:v1';

/** Two records, each at most 128 KiB, which base64 and JSON make half as long again. */
export const DISAGREEMENT_MAX_BYTES = 512 * 1024;
/** The two envelopes with what is around them. */
const DISAGREEMENT_MAX_DEPTH = 10;

type Attestation = Extract<Meaning, { kind: 'attestation' }>;

export interface Disagreement {
  readonly buildKey: Digest;
  readonly recipeName: string;
  readonly sides: readonly [Side, Side];
}

interface Side {
  readonly record: Digest;
  readonly author: AuthorId;
  readonly manifest: Digest;
}

/** What two records disagree in. Throws `record/no-disagreement` (exit code 3), saying why they prove nothing. */
export function disagreementOf(a: VerifiedRecord, b: VerifiedRecord): Disagreement {
  const [first, second] = [attestationIn(a), attestationIn(b)];
  if (first.buildKey !== second.buildKey) {
    throw nothing(`they are about builds that need not be equal: ${first.buildKey} and ${second.buildKey}`);
  }
  if (first.manifest === second.manifest) throw nothing('both have the same manifest');
  const side = (record: VerifiedRecord, { manifest }: Attestation): Side => ({
    record: record.id,
    author: record.link.author,
    manifest,
  });
  return { buildKey: first.buildKey, recipeName: first.recipeName, sides: [side(a, first), side(b, second)] };
}

/** One line of JSON. `envelopes` are records in DSSE's JSON form, so each can be checked by other tools too. */
export function disagreementToJson(a: VerifiedRecord, b: VerifiedRecord): string {
  disagreementOf(a, b);
  const envelopes = [a, b].map((record) => JSON.parse(recordToJson(record)) as unknown);
  return `${JSON.stringify({ type: DISAGREEMENT_TYPE, envelopes })}\n`;
}

/** Whether these bytes mean to be such a proof. Whether they are one, `openDisagreement` finds out. */
export function looksLikeDisagreement(bytes: Uint8Array): boolean {
  return bytes.length <= DISAGREEMENT_MAX_BYTES && Buffer.from(bytes).includes(DISAGREEMENT_TYPE);
}

/** Opens a proof from a file. Throws `record/refused` or `record/no-disagreement` (exit code 3). */
export function openDisagreement(bytes: Uint8Array, options: FileOptions): Disagreement {
  const [a, b] = envelopesIn(bytes).map((envelope) => openRecordFile(Buffer.from(JSON.stringify(envelope)), options));
  if (a === undefined || b === undefined) throw nothing('it must hold two records');
  return disagreementOf(a, b);
}

function envelopesIn(bytes: Uint8Array): readonly JsonValue[] {
  let value: JsonValue;
  try {
    value = parseStrictJson(bytes, { maxBytes: DISAGREEMENT_MAX_BYTES, maxDepth: DISAGREEMENT_MAX_DEPTH });
  } catch (cause) {
    if (!(cause instanceof PortalgunError)) throw cause;
    throw nothing(cause.message, cause);
  }
  const { type, envelopes } = isJsonObject(value) ? value : {};
  if (type !== DISAGREEMENT_TYPE || !Array.isArray(envelopes) || envelopes.length !== 2) {
    throw nothing('it must hold its type and two records');
  }
  return envelopes;
}

function attestationIn(record: VerifiedRecord): Attestation {
  const judged = judge(record);
  if (!judged.understood) throw nothing(`record ${record.id} is not understood: ${judged.reason}`);
  if (judged.meaning.kind !== 'attestation') throw nothing(`record ${record.id} is a ${judged.meaning.kind}`);
  return judged.meaning;
}

function nothing(why: string, cause?: unknown): RefusedError {
  return new RefusedError('record/no-disagreement', `This proves no disagreement: ${why}.`, { cause });
}
