/**
 * A seed under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM locks and authenticates. What is locked is
 * bound to whose and which key it is. docs/identity.md is the format.
 */
import { createCipheriv, createDecipheriv, randomBytes, scrypt } from 'node:crypto';
import { RefusedError } from '../errors.ts';

export interface LockedSeed {
  readonly kdf: 'scrypt';
  readonly N: number;
  readonly r: number;
  readonly p: number;
  /** Base64: 16 random bytes, 12 random bytes, the locked seed with its 16-byte tag. */
  readonly salt: string;
  readonly nonce: string;
  readonly box: string;
}

/** 128 MiB and about half a second for each guess. */
const COST = { N: 2 ** 17, r: 8, p: 1 } as const;
/** What a file may ask of us: 1 GiB. */
const MAX_N = 2 ** 20;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const NONCE_BYTES = 12;
const SALT_BYTES = 16;

/** `label`: what the seed is for. Whoever unlocks must say the same. */
export async function lockSeed(seed: Uint8Array, passphrase: string, label: string): Promise<LockedSeed> {
  const [salt, nonce] = [randomBytes(SALT_BYTES), randomBytes(NONCE_BYTES)];
  const cipher = createCipheriv('aes-256-gcm', await keyOf(passphrase, salt, COST), nonce);
  cipher.setAAD(Buffer.from(label));
  const box = Buffer.concat([cipher.update(seed), cipher.final(), cipher.getAuthTag()]);
  const text = (bytes: Buffer): string => bytes.toString('base64');
  return { kdf: 'scrypt', ...COST, salt: text(salt), nonce: text(nonce), box: text(box) };
}

/** Rejects with `identity/wrong-passphrase`; a damaged box looks the same. */
export async function unlockSeed(locked: LockedSeed, passphrase: string, label: string): Promise<Uint8Array> {
  const [salt, nonce, box] = [locked.salt, locked.nonce, locked.box].map((text) => Buffer.from(text, 'base64')) as [
    Buffer,
    Buffer,
    Buffer,
  ];
  const decipher = createDecipheriv('aes-256-gcm', await keyOf(passphrase, salt, locked), nonce, {
    authTagLength: TAG_BYTES,
  });
  decipher.setAAD(Buffer.from(label));
  decipher.setAuthTag(box.subarray(-TAG_BYTES));
  try {
    return Uint8Array.from(Buffer.concat([decipher.update(box.subarray(0, -TAG_BYTES)), decipher.final()]));
  } catch (cause) {
    throw new RefusedError('identity/wrong-passphrase', 'This passphrase does not open the key.', {
      hint: 'Try again; without it only the recovery key helps: portalgun key recover',
      cause,
    });
  }
}

/** Whether a document holds what `lockSeed` gives, at a cost that this machine is willing to pay. */
export function isLockedSeed(value: unknown): value is LockedSeed {
  if (typeof value !== 'object' || value === null) return false;
  const { kdf, N, r, p, salt, nonce, box } = value as Record<string, unknown>;
  const isBase64 = (text: unknown, bytes: number): boolean =>
    typeof text === 'string' && Buffer.from(text, 'base64').length === bytes;
  const fair = typeof N === 'number' && N >= 2 && N <= MAX_N && Math.log2(N) % 1 === 0 && r === COST.r && p === COST.p;
  return (
    kdf === 'scrypt' &&
    fair &&
    isBase64(salt, SALT_BYTES) &&
    isBase64(nonce, NONCE_BYTES) &&
    isBase64(box, KEY_BYTES + TAG_BYTES)
  );
}

function keyOf(
  passphrase: string,
  salt: Uint8Array,
  { N, r, p }: { readonly N: number; readonly r: number; readonly p: number },
): Promise<Buffer> {
  // As typed on any keyboard: one text for what looks the same.
  const text = passphrase.normalize('NFC');
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  scrypt(text, salt, KEY_BYTES, { N, r, p, maxmem: 256 * N * r }, (error, key) => {
    if (error) reject(error);
    else resolve(key);
  });
  return promise;
}
