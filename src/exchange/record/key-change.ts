/**
 * Records about keys (`urn:portalgun:key:v1`), read as part of the link: who may sign what follows depends on them, so
 * they are the one kind whose meaning decides about admission.
 *
 * | action | signed by | |
 * |---|---|---|
 * | `open` | the first key | the very first record of a feed; commits to the recovery key |
 * | `rotate` | the old key | opens epoch + 1 of the same recovery |
 * | `recover` | the recovery key | opens recovery + 1, epoch + 1, after whatever record it keeps |
 * | `revoke` | the signing key | closes the feed, until a recovery |
 * | `follow` | the key that it names | opens an epoch that the public feed has, in a private group's feed |
 *
 * The first four are of public feeds alone: in a group's, who signs is what the public one says.
 *
 * `rotate` and `recover` carry the new key's own signature too (`proof`): nobody can put another's key into their feed.
 */
import { decodeBase64, encodeBase64 } from '../../crypto/base64.ts';
import { canonicalJson } from '../../crypto/canonical.ts';
import { isDigest, sha256, type Digest } from '../../crypto/digest.ts';
import { importPublicKey, publicKeyOf, sign, verify } from '../../crypto/ed25519.ts';
import { isSafeLine } from '../../crypto/text.ts';
import { PortalgunError } from '../../errors.ts';
import { preAuthEncoding } from './dsse.ts';
import { PUBLIC_SCOPE } from './feed-link.ts';
import { authorIdOf, authorKeyBytes, isAuthorId } from './identity.ts';
import { LINE_MAX_LENGTH, RECOVERIES_MAX } from './limits.ts';
import { subjectOf } from './meaning/subjects.ts';
import { refuse, type Refusal } from './refusal.ts';
import type { Draft } from './statement.ts';
import { PREDICATE, type AuthorId, type FeedLink, type KeyId, type Statement } from './types.ts';

/** What the new key signs. No record and no head has this type, so its signature can be taken for neither. */
const PROOF_TYPE = 'application/vnd.portalgun.key-proof.v1+json';

/** The last record of the old epoch that stays: with its `prev`, the opening record names all that stays. */
export interface Kept {
  readonly recovery: number;
  readonly epoch: number;
  readonly seq: number;
  readonly id: Digest;
}

export type KeyChange =
  | { readonly action: 'rotate'; readonly key: KeyId; readonly keep: Kept }
  | { readonly action: 'recover'; readonly key: KeyId; readonly keep: Kept; readonly recoveryKey: KeyId };

/** A private group's feed goes on under the key that the public one has in this epoch. `keep`: null where it begins there. */
export interface Following {
  readonly action: 'follow';
  readonly key: KeyId;
  readonly keep: Kept | null;
}

export type KeyAction =
  | { readonly action: 'open'; readonly recoveryKey: KeyId }
  | { readonly action: 'revoke'; readonly reason: string }
  | Following
  | KeyChange;

/** What a key record does at its place. A refusal says why it does nothing; of other kinds too. */
export function keyActionOf(
  statement: Pick<Statement, 'predicateType' | 'subject' | 'predicate'>,
  link: FeedLink,
): KeyAction | Refusal {
  if (statement.predicateType !== PREDICATE.key) return bad('it is no key record');
  const [subject, second] = statement.subject;
  if (subject === undefined || second !== undefined) return bad('it must have exactly one subject');
  const named = subject.digest['sha256'];
  if (subject.name !== link.author || `sha256:${named}` !== digestOfKey(link.author)) {
    return bad('its subject is not the author of the feed');
  }
  const { predicate } = statement;
  if ((predicate['action'] === 'follow') !== (link.scope !== PUBLIC_SCOPE)) {
    return bad('it is of no use in this feed: in a private group’s, the public one says who signs');
  }
  switch (predicate['action']) {
    case 'follow':
      return only(predicate, ['action', 'key', 'keep']) ?? readFollowing(predicate, link);
    case 'open':
      return only(predicate, ['action', 'recoveryKey']) ?? readOpening(predicate, link);
    case 'rotate':
      return only(predicate, ['action', 'key', 'keep', 'proof']) ?? readChange(predicate, link, 'rotate');
    case 'recover':
      return (
        only(predicate, ['action', 'key', 'keep', 'proof', 'recoveryKey']) ?? readChange(predicate, link, 'recover')
      );
    case 'revoke':
      return only(predicate, ['action', 'reason']) ?? readRevocation(predicate, link);
    default:
      return bad('predicate.action is none of open, rotate, recover, revoke');
  }
}

/** The subject and predicate of a key record. Throws nothing; drafts.ts reads what it gives. */
export function keyDraft(author: AuthorId, predicate: Draft['predicate']): Draft {
  return { subject: [subjectOf(author, digestOfKey(author))], predicateType: PREDICATE.key, predicate };
}

/** The predicate of the record that takes a private group's feed along with the public one. */
export function followingPredicate(key: KeyId, keep: Kept | null): Draft['predicate'] {
  if (keep === null) return { action: 'follow', key, keep };
  const { recovery, epoch, seq, id } = keep;
  return { action: 'follow', key, keep: { recovery, epoch, seq, id } };
}

/** The predicate of a key change, with the new key's proof for exactly this place. */
export function keyChangePredicate(
  link: FeedLink,
  newSeed: Uint8Array,
  change: { readonly action: 'rotate' | 'recover'; readonly keep: Kept; readonly recoveryKey?: KeyId },
): Draft['predicate'] {
  const key = authorIdOf(publicKeyOf(newSeed));
  const { action, recoveryKey } = change;
  const proof = sign(newSeed, proofBytes(link, action, key, recoveryKey));
  const { epoch, seq, id } = change.keep;
  const keep = { epoch, seq, id };
  return { action, key, keep, proof: encodeBase64(proof), ...(recoveryKey !== undefined && { recoveryKey }) };
}

function readOpening(predicate: Statement['predicate'], link: FeedLink): KeyAction | Refusal {
  // Later it would replace what was committed to, which only a recovery may.
  if (link.prev !== null) return bad('an opening is the first record of a feed');
  const recoveryKey = readKey(predicate, 'recoveryKey');
  if (typeof recoveryKey !== 'string') return recoveryKey;
  if (recoveryKey === link.author) return bad('predicate.recoveryKey is the signing key itself');
  return { action: 'open', recoveryKey };
}

function readRevocation(predicate: Statement['predicate'], link: FeedLink): KeyAction | Refusal {
  if (link.prev === null || (link.epoch > 0 && link.seq === 1)) return bad('a revocation opens no epoch');
  const { reason } = predicate;
  if (typeof reason !== 'string' || !isSafeLine(reason, LINE_MAX_LENGTH)) {
    return bad('predicate.reason is not one proper line of text');
  }
  return { action: 'revoke', reason };
}

function readChange(
  predicate: Statement['predicate'],
  link: FeedLink,
  action: 'rotate' | 'recover',
): KeyAction | Refusal {
  const opens = link.epoch > 0 && link.seq === 1 && (action === 'rotate' || link.recovery > 0);
  if (!opens || link.prev === null) return bad('a key change is the first record of an epoch');
  if (link.recovery > RECOVERIES_MAX) return bad(`a feed has at most ${RECOVERIES_MAX} recoveries`);
  const key = readKey(predicate, 'key');
  if (typeof key !== 'string') return key;
  const keep = readKept(predicate['keep'], link, action);
  if ('refused' in keep) return keep;
  const recoveryKey = action === 'recover' ? readKey(predicate, 'recoveryKey') : undefined;
  if (typeof recoveryKey === 'object') return recoveryKey;
  if (recoveryKey === key) return bad('predicate.recoveryKey is the signing key itself');
  const proof = predicate['proof'];
  if (typeof proof !== 'string' || !holds(proof, key, proofBytes(link, action, key, recoveryKey))) {
    return bad('predicate.proof is not the new key’s signature for this place');
  }
  return recoveryKey === undefined ? { action: 'rotate', key, keep } : { action: 'recover', key, keep, recoveryKey };
}

function readFollowing(predicate: Statement['predicate'], link: FeedLink): Following | Refusal {
  if (link.epoch === 0 || link.seq !== 1) return bad('what follows a key change is the first record of an epoch');
  const key = readKey(predicate, 'key');
  if (typeof key !== 'string') return key;
  const keep = predicate['keep'] === null ? null : readPlaceBefore(predicate['keep'], link);
  if (keep !== null && 'refused' in keep) return keep;
  // So the link alone says where the feed begins.
  if ((keep?.id ?? null) !== link.prev) return bad('predicate.keep is not the record before');
  return { action: 'follow', key, keep };
}

/** Of any epoch before: a group in which nothing was written meanwhile has left some out. */
function readPlaceBefore(value: unknown, link: FeedLink): Kept | Refusal {
  if (!isObject(value)) return bad('predicate.keep is not an object');
  const unknown = only(value, ['recovery', 'epoch', 'seq', 'id']);
  if (unknown !== undefined) return unknown;
  const { recovery, epoch, seq, id } = value;
  const isPlace = isCount(recovery) && isCount(epoch) && isCount(seq) && recovery <= epoch && seq > 0 && isDigest(id);
  if (!isPlace || recovery > link.recovery || (recovery === link.recovery && epoch >= link.epoch)) {
    return bad('predicate.keep is not a record of an epoch before');
  }
  return { recovery, epoch, seq, id };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

/** The epoch before, in the same recovery or the one before it; `prev` is the record that is kept. */
function readKept(value: unknown, link: FeedLink, action: 'rotate' | 'recover'): Kept | Refusal {
  if (!isObject(value)) return bad('predicate.keep is not an object');
  const unknown = only(value, ['epoch', 'seq', 'id']);
  if (unknown !== undefined) return unknown;
  const { epoch, seq, id } = value;
  const recovery = action === 'recover' ? link.recovery - 1 : link.recovery;
  if (epoch !== link.epoch - 1 || typeof seq !== 'number' || !Number.isSafeInteger(seq) || seq < 1) {
    return bad('predicate.keep is not a record of the epoch before');
  }
  if (!isDigest(id) || id !== link.prev) return bad('predicate.keep is not the record before');
  return { recovery, epoch, seq, id };
}

function readKey(predicate: Statement['predicate'], name: string): KeyId | Refusal {
  const value = predicate[name];
  if (!isAuthorId(value)) return bad(`predicate.${name} is not a public key`);
  try {
    importPublicKey(authorKeyBytes(value));
  } catch (error) {
    if (error instanceof PortalgunError) return bad(`predicate.${name}: ${error.message}`);
    throw error;
  }
  return value;
}

/** Bound to the feed, the place and what it follows: of no use anywhere else. */
function proofBytes(link: FeedLink, action: string, key: KeyId, recoveryKey: KeyId | undefined): Uint8Array {
  const payload = canonicalJson({ action, key, link, ...(recoveryKey !== undefined && { recoveryKey }) });
  return preAuthEncoding(PROOF_TYPE, Buffer.from(payload));
}

function holds(proof: string, key: KeyId, message: Uint8Array): boolean {
  let signature: Uint8Array;
  try {
    signature = decodeBase64(proof);
  } catch {
    return false; // not base64: no signature
  }
  return verify(importPublicKey(authorKeyBytes(key)), message, signature);
}

/** A field that this version does not know could change what the rest means. */
function only(value: Readonly<Record<string, unknown>>, known: readonly string[]): Refusal | undefined {
  const strange = Object.keys(value).some((name) => !known.includes(name));
  return strange ? bad('it has a field that this version does not know') : undefined;
}

function digestOfKey(author: AuthorId): Digest {
  return sha256(authorKeyBytes(author));
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function bad(what: string): Refusal {
  return refuse('bad-link', what);
}
