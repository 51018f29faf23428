/**
 * signify, OpenBSD's signatures: ed25519 over the whole file. A signature stands in a file of its own, or before what it
 * signs (`SHA256.sig`); then only what follows the second line is signed, and only that is given back.
 */
import { PUBLIC_KEY_BYTES, SIGNATURE_BYTES, importPublicKey, verify, type PublicKey } from '../../crypto/ed25519.ts';
import { sha256, digestHex } from '../../crypto/digest.ts';
import { RefusedError } from '../../errors.ts';
import { readKeyFile, type KeyFile } from './key-file.ts';
import { malformedSignature } from './openpgp-judge.ts';

/** A key of signify or minisign. Their key files have one form. */
export interface NumberedKey {
  readonly kind: 'signify' | 'minisign';
  /** SHA-256 of the 42 bytes that the key file's second line holds, upper-case hex: neither tool has fingerprints. */
  readonly fingerprint: string;
  readonly owner: string;
  /** By which signatures name it. 16 hex digits. */
  readonly number: string;
  readonly publicKey: PublicKey;
}

const ALGORITHM = 'Ed';

/** Throws an Error that says what is wrong with the file. */
export function readNumberedKey(bytes: Uint8Array): Omit<NumberedKey, 'kind' | 'owner'> & { readonly comment: string } {
  const file = readKeyFile(endsWithLine(bytes), PUBLIC_KEY_BYTES);
  if (file.algorithm !== ALGORITHM) throw new Error(`its algorithm is ${JSON.stringify(file.algorithm)}, not "Ed"`);
  if (file.rest.length > 0) throw new Error('something stands after the second line');
  return {
    comment: file.comment,
    number: file.number,
    publicKey: importPublicKey(file.value),
    fingerprint: digestHex(sha256(file.payload)).toUpperCase(),
  };
}

/**
 * `content` undefined: the signature stands before what it signs. Gives back exactly the bytes that were signed. Throws
 * `media/signature-malformed`, `media/unknown-key` or `media/bad-signature`.
 */
export function verifySignify<K extends NumberedKey>(
  content: Uint8Array | undefined,
  signature: Uint8Array,
  keys: readonly K[],
  what: string,
): { readonly signed: Uint8Array; readonly key: K } {
  let file: KeyFile;
  try {
    file = readKeyFile(signature, SIGNATURE_BYTES);
    if (file.algorithm !== ALGORITHM) throw new Error(`its algorithm is ${JSON.stringify(file.algorithm)}, not "Ed"`);
    if (content !== undefined && file.rest.length > 0) throw new Error('something stands after the second line');
  } catch (error) {
    throw malformedSignature(what, error instanceof Error ? error.message : String(error), error);
  }
  const key = keyOf(file.number, keys, what);
  const signed = content ?? file.rest;
  if (!verify(key.publicKey, signed, file.value)) throw badSignature(what, key);
  return { signed, key };
}

export function keyOf<K extends NumberedKey>(number: string, keys: readonly K[], what: string): K {
  const key = keys.find((candidate) => candidate.number === number);
  if (key) return key;
  throw new RefusedError(
    'media/unknown-key',
    `${what} is signed by the key of number ${number}, which is none of those that may sign it.`,
    {
      hint: 'docs/media.md says which keys are trusted and how to add one',
      facts: { what, keyIds: [number] },
    },
  );
}

export function badSignature(
  what: string,
  { fingerprint, owner }: NumberedKey,
  which = 'a valid signature',
): RefusedError {
  return new RefusedError('media/bad-signature', `${what} does not carry ${which} of ${fingerprint} (${owner}).`, {
    hint: 'the file was changed or damaged after it was signed: fetch it again, from another mirror if it stays so',
    facts: { what, fingerprint },
  });
}

/** Keys are handed around as one line too often: their last line end may be missing. */
function endsWithLine(bytes: Uint8Array): Uint8Array {
  return bytes.at(-1) === 0x0a ? bytes : Buffer.concat([bytes, Buffer.from('\n')]);
}
