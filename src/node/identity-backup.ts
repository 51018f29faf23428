/**
 * A copy of an identity to keep elsewhere: the keys as they are at rest (locked, if they are), the public recovery half,
 * and the policy and config by which a new machine finds the peers who hold the feed. docs/identity.md is the format.
 */
import { readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, UsageError } from '../errors.ts';
import { writeFileAtomic } from './atomic.ts';
import type { Home } from './home.ts';
import { loadIdentity, requireNone, type Identity } from './identity-files.ts';
import { isThere } from './is-there.ts';
import { markUnsure } from './outbox.ts';
import { ownJson } from './own-json.ts';

export const BACKUP_VERSION = 1;

interface Backup {
  readonly kind: 'portalgun identity';
  readonly version: number;
  readonly createdAt: string;
  readonly author: string;
  /** The files of the identity folder, as they are. */
  readonly seed: string;
  readonly recovery: string;
  readonly policy: string | null;
  readonly config: string | null;
}

/** Writes the copy, for its owner alone, where no file is yet. Rejects with `key/file-exists`. */
export async function backUp(home: Home, file: string, now: Date): Promise<{ identity: Identity }> {
  const identity = await loadIdentity(home);
  const backup: Backup = {
    kind: 'portalgun identity',
    version: BACKUP_VERSION,
    createdAt: now.toISOString(),
    author: identity.author,
    seed: await readFile(path.join(home.identityDir, 'seed'), 'utf8'),
    recovery: await readFile(path.join(home.identityDir, 'recovery.pub'), 'utf8'),
    policy: await textOf(home.policyFile),
    config: await textOf(configFile(home)),
  };
  if (await isThere(file)) {
    throw new UsageError('key/file-exists', `${file} is there already; a backup replaces nothing.`, {
      hint: 'Name another file, or remove that one first.',
    });
  }
  await writeFileAtomic(file, `${JSON.stringify(backup, null, 2)}\n`);
  return { identity };
}

/**
 * Puts an identity into a home that has none. What is there of policy and config stays. Until a peer has said how far the
 * feed is, this home signs nothing. Rejects with `identity/exists`, `key/not-a-backup`, and as `loadIdentity` does.
 */
export async function restore(home: Home, file: string): Promise<Identity> {
  await requireNone(home);
  const backup = parse(file, await textOf(file));
  // First of all, so that no home ever has the key without knowing that it may be behind.
  await markUnsure(home);
  const files = [path.join(home.identityDir, 'recovery.pub'), path.join(home.identityDir, 'seed')] as const;
  try {
    await writeFileAtomic(files[0], backup.recovery);
    await writeFileAtomic(files[1], backup.seed);
    const identity = await loadIdentity(home);
    if (identity.author !== backup.author) throw notABackup(file, 'its key is not that of its author');
    if (backup.policy !== null && !(await isThere(home.policyFile)))
      await writeFileAtomic(home.policyFile, backup.policy);
    if (backup.config !== null && !(await isThere(configFile(home)))) {
      await writeFileAtomic(configFile(home), backup.config);
    }
    return identity;
  } catch (error) {
    for (const written of files) await rm(written, { force: true });
    throw error;
  }
}

function parse(file: string, text: string | null): Backup {
  if (text === null) throw notABackup(file, 'there is no such file');
  let value: Partial<Record<keyof Backup, unknown>>;
  try {
    value = ownJson(text);
  } catch (cause) {
    throw notABackup(file, 'it is no JSON', cause);
  }
  const { kind, version, author, seed, recovery, policy, config, createdAt } = value;
  if (kind !== 'portalgun identity') throw notABackup(file, 'it is something else');
  if (version !== BACKUP_VERSION)
    throw notABackup(file, `it has the version ${String(version)}, not ${BACKUP_VERSION}`);
  const texts = [author, seed, recovery, createdAt].every((one) => typeof one === 'string');
  const optional = [policy, config].every((one) => one === null || typeof one === 'string');
  if (!texts || !optional) throw notABackup(file, 'it lacks a part');
  return value as Backup;
}

function notABackup(file: string, what: string, cause?: unknown): UsageError {
  return new UsageError('key/not-a-backup', `${file} is no backup of an identity: ${what}.`, {
    hint: 'Make one with: portalgun key backup FILE',
    cause,
  });
}

function configFile(home: Home): string {
  return path.join(home.config, 'config.yaml');
}

async function textOf(file: string): Promise<string | null> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  }
}
