/**
 * in-toto Statement v1 (github.com/in-toto/attestation, spec/v1/statement.md) with our feed link beside its own fields.
 * Only the frame is checked here; what the predicate says is judged in meaning.ts, and never stops a feed.
 */
import { canonicalJson } from '../../crypto/canonical.ts';
import { isJsonObject, parseStrictJson, type JsonObject, type JsonValue } from '../../crypto/strict-json.ts';
import { isSafeName } from '../../crypto/text.ts';
import { PortalgunError } from '../../errors.ts';
import { parseFeedLink } from './feed-link.ts';
import {
  JSON_MAX_DEPTH,
  NAME_MAX_LENGTH,
  STATEMENT_MAX_BYTES,
  SUBJECT_DIGESTS_MAX,
  SUBJECTS_MAX,
  TYPE_MAX_LENGTH,
} from './limits.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import type { FeedLink, Statement } from './types.ts';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

export type Subject = Statement['subject'][number];

/** What a record says, before it has a place in a feed. */
export interface Draft {
  readonly subject: readonly Subject[];
  readonly predicateType: string;
  readonly predicate: Readonly<Record<string, unknown>>;
}

const TYPE_URI = /^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/;
const ALGORITHM = /^[A-Za-z0-9_./-]{1,32}$/;
const HEX = /^(?:[0-9a-f]{2})+$/;
const SHA256_HEX = /^[0-9a-f]{64}$/;

/** The bytes to sign. Throws `crypto/not-canonical` where a value has no canonical JSON. */
export function encodeStatement(draft: Draft, link: FeedLink): Uint8Array {
  const { subject, predicateType, predicate } = draft;
  return Buffer.from(canonicalJson({ _type: STATEMENT_TYPE, subject, predicateType, predicate, portalgun_feed: link }));
}

/** Whether two say the same, wherever in a feed they stand. */
export function recordContentEqual(a: Draft, b: Draft): boolean {
  const content = ({ subject, predicateType, predicate }: Draft): string =>
    canonicalJson({ subject, predicateType, predicate });
  return content(a) === content(b);
}

/** Parses signed bytes, once. Fields that this version does not know are kept, and ignored. */
export function parseStatement(payload: Uint8Array): Statement | Refusal {
  const frame = parseFrame(payload);
  if (isRefusal(frame)) return frame;
  const link = parseFeedLink(frame['portalgun_feed']);
  return isRefusal(link) ? link : { ...frame, portalgun_feed: link };
}

/** What in-toto's own fields say, with the others as they are. */
export type Frame = Omit<Statement, 'portalgun_feed'> & JsonObject;

/** A Statement v1, whatever it is a part of. */
export function parseFrame(payload: Uint8Array): Frame | Refusal {
  let value: JsonValue;
  try {
    value = parseStrictJson(payload, { maxBytes: STATEMENT_MAX_BYTES, maxDepth: JSON_MAX_DEPTH });
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    return refuse(error.code === 'crypto/json-too-large' ? 'too-large' : 'bad-statement', error.message);
  }
  if (!isJsonObject(value)) return bad('is not a JSON object');
  if (value['_type'] !== STATEMENT_TYPE) return bad('is not an in-toto Statement v1');
  const { predicateType, predicate } = value;
  if (typeof predicateType !== 'string' || predicateType.length > TYPE_MAX_LENGTH || !TYPE_URI.test(predicateType)) {
    return bad('has no valid predicateType');
  }
  if (!isJsonObject(predicate)) return bad('has no predicate');
  const subject = parseSubjects(value['subject']);
  if (isRefusal(subject)) return subject;
  return { ...value, _type: STATEMENT_TYPE, subject, predicateType, predicate };
}

function parseSubjects(value: JsonValue | undefined): readonly Subject[] | Refusal {
  if (!Array.isArray(value) || value.length === 0) return bad('has no subject');
  if (value.length > SUBJECTS_MAX) return bad(`has ${value.length} subjects, and at most ${SUBJECTS_MAX} are read`);
  const subjects: Subject[] = [];
  for (const item of value as readonly JsonValue[]) {
    if (!isJsonObject(item)) return bad('has a subject that is not an object');
    const { name, digest } = item;
    if (typeof name !== 'string' || !isSafeName(name, NAME_MAX_LENGTH))
      return bad('has a subject without a proper name');
    if (!isJsonObject(digest) || !isDigestSet(digest)) return bad('has a subject without a proper sha256 digest');
    subjects.push({ ...item, name, digest });
  }
  return subjects;
}

/** SHA-256 is required (threat 31): two sets that share no algorithm could never be compared. */
function isDigestSet(value: JsonObject): value is { readonly [algorithm: string]: string } {
  const entries = Object.entries(value);
  if (entries.length > SUBJECT_DIGESTS_MAX) return false;
  const wellFormed = entries.every(
    ([algorithm, hex]) => ALGORITHM.test(algorithm) && typeof hex === 'string' && HEX.test(hex),
  );
  return wellFormed && typeof value['sha256'] === 'string' && SHA256_HEX.test(value['sha256']);
}

function bad(what: string): Refusal {
  return refuse('bad-statement', `the statement ${what}`);
}
