/** The developers' keys: `keys/manifest.yaml` and the files that it names, compared with each other. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PublicKey } from 'openpgp';
import { parse } from 'yaml';
import { RefusedError, UnavailableError } from '../../errors.ts';
import { MAX_KEY_BYTES } from './limits.ts';

/** One trusted key. `origin` is what a file that it signs must say of itself. */
export interface TrustedKey {
  /** Of the primary key, upper-case hex. */
  readonly fingerprint: string;
  readonly owner: string;
  readonly origin: string;
  /** File name in the keys folder. */
  readonly file: string;
  readonly key: PublicKey;
}

/** The keys that verification may use, and no others. */
export interface Keyring {
  readonly keys: readonly TrustedKey[];
}

interface ManifestKey {
  readonly file: string;
  readonly fingerprint: string;
  readonly owner: string;
  readonly origin: string;
}

const FILE_NAME = /^[a-z0-9][a-z0-9.+-]{0,120}\.asc$/;
const FINGERPRINT = /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/;

/**
 * Reads every key that the manifest lists. Throws `media/keyring-missing` without a manifest, and
 * `media/keyring-mismatch` when a file holds anything but exactly the key that the manifest says.
 */
export async function loadKeyring(keysDir: string): Promise<Keyring> {
  const manifestPath = join(keysDir, 'manifest.yaml');
  let text: string;
  try {
    text = await readFile(manifestPath, 'utf8');
  } catch (cause) {
    throw new UnavailableError('media/keyring-missing', `There is no key manifest at ${manifestPath}.`, {
      hint: 'the folder keys/ belongs to portalgun: install it again',
      cause,
    });
  }
  const keys: TrustedKey[] = [];
  for (const entry of parseManifest(text, manifestPath)) keys.push(await loadKey(keysDir, entry));
  return { keys };
}

function parseManifest(text: string, path: string): ManifestKey[] {
  const wrong = (why: string) => mismatch(path, `The key manifest ${path} cannot be used: ${why}.`);
  let document: unknown;
  try {
    document = parse(text, { maxAliasCount: 0, uniqueKeys: true });
  } catch (cause) {
    throw new RefusedError('media/keyring-mismatch', `The key manifest ${path} is not valid YAML.`, { cause });
  }
  if (!isRecord(document) || document['manifest'] !== 1) throw wrong('it is not of version 1');
  if (!Array.isArray(document['keys'])) throw wrong('it has no list of keys');
  return document['keys'].map((entry: unknown, index): ManifestKey => {
    if (!isRecord(entry)) throw wrong(`key ${index + 1} is not a mapping`);
    const { file, fingerprint, owner, origin } = entry;
    if (typeof file !== 'string' || !FILE_NAME.test(file)) throw wrong(`key ${index + 1} has no plain file name`);
    if (typeof fingerprint !== 'string' || !FINGERPRINT.test(fingerprint)) throw wrong(`${file} has no fingerprint`);
    if (typeof owner !== 'string' || typeof origin !== 'string') throw wrong(`${file} has no owner or no origin`);
    return { file, fingerprint, owner, origin };
  });
}

async function loadKey(keysDir: string, entry: ManifestKey): Promise<TrustedKey> {
  // Loaded when needed: a command that verifies nothing must not pay for it.
  const { readKeys } = await import('openpgp');
  const path = join(keysDir, entry.file);
  let keys: PublicKey[];
  try {
    if ((await stat(path)).size > MAX_KEY_BYTES) throw new Error(`larger than ${MAX_KEY_BYTES} bytes`);
    keys = await readKeys({ armoredKeys: await readFile(path, 'utf8') });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RefusedError('media/keyring-mismatch', `The key file ${path} cannot be read: ${why}.`, { cause });
  }
  const [key, ...others] = keys;
  if (!key || others.length > 0) throw mismatch(path, `The key file ${path} holds ${keys.length} keys instead of one.`);
  const found = key.getFingerprint().toUpperCase();
  if (found !== entry.fingerprint) {
    throw mismatch(path, `The key file ${path} holds the key ${found}, but the manifest says ${entry.fingerprint}.`);
  }
  if (key.isPrivate()) throw mismatch(path, `The key file ${path} holds a private key.`);
  return { ...entry, key };
}

function mismatch(path: string, message: string): RefusedError {
  return new RefusedError('media/keyring-mismatch', message, {
    hint: 'keys/README.md says how to check the keys; restore the folder if you did not change it',
    facts: { path },
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
