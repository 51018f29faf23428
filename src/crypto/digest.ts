/** SHA-256 digests, written as `sha256:` and 64 lower-case hex digits everywhere a person or a record sees them. */
import { hash } from 'node:crypto';

export type Digest = `sha256:${string}`;

const DIGEST = /^sha256:[0-9a-f]{64}$/;

export function isDigest(value: unknown): value is Digest {
  return typeof value === 'string' && DIGEST.test(value);
}

/** Digest of bytes, or of a string's UTF-8 form. */
export function sha256(data: Uint8Array | string): Digest {
  return `sha256:${hash('sha256', data)}`;
}

/** The 64 hex digits alone, as in-toto's DigestSet wants them. */
export function digestHex(digest: Digest): string {
  return digest.slice('sha256:'.length);
}

/** First 12 hex digits: for people, never for comparing. */
export function shortDigest(digest: Digest): string {
  return digestHex(digest).slice(0, 12);
}
