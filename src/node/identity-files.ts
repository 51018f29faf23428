/**
 * The identity at rest: a 32-byte ed25519 seed and the public half of the offline recovery key. The recovery key itself
 * is shown once and never written.
 */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { createHash } from 'node:crypto';
import { generateSeed, publicKeyOf } from '../crypto/ed25519.ts';
import { authorIdOf } from '../exchange/record/identity.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { errnoOf, FailedError, UsageError, RefusedError } from '../errors.ts';
import { writeFileAtomic } from './atomic.ts';
import type { Home } from './home.ts';

export interface Identity {
  readonly seed: Uint8Array;
  readonly author: AuthorId;
  /** 32 bytes: what the feed's first record commits to. */
  readonly recoveryPublicKey: Uint8Array;
}

const SEED_BYTES = 32;

/** Makes an identity, once. Rejects with `identity/exists` where there is one. `recoveryKey` is for the person alone. */
export async function createIdentity(home: Home): Promise<{ identity: Identity; recoveryKey: string }> {
  const seedFile = path.join(home.identityDir, 'seed');
  if (await exists(seedFile)) {
    throw new UsageError('identity/exists', `this home has an identity already: ${home.identityDir}`, {
      hint: 'Use it, or choose another home with PORTALGUN_HOME. One home, one key, one device.',
    });
  }
  const seed = generateSeed();
  const recoverySeed = generateSeed();
  const recoveryPublicKey = publicKeyOf(recoverySeed);
  // The recovery half goes first: a seed on disk always has its recovery key beside it.
  await writeFileAtomic(
    path.join(home.identityDir, 'recovery.pub'),
    `${Buffer.from(recoveryPublicKey).toString('hex')}\n`,
  );
  await writeFileAtomic(seedFile, `${Buffer.from(seed).toString('hex')}\n`);
  const identity = { seed, author: authorIdOf(publicKeyOf(seed)), recoveryPublicKey };
  return { identity, recoveryKey: formatRecoveryKey(recoverySeed) };
}

/** Reads the identity. Rejects with `identity/missing`, `identity/damaged` or `identity/readable-by-others`. */
export async function loadIdentity(home: Home): Promise<Identity> {
  const seedFile = path.join(home.identityDir, 'seed');
  if (!(await exists(seedFile))) {
    throw new UsageError('identity/missing', `there is no identity in ${home.root} yet.`, {
      hint: 'Make one with: portalgun init',
    });
  }
  const { mode } = await stat(seedFile);
  if ((mode & 0o077) !== 0) {
    throw new RefusedError('identity/readable-by-others', `${seedFile} can be read by other users of this machine.`, {
      hint: `Close it with: chmod 600 ${seedFile}. If others may have read it, make a new identity.`,
    });
  }
  const seed = await readHex(seedFile);
  const recoveryPublicKey = await readHex(path.join(home.identityDir, 'recovery.pub'));
  return { seed, author: authorIdOf(publicKeyOf(seed)), recoveryPublicKey };
}

export async function hasIdentity(home: Home): Promise<boolean> {
  return exists(path.join(home.identityDir, 'seed'));
}

/** Groups of eight hex digits, the last one a checksum: it is copied by hand. */
export function formatRecoveryKey(seed: Uint8Array): string {
  const hex = Buffer.from(seed).toString('hex');
  const sum = createHash('sha256').update('portalgun recovery key').update(seed).digest('hex').slice(0, 8);
  return (hex + sum).match(/.{8}/g)!.join('-');
}

async function readHex(file: string): Promise<Uint8Array> {
  const text = (await exists(file)) ? (await readFile(file, 'utf8')).trim() : '';
  if (!/^[0-9a-f]+$/.test(text) || text.length !== SEED_BYTES * 2) {
    throw new FailedError('identity/damaged', `${file} is damaged: it must hold ${SEED_BYTES * 2} hex digits.`, {
      hint: 'Restore it from your backup of the identity folder.',
    });
  }
  return Buffer.from(text, 'hex');
}

async function exists(file: string): Promise<boolean> {
  try {
    await stat(file);
    return true;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false;
    throw error;
  }
}
