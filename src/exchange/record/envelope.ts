/**
 * From bytes to a `VerifiedRecord`: size, encoding, payload type, statement, network, author, signature, in this order,
 * cheapest first. `openEnvelope` is the only maker (`openStored` is the store's way back to what it made before).
 */
import { verify } from '../../crypto/ed25519.ts';
import { createKeyCache, type KeyCache } from '../../crypto/key-cache.ts';
import { sha256, type Digest } from '../../crypto/digest.ts';
import { PortalgunError } from '../../errors.ts';
import { firstKeys, signerOf, type FeedKeys } from './feed-keys.ts';
import { decodeDsse, preAuthEncoding, type Dsse } from './dsse.ts';
import { authorKeyBytes } from './identity.ts';
import { ENVELOPE_MAX_BYTES, STATEMENT_MAX_BYTES } from './limits.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import { parseStatement } from './statement.ts';
import type { AuthorId, KeyId, VerifiedRecord } from './types.ts';

/** The payload type of every record. Heads have another (head.ts), so one can never be taken for the other. */
export const RECORD_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export interface OpenOptions {
  readonly network: string;
  /** Kept keys; without it every key is checked anew (2 ms). */
  readonly keys?: KeyCache;
  /** The one verifier, unless a simulation of many nodes remembers what it said of the same bytes. */
  readonly verifier?: Verifier;
  /** Who signs in the author's feed, as far as its key records are known. Without it: the first key, and one epoch. */
  readonly feedKeys?: FeedKeys;
  /** Asked before the costly signature check; without it every author's records are opened. */
  readonly follows?: (author: AuthorId) => boolean;
}

export type Verifier = typeof verify;

/** An envelope whose encoding holds. Nothing of it is verified yet but that its id is its id. */
export interface SealedRecord {
  /** Independent of the signature: a second signature on the same statement makes no second record. */
  readonly id: Digest;
  readonly dsse: Dsse;
  /** What the signature is over, the payload within it. The id is its digest. */
  readonly signed: Uint8Array;
  /** The bytes themselves, shared with nobody. */
  readonly envelope: Uint8Array;
}

/** Size, canonical encoding and payload type: enough to tell a known record by its id before verifying anything. */
export function readEnvelope(bytes: Uint8Array): SealedRecord | Refusal {
  const dsse = decodeDsse(bytes, ENVELOPE_MAX_BYTES);
  if (isRefusal(dsse)) return dsse;
  if (dsse.payloadType !== RECORD_PAYLOAD_TYPE)
    return refuse('bad-encoding', 'the payload is not an in-toto statement');
  if (dsse.payload.length > STATEMENT_MAX_BYTES) {
    return refuse(
      'too-large',
      `the statement has ${dsse.payload.length} bytes, and at most ${STATEMENT_MAX_BYTES} are read`,
    );
  }
  const signed = preAuthEncoding(dsse.payloadType, dsse.payload);
  return { id: sha256(signed), dsse, signed, envelope: dsse.encoded };
}

export function openEnvelope(bytes: Uint8Array, options: OpenOptions): VerifiedRecord | Refusal {
  const sealed = readEnvelope(bytes);
  return isRefusal(sealed) ? sealed : openSealed(sealed, options);
}

/** The second half of `openEnvelope`, for who has looked at the id in between. */
export function openSealed(sealed: SealedRecord, options: OpenOptions): VerifiedRecord | Refusal {
  const record = parseSealed(sealed, options.network);
  if (isRefusal(record)) return record;
  const { author } = record.link;
  if (options.follows && !options.follows(author)) return refuse('unknown-author', `nobody here follows ${author}`);
  return openParsed(sealed, record, options);
}

/** The last step, for who has looked at the statement in between: `record` is what `parseSealed` made of `sealed`. */
export function openParsed(
  { dsse, signed, envelope }: SealedRecord,
  record: ParsedRecord,
  options: Omit<OpenOptions, 'network' | 'follows'>,
): VerifiedRecord | Refusal {
  // The very same bytes: a signature vouches for no other statement than the one that it is over.
  if (record.envelope !== envelope) throw new TypeError('this was parsed from another envelope');
  const signer = signerOf(options.feedKeys ?? firstKeys(record.link.author), record.link, record.statement);
  if (typeof signer !== 'string') return signer;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one maker
  return verifySignature(signed, dsse, signer, options) ?? (record as VerifiedRecord);
}

/**
 * Reads back what this node itself verified and stored: everything but the signature is checked again, and the id by
 * the caller. Never for bytes that came from anywhere else.
 */
export function openStored(bytes: Uint8Array, network: string): VerifiedRecord | Refusal {
  const sealed = readEnvelope(bytes);
  if (isRefusal(sealed)) return sealed;
  const record = parseSealed(sealed, network);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- verified before it was stored
  return isRefusal(record) ? record : (record as VerifiedRecord);
}

/** A record of which all holds but, perhaps, the signature. */
export type ParsedRecord = Pick<VerifiedRecord, 'id' | 'link' | 'statement' | 'envelope'>;

export function parseSealed(sealed: SealedRecord, network: string): ParsedRecord | Refusal {
  const statement = parseStatement(sealed.dsse.payload);
  if (isRefusal(statement)) return statement;
  const link = statement.portalgun_feed;
  if (link.network !== network) {
    return refuse('wrong-network', `the record is for the network ${link.network}, and this is ${network}`);
  }
  return { id: sealed.id, link, statement, envelope: sealed.envelope };
}

/** Checks a signature over a DSSE payload (`signed`: its PAE) by one of an author's keys. `undefined`: it holds. */
export function verifySignature(
  signed: Uint8Array,
  { keyid, signature }: Pick<Dsse, 'keyid' | 'signature'>,
  signer: KeyId,
  { keys, verifier = verify }: Pick<OpenOptions, 'keys' | 'verifier'>,
): Refusal | undefined {
  if (keyid !== '' && keyid !== signer) {
    return refuse('bad-signature', 'the keyid names another key than the one that signs there');
  }
  let key;
  try {
    key = (keys ?? createKeyCache(1))(authorKeyBytes(signer));
  } catch (error) {
    if (error instanceof PortalgunError) return refuse('bad-signature', error.message);
    throw error;
  }
  if (verifier(key, signed, signature)) return undefined;
  return refuse('bad-signature', `the signature is not by ${signer}`);
}
