/**
 * From bytes to a `VerifiedRecord`: size, encoding, payload type, statement, network, author, signature, in this order,
 * cheapest first. `openEnvelope` is the only maker (`openStored` is the store's way back to what it made before).
 */
import { verify } from '../../crypto/ed25519.ts';
import { createKeyCache, type KeyCache } from '../../crypto/key-cache.ts';
import type { Digest } from '../../crypto/digest.ts';
import { PortalgunError } from '../../errors.ts';
import { decodeDsse, idOf, preAuthEncoding, type Dsse } from './dsse.ts';
import { authorKeyBytes } from './identity.ts';
import { ENVELOPE_MAX_BYTES, STATEMENT_MAX_BYTES } from './limits.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import { parseStatement } from './statement.ts';
import type { AuthorId, VerifiedRecord } from './types.ts';

/** The payload type of every record. Heads have another (head.ts), so one can never be taken for the other. */
export const RECORD_PAYLOAD_TYPE = 'application/vnd.in-toto+json';

export interface OpenOptions {
  readonly network: string;
  /** Kept keys; without it every key is checked anew (2 ms). */
  readonly keys?: KeyCache;
  /** The one verifier, unless a simulation of many nodes remembers what it said of the same bytes. */
  readonly verifier?: Verifier;
  /** Asked before the costly signature check; without it every author's records are opened. */
  readonly follows?: (author: AuthorId) => boolean;
}

export type Verifier = typeof verify;

/** An envelope whose encoding holds. Nothing of it is verified yet but that its id is its id. */
export interface SealedRecord {
  readonly id: Digest;
  readonly dsse: Dsse;
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
  return { id: idOf(dsse), dsse, envelope: Uint8Array.from(bytes) };
}

export function openEnvelope(bytes: Uint8Array, options: OpenOptions): VerifiedRecord | Refusal {
  const sealed = readEnvelope(bytes);
  return isRefusal(sealed) ? sealed : openSealed(sealed, options);
}

/** The second half of `openEnvelope`, for who has looked at the id in between. */
export function openSealed(sealed: SealedRecord, options: OpenOptions): VerifiedRecord | Refusal {
  const record = parse(sealed, options.network);
  if (isRefusal(record)) return record;
  const { author, epoch, recovery } = record.link;
  if (options.follows && !options.follows(author)) return refuse('unknown-author', `nobody here follows ${author}`);
  // Until key changes are understood, the signing key is the author's first key, and there is one epoch.
  if (epoch !== 0 || recovery !== 0)
    return refuse('bad-link', `${author} has changed keys, which this version cannot follow`);
  return verifySignature(sealed.dsse, author, options) ?? record;
}

/**
 * Reads back what this node itself verified and stored: everything but the signature is checked again, and the id by
 * the caller. Never for bytes that came from anywhere else.
 */
export function openStored(bytes: Uint8Array, network: string): VerifiedRecord | Refusal {
  const sealed = readEnvelope(bytes);
  return isRefusal(sealed) ? sealed : parse(sealed, network);
}

function parse(sealed: SealedRecord, network: string): VerifiedRecord | Refusal {
  const statement = parseStatement(sealed.dsse.payload);
  if (isRefusal(statement)) return statement;
  const link = statement.portalgun_feed;
  if (link.network !== network) {
    return refuse('wrong-network', `the record is for the network ${link.network}, and this is ${network}`);
  }
  if (sealed.dsse.keyid !== '' && sealed.dsse.keyid !== link.author) {
    return refuse('bad-signature', 'the keyid names somebody else than the author');
  }
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one maker
  return { id: sealed.id, link, statement, envelope: sealed.envelope } as VerifiedRecord;
}

/** Checks a signature over a DSSE payload by an author's first key. `undefined`: it holds. */
export function verifySignature(
  dsse: Dsse,
  author: AuthorId,
  { keys, verifier = verify }: Pick<OpenOptions, 'keys' | 'verifier'>,
): Refusal | undefined {
  let key;
  try {
    key = (keys ?? createKeyCache(1))(authorKeyBytes(author));
  } catch (error) {
    if (error instanceof PortalgunError) return refuse('bad-signature', error.message);
    throw error;
  }
  if (verifier(key, preAuthEncoding(dsse.payloadType, dsse.payload), dsse.signature)) return undefined;
  return refuse('bad-signature', `the signature is not by ${author}`);
}
