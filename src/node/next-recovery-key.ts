/**
 * A recovery key that is to replace the present one. It is made, and kept for its owner alone, before anything is signed
 * that nobody can take back: whatever happens then, whoever owns the feed has the key that recovers it. It stays until the
 * owner has shown that they have it elsewhere.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { generateSeed } from '../crypto/ed25519.ts';
import { errnoOf } from '../errors.ts';
import { writeFileAtomic } from './atomic.ts';
import type { Home } from './home.ts';
import { formatRecoveryKey, parseRecoveryKey } from './recovery-key.ts';

export interface NextRecoveryKey {
  /** As a person copies it. */
  readonly text: string;
  /** Where it is kept, 0600. */
  readonly file: string;
}

/**
 * The one that an attempt before has left, or another. `present`: the recovery key that the owner has just given. Where that
 * is the one that was kept, it is in force, and perhaps nowhere else: it is laid beside until the other one is.
 */
export async function nextRecoveryKey(home: Home, present: Uint8Array): Promise<NextRecoveryKey> {
  const file = fileIn(home);
  const kept = await readKept(file);
  if (kept !== undefined) {
    if (!Buffer.from(parseRecoveryKey(kept)).equals(present)) return { text: kept, file };
    await writeFileAtomic(presentIn(home), `${kept}\n`);
  }
  const text = formatRecoveryKey(generateSeed());
  await writeFileAtomic(file, `${text}\n`);
  return { text, file };
}

/** The next one is in force: the one that was laid beside recovers nothing more. */
export async function forgetPresentRecoveryKey(home: Home): Promise<void> {
  await rm(presentIn(home), { force: true });
}

export async function forgetNextRecoveryKey(home: Home): Promise<void> {
  await rm(fileIn(home), { force: true });
}

async function readKept(file: string): Promise<string | undefined> {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function fileIn(home: Home): string {
  return path.join(home.identityDir, 'recovery-key.next');
}

function presentIn(home: Home): string {
  return path.join(home.identityDir, 'recovery-key.present');
}
