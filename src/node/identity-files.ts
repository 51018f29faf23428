/**
 * The identity at rest: the seeds of the keys that sign, locked or not, and the public half of the offline recovery key.
 * The recovery key itself is shown once and never written. docs/identity.md is the format.
 *
 * A home holds one key, or for a moment two while it changes: which of them signs, the feed itself says.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { generateSeed, publicKeyOf, SEED_BYTES } from '../crypto/ed25519.ts';
import { authorIdOf, isAuthorId } from '../exchange/record/identity.ts';
import type { AuthorId, KeyId } from '../exchange/record/types.ts';
import { FailedError, UsageError, RefusedError } from '../errors.ts';
import { writeFileAtomic } from './atomic.ts';
import type { Home } from './home.ts';
import { isThere } from './is-there.ts';
import { ownJson } from './own-json.ts';
import { formatRecoveryKey } from './recovery-key.ts';
import { isLockedSeed, lockSeed, unlockSeed, type LockedSeed } from './seed-lock.ts';

export { formatRecoveryKey } from './recovery-key.ts';

/** Characters. Scrypt makes a guess cost half a second; this keeps the first few thousand guesses from being enough. */
export const PASSPHRASE_MIN_LENGTH = 8;

/** Version 1 is the bare seed of the author's first key, in hex. */
export const IDENTITY_VERSION = 2;

export interface HeldKey {
  readonly id: KeyId;
  readonly locked: boolean;
  /** 32 bytes. Asks for the passphrase, once. Rejects with `identity/wrong-passphrase`. */
  unlock(): Promise<Uint8Array>;
}

export interface Identity {
  readonly author: AuthorId;
  /** 32 bytes: what the feed's first record commits to. */
  readonly recoveryPublicKey: Uint8Array;
  /** Oldest first. */
  readonly keys: readonly HeldKey[];
}

/** Makes an identity, once. Rejects with `identity/exists` where there is one. `recoveryKey` is for the person alone. */
export async function createIdentity(
  home: Home,
  passphrase?: string,
): Promise<{ identity: Identity; recoveryKey: string }> {
  await requireNone(home);
  const seed = generateSeed();
  const recoverySeed = generateSeed();
  const recoveryPublicKey = publicKeyOf(recoverySeed);
  await writeIdentity(home, { author: authorIdOf(publicKeyOf(seed)), recoveryPublicKey, seeds: [seed] }, passphrase);
  return { identity: await loadIdentity(home), recoveryKey: formatRecoveryKey(recoverySeed) };
}

/** Rejects with `identity/exists`. */
export async function requireNone(home: Home): Promise<void> {
  if (!(await hasIdentity(home))) return;
  throw new UsageError('identity/exists', `this home has an identity already: ${home.identityDir}`, {
    hint: 'Use it, or choose another home with PORTALGUN_HOME. One home, one key, one device.',
  });
}

export interface IdentityContent {
  readonly author: AuthorId;
  readonly recoveryPublicKey: Uint8Array;
  readonly seeds: readonly Uint8Array[];
}

/**
 * Replaces what is there, whole. Without a passphrase the seeds lie open, for their owner alone to read. Rejects with
 * `identity/short-passphrase`.
 */
export async function writeIdentity(home: Home, content: IdentityContent, passphrase?: string): Promise<void> {
  if (passphrase !== undefined && passphrase.length < PASSPHRASE_MIN_LENGTH) {
    throw new UsageError(
      'identity/short-passphrase',
      `A passphrase has at least ${PASSPHRASE_MIN_LENGTH} characters.`,
      {
        hint: 'Several words that nobody has written together make a good one.',
      },
    );
  }
  // The recovery half goes first: a seed on disk always has its recovery key beside it.
  const recovery = `${Buffer.from(content.recoveryPublicKey).toString('hex')}\n`;
  await writeFileAtomic(path.join(home.identityDir, 'recovery.pub'), recovery);
  await writeFileAtomic(path.join(home.identityDir, 'seed'), await seedFileText(content, passphrase));
}

async function seedFileText({ author, seeds }: IdentityContent, passphrase: string | undefined): Promise<string> {
  const [first, second] = seeds;
  const isFirstKey = first !== undefined && authorIdOf(publicKeyOf(first)) === author;
  if (passphrase === undefined && second === undefined && isFirstKey) return `${Buffer.from(first).toString('hex')}\n`;
  const keys = [];
  for (const seed of seeds) {
    const key = authorIdOf(publicKeyOf(seed));
    const atRest =
      passphrase === undefined
        ? { seed: Buffer.from(seed).toString('hex') }
        : { locked: await lockSeed(seed, passphrase, labelOf(author, key)) };
    keys.push({ key, ...atRest });
  }
  return `${JSON.stringify({ version: IDENTITY_VERSION, author, keys }, null, 2)}\n`;
}

/** Bound into the lock, so that a locked seed cannot be passed off as another author's, or as another key. */
function labelOf(author: AuthorId, key: KeyId): string {
  return `portalgun seed ${IDENTITY_VERSION} ${author} ${key}`;
}

/**
 * Reads the identity. Rejects with `identity/missing`, `identity/damaged`, `identity/newer` or
 * `identity/readable-by-others`.
 */
export async function loadIdentity(home: Home): Promise<Identity> {
  const seedFile = path.join(home.identityDir, 'seed');
  if (!(await isThere(seedFile))) throw identityMissing(home);
  const { mode } = await stat(seedFile);
  if ((mode & 0o077) !== 0) {
    throw new RefusedError('identity/readable-by-others', `${seedFile} can be read by other users of this machine.`, {
      hint: `Close it with: chmod 600 ${seedFile}. If others may have read it: portalgun key rotate.`,
    });
  }
  const recoveryPublicKey = await readHex(path.join(home.identityDir, 'recovery.pub'));
  const text = (await readFile(seedFile, 'utf8')).trim();
  const { author, keys } = text.startsWith('{') ? readDocument(text, seedFile) : await readBare(seedFile);
  return { author, recoveryPublicKey, keys: keys.map((key) => heldKey(home, author, key)) };
}

export function identityMissing({ root }: Home): UsageError {
  return new UsageError('identity/missing', `there is no identity in ${root} yet.`, {
    hint: 'Make one with: portalgun init',
  });
}

interface KeyAtRest {
  readonly key: KeyId;
  readonly seed?: string;
  readonly locked?: LockedSeed;
}

async function readBare(file: string): Promise<{ author: AuthorId; keys: readonly KeyAtRest[] }> {
  const seed = await readHex(file);
  const author = authorIdOf(publicKeyOf(seed));
  return { author, keys: [{ key: author, seed: Buffer.from(seed).toString('hex') }] };
}

function readDocument(text: string, file: string): { author: AuthorId; keys: readonly KeyAtRest[] } {
  let document: { version?: unknown; author?: unknown; keys?: unknown };
  try {
    document = ownJson(text);
  } catch (cause) {
    throw damaged(file, 'it is no JSON', cause);
  }
  const { version, author, keys } = document;
  if (typeof version === 'number' && version > IDENTITY_VERSION) {
    throw new FailedError('identity/newer', `${file} was written by a newer portalgun (version ${version}).`, {
      hint: `Update portalgun; this one reads up to ${IDENTITY_VERSION}.`,
    });
  }
  if (version !== IDENTITY_VERSION || !isAuthorId(author) || !Array.isArray(keys) || keys.length === 0) {
    throw damaged(file, 'it must hold a version, an author and keys');
  }
  for (const key of keys as readonly KeyAtRest[]) {
    const holds = key.locked === undefined ? isHex(key.seed) : isLockedSeed(key.locked);
    if (!isAuthorId(key.key) || !holds) throw damaged(file, 'one of its keys is neither a seed nor a locked one');
    if (isHex(key.seed) && authorIdOf(publicKeyOf(Buffer.from(key.seed, 'hex'))) !== key.key) {
      throw damaged(file, 'a seed is not that of its key');
    }
  }
  return { author, keys: keys as readonly KeyAtRest[] };
}

function heldKey(home: Home, author: AuthorId, { key: id, seed, locked }: KeyAtRest): HeldKey {
  if (locked === undefined) {
    return { id, locked: false, unlock: async () => Buffer.from(seed ?? '', 'hex') };
  }
  let unlocked: Promise<Uint8Array> | undefined;
  const open = async (): Promise<Uint8Array> => {
    try {
      return await unlockSeed(locked, await home.passphrase(), labelOf(author, id));
    } catch (error) {
      unlocked = undefined; // a person may mistype
      throw error;
    }
  };
  return { id, locked: true, unlock: () => (unlocked ??= open()) };
}

export async function hasIdentity(home: Home): Promise<boolean> {
  return isThere(path.join(home.identityDir, 'seed'));
}

async function readHex(file: string): Promise<Uint8Array> {
  const text = (await isThere(file)) ? (await readFile(file, 'utf8')).trim() : '';
  if (!isHex(text)) throw damaged(file, `it must hold ${SEED_BYTES * 2} hex digits`);
  return Buffer.from(text, 'hex');
}

function isHex(text: unknown): text is string {
  return typeof text === 'string' && /^[0-9a-f]+$/.test(text) && text.length === SEED_BYTES * 2;
}

function damaged(file: string, how: string, cause?: unknown): FailedError {
  return new FailedError('identity/damaged', `${file} is damaged: ${how}.`, {
    hint: 'Restore it from your backup: portalgun key restore; or take your feed back: portalgun key recover.',
    cause,
  });
}
