/**
 * Ed25519 (RFC 8032): keys, signatures, and **the one function in the project that verifies**.
 *
 * `@noble/ed25519` makes keys, signs, and checks points. Its `verify` is not used: by default it follows ZIP-215, which
 * accepts a signature on *any* message under a small-order key. Verification is `node:crypto`'s, cofactorless and about
 * 15 times as fast; what it says is normative here, and `verifyAside` is the same call on another thread.
 * test/crypto/ed25519-speccheck.test.ts freezes what it accepts.
 */
import { createHash, createPublicKey, verify as nodeVerify, type KeyObject } from 'node:crypto';
import * as noble from '@noble/ed25519';
import { RefusedError, UsageError } from '../errors.ts';

export const SEED_BYTES = 32;
export const PUBLIC_KEY_BYTES = 32;
export const SIGNATURE_BYTES = 64;

/** What precedes the 32 bytes in a SubjectPublicKeyInfo (RFC 8410, section 4). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

declare const imported: unique symbol;

/** A checked public key. `importPublicKey` is the only maker. */
export interface PublicKey {
  readonly [imported]: true;
  /** The 32 canonical bytes. */
  readonly bytes: Uint8Array;
  /** node's own form of it, made once: importing costs as much as a quarter of a verification. */
  readonly key: KeyObject;
}

/** A new secret seed from the system's random generator, 32 bytes. */
export function generateSeed(): Uint8Array {
  return noble.utils.randomSecretKey();
}

/** The 32-byte public key of a seed. Throws `crypto/bad-seed`. */
export function publicKeyOf(seed: Uint8Array): Uint8Array {
  assertSeed(seed);
  return withSha512().getPublicKey(seed);
}

/** Deterministic signature (RFC 8032, section 5.1.6), 64 bytes. Throws `crypto/bad-seed`. */
export function sign(seed: Uint8Array, message: Uint8Array): Uint8Array {
  assertSeed(seed);
  return withSha512().sign(message, seed);
}

/** True only if `signature` is `publicKey`'s on exactly these bytes. A signature of a wrong length is simply false. */
export function verify(publicKey: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  return signature.length === SIGNATURE_BYTES && nodeVerify(null, message, publicKey.key, signature);
}

/**
 * What `verify` says, found on another thread, for many signatures at once: one alone comes sooner from `verify`. Undefined
 * where no thread could say it: that is no answer.
 */
export function verifyAside(
  publicKey: PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
): Promise<boolean | undefined> {
  if (signature.length !== SIGNATURE_BYTES) return Promise.resolve(false);
  return new Promise((resolve) => {
    nodeVerify(null, message, publicKey.key, signature, (error, holds) => resolve(error === null ? holds : undefined));
  });
}

/**
 * Checks a public key on its way in: 32 bytes, a canonical encoding of a point, not of small order, torsion-free.
 * Under a key that fails these, verifiers disagree, or one signature fits many messages. About 2 ms: keep the result
 * (key-cache.ts). Throws `crypto/bad-public-key` with the exact reason.
 */
export function importPublicKey(bytes: Uint8Array): PublicKey {
  if (bytes.length !== PUBLIC_KEY_BYTES) throw badKey(`it has ${bytes.length} bytes, not ${PUBLIC_KEY_BYTES}`);
  const own = Uint8Array.from(bytes);
  const point = decodePoint(own);
  if (point.isSmallOrder()) throw badKey('its point has a small order, so signatures under it prove nothing');
  if (!point.isTorsionFree()) throw badKey('its point has a small-order part, so verifiers may disagree about it');
  const key = createPublicKey({ key: Buffer.concat([SPKI_PREFIX, own]), format: 'der', type: 'spki' });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- this is the one maker
  return { bytes: own, key } as PublicKey;
}

function decodePoint(bytes: Uint8Array): noble.Point {
  let point: noble.Point;
  try {
    // Strict decoding (not ZIP-215) refuses y ≥ p and a sign bit on x = 0.
    point = noble.Point.fromBytes(bytes, false);
  } catch (cause) {
    throw badKey('it is not the canonical encoding of a point on the curve', cause);
  }
  // Said once more by encoding it again: the check does not rest on how the library decodes.
  if (!Buffer.from(point.toBytes()).equals(bytes)) throw badKey('it is not the canonical encoding of its point');
  return point;
}

function badKey(what: string, cause?: unknown): RefusedError {
  return new RefusedError('crypto/bad-public-key', `This ed25519 public key is refused: ${what}.`, {
    hint: 'ask its owner for the author id again',
    cause,
  });
}

function assertSeed(seed: Uint8Array): void {
  if (seed.length !== SEED_BYTES) {
    throw new UsageError('crypto/bad-seed', `An ed25519 seed has ${SEED_BYTES} bytes; this one has ${seed.length}.`);
  }
}

/** noble leaves SHA-512 for its synchronous calls to the host; giving it node's has no other effect. */
function withSha512(): typeof noble {
  noble.hashes.sha512 ??= (message) => Uint8Array.from(createHash('sha512').update(message).digest());
  return noble;
}
