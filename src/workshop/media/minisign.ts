/**
 * minisign: ed25519 over the file itself (legacy, `Ed`) or over its BLAKE2b-512 (`ED`), and a second, "global" signature
 * over the first one together with the trusted comment. Both must hold before the comment is worth a look.
 */
import { createHash } from 'node:crypto';
import { SIGNATURE_BYTES, verify } from '../../crypto/ed25519.ts';
import { RefusedError } from '../../errors.ts';
import { decoded, lineOf, readKeyFile, type KeyFile } from './key-file.ts';
import { MAX_LEGACY_SIGNED_BYTES, MAX_SIGNATURE_BYTES } from './limits.ts';
import { malformedSignature } from './openpgp-judge.ts';
import { badSignature, keyOf, type NumberedKey } from './signify.ts';

const TRUSTED_COMMENT = 'trusted comment: ';
const MAX_COMMENT_BYTES = 8192;

export interface MinisignVerdict<K extends NumberedKey> {
  readonly key: K;
  /** Signed, and so the signer's word: usually a time and a file name. */
  readonly trustedComment: string;
  /** Out of the trusted comment, where it says `timestamp:`. */
  readonly signedAt: Date | undefined;
}

interface Parts extends KeyFile {
  readonly trustedComment: string;
  readonly globalSignature: Uint8Array;
}

/**
 * `content` is read to its end, once. Throws `media/signature-malformed`, `media/unknown-key`, `media/bad-signature`, or
 * `media/legacy-signature` where a file is too large for a signature that needs all of it in memory.
 */
export async function verifyMinisign<K extends NumberedKey>(
  content: AsyncIterable<Uint8Array> | Uint8Array,
  signature: Uint8Array,
  keys: readonly K[],
  what: string,
): Promise<MinisignVerdict<K>> {
  const parts = read(signature, what);
  const key = keyOf(parts.number, keys, what);
  const message = parts.algorithm === 'ED' ? await blake2b(content) : await whole(content, what);
  if (!verify(key.publicKey, message, parts.value)) throw badSignature(what, key);
  const { trustedComment } = parts;
  const globally = Buffer.concat([parts.value, Buffer.from(trustedComment, 'utf8')]);
  if (!verify(key.publicKey, globally, parts.globalSignature))
    throw badSignature(what, key, 'a valid signature of its trusted comment');
  return { key, trustedComment, signedAt: timeIn(trustedComment) };
}

function read(signature: Uint8Array, what: string): Parts {
  try {
    if (signature.length > MAX_SIGNATURE_BYTES) throw new Error(`it is larger than ${MAX_SIGNATURE_BYTES} bytes`);
    const file = readKeyFile(signature, SIGNATURE_BYTES);
    if (file.algorithm !== 'Ed' && file.algorithm !== 'ED')
      throw new Error(`its algorithm is ${JSON.stringify(file.algorithm)}, neither "Ed" nor "ED"`);
    const [third, afterThird] = lineOf(file.rest, MAX_COMMENT_BYTES, 'the third line');
    if (!third.startsWith(TRUSTED_COMMENT))
      throw new Error(`the third line does not begin with "${TRUSTED_COMMENT.trim()}"`);
    const [fourth, rest] = lineOf(afterThird, MAX_COMMENT_BYTES, 'the fourth line');
    const globalSignature = decoded(fourth, 'the fourth line');
    if (globalSignature.length !== SIGNATURE_BYTES)
      throw new Error(`the fourth line holds ${globalSignature.length} bytes instead of ${SIGNATURE_BYTES}`);
    if (rest.length > 0) throw new Error('something stands after the fourth line');
    return { ...file, trustedComment: third.slice(TRUSTED_COMMENT.length), globalSignature };
  } catch (error) {
    throw malformedSignature(what, error instanceof Error ? error.message : String(error), error);
  }
}

async function blake2b(content: AsyncIterable<Uint8Array> | Uint8Array): Promise<Uint8Array> {
  const hash = createHash('blake2b512');
  for await (const chunk of content instanceof Uint8Array ? [content] : content) hash.update(chunk);
  return hash.digest();
}

async function whole(content: AsyncIterable<Uint8Array> | Uint8Array, what: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of content instanceof Uint8Array ? [content] : content) {
    size += chunk.length;
    if (size > MAX_LEGACY_SIGNED_BYTES) {
      throw new RefusedError(
        'media/legacy-signature',
        `${what} has a legacy signature, which is over the file itself, and more than ${MAX_LEGACY_SIGNED_BYTES} bytes.`,
        { hint: 'ask for a prehashed signature (minisign makes no other since 0.11)', facts: { what } },
      );
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** Seconds since 1970, as minisign writes them by itself. */
function timeIn(comment: string): Date | undefined {
  const seconds = /(?:^|[\t ])timestamp:(\d{1,11})(?:[\t ]|$)/.exec(comment)?.[1];
  return seconds === undefined ? undefined : new Date(Number(seconds) * 1000);
}
