/** Author ids: `ed25519:` and the 64 lower-case hex digits of the author's first public key. */
import { importPublicKey, PUBLIC_KEY_BYTES } from '../../crypto/ed25519.ts';
import { UsageError } from '../../errors.ts';
import type { AuthorId } from './types.ts';

const PREFIX = 'ed25519:';
const AUTHOR_ID = /^ed25519:[0-9a-f]{64}$/;

/** Well-formed; says nothing about the key (parseAuthorId does). */
export function isAuthorId(value: unknown): value is AuthorId {
  return typeof value === 'string' && AUTHOR_ID.test(value);
}

/** Throws `record/bad-author` where the key has another length than 32 bytes. */
export function authorIdOf(publicKey: Uint8Array): AuthorId {
  if (publicKey.length !== PUBLIC_KEY_BYTES) {
    throw new UsageError('record/bad-author', `An author's public key has 32 bytes; this one has ${publicKey.length}.`);
  }
  return `${PREFIX}${Buffer.from(publicKey).toString('hex')}`;
}

/** The 32 bytes of the key that an id names, not checked (ed25519.ts, importPublicKey). */
export function authorKeyBytes(author: AuthorId): Uint8Array {
  return Uint8Array.from(Buffer.from(author.slice(PREFIX.length), 'hex'));
}

/**
 * An author id as a person gives it, its key checked: a weak key never enters a policy. Throws `record/bad-author`, or
 * `crypto/bad-public-key` with the exact reason.
 */
export function parseAuthorId(text: string): AuthorId {
  const id = text.trim();
  if (!isAuthorId(id)) {
    throw new UsageError('record/bad-author', 'This is not an author id.', {
      hint: 'An author id is "ed25519:" and 64 lower-case hex digits; `portalgun id` prints yours.',
    });
  }
  importPublicKey(authorKeyBytes(id));
  return id;
}
