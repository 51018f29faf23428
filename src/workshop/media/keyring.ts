/** The developers' keys: `manifest.yaml` and the files that it names, compared with each other. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'yaml';
import { RefusedError, UnavailableError } from '../../errors.ts';
import { unlessMissing } from './atomic-file.ts';
import { MAX_KEY_BYTES } from './limits.ts';
import type { OpenPgpKey } from './openpgp-judge.ts';
import { readNumberedKey, type NumberedKey } from './signify.ts';

/** A key of a package archive. `origin` is what a file that it signs must say of itself. */
export interface TrustedKey extends OpenPgpKey {
  readonly origin: string;
  /** File name in the keys folder. */
  readonly file: string;
}

/** A key of install media, by the name that a recipe's `signed_by` says. Several keys may have one name. */
export type MediaKey = (({ readonly kind: 'openpgp' } & OpenPgpKey) | NumberedKey) & {
  readonly name: string;
  readonly file: string;
};

/** The keys that verification may use, and no others. */
export interface Keyring {
  /** Of package archives. */
  readonly keys: readonly TrustedKey[];
  readonly media: readonly MediaKey[];
}

export interface ManifestKey {
  readonly file: string;
  readonly kind: MediaKey['kind'];
  readonly fingerprint: string;
  readonly owner: string;
  /** At least one of the two: what the key may vouch for. */
  readonly origin?: string | undefined;
  readonly name?: string | undefined;
  /** The day on which it was added: `2026-11-27`. */
  readonly since?: string | undefined;
}

const FILE_NAME = /^[a-z0-9][a-z0-9.+-]{0,120}\.(?:asc|pub)$/;
const FINGERPRINT = /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/;
export const KEY_NAME = /^[a-z][a-z0-9.-]{0,63}$/;
export const MANIFEST = 'manifest.yaml';

/**
 * Reads every key that the manifest lists. Throws `media/keyring-missing` without a manifest, and
 * `media/keyring-mismatch` when a file holds anything but exactly the key that the manifest says.
 *
 * `ownKeysDir`: a folder of the person's own keys, of the same form, which may be missing. No key of it can have the name
 * or the origin of one that comes with portalgun: what those stand for is not changed by adding a key.
 */
export async function loadKeyring(keysDir: string, ownKeysDir?: string): Promise<Keyring> {
  const keyring = await loadFolder(keysDir);
  if (!keyring) {
    throw new UnavailableError('media/keyring-missing', `There is no key manifest at ${join(keysDir, MANIFEST)}.`, {
      hint: 'the folder keys/ belongs to portalgun: install it again',
    });
  }
  const own = ownKeysDir === undefined ? undefined : await loadFolder(ownKeysDir);
  if (!own || ownKeysDir === undefined) return keyring;
  const taken =
    own.keys.find(({ origin }) => keyring.keys.some((key) => key.origin === origin))?.file ??
    own.media.find(({ name }) => keyring.media.some((key) => key.name === name))?.file;
  if (taken !== undefined)
    throw mismatch(ownKeysDir, `${join(ownKeysDir, taken)} is for what keys that come with portalgun vouch for.`);
  return { keys: [...keyring.keys, ...own.keys], media: [...keyring.media, ...own.media] };
}

async function loadFolder(folder: string): Promise<Keyring | undefined> {
  const manifest = await readManifest(folder);
  if (!manifest) return undefined;
  const keys: TrustedKey[] = [];
  const media: MediaKey[] = [];
  for (const entry of manifest) {
    const { file, name, origin } = entry;
    const key = await loadKey(join(folder, file), entry);
    if (origin !== undefined && key.kind === 'openpgp') keys.push({ ...key, origin, file });
    if (name !== undefined) media.push({ ...key, name, file });
  }
  return { keys, media };
}

/** Undefined where the folder has no manifest. Throws `media/keyring-mismatch` for one that cannot be used. */
export async function readManifest(folder: string): Promise<ManifestKey[] | undefined> {
  const path = join(folder, MANIFEST);
  const text = await readFile(path, 'utf8').catch(unlessMissing);
  return text === undefined ? undefined : parseManifest(text, path);
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
    const { file, fingerprint, owner, origin, name, since, kind = 'openpgp' } = entry;
    if (typeof file !== 'string' || !FILE_NAME.test(file)) throw wrong(`key ${index + 1} has no plain file name`);
    if (typeof fingerprint !== 'string' || !FINGERPRINT.test(fingerprint)) throw wrong(`${file} has no fingerprint`);
    if (typeof owner !== 'string') throw wrong(`${file} has no owner`);
    if (kind !== 'openpgp' && kind !== 'signify' && kind !== 'minisign') throw wrong(`${file} is of no known kind`);
    if (origin !== undefined && (typeof origin !== 'string' || kind !== 'openpgp'))
      throw wrong(`${file} cannot have that origin`);
    if (name !== undefined && (typeof name !== 'string' || !KEY_NAME.test(name)))
      throw wrong(`${file} has no plain name`);
    if (origin === undefined && name === undefined)
      throw wrong(`${file} has neither origin nor name: it is for nothing`);
    if (since !== undefined && typeof since !== 'string') throw wrong(`${file} has no plain date`);
    return { file, kind, fingerprint, owner, origin, name, since };
  });
}

type LoadedKey = ({ readonly kind: 'openpgp' } & OpenPgpKey) | NumberedKey;

async function loadKey(path: string, { kind, fingerprint, owner }: ManifestKey): Promise<LoadedKey> {
  const key = await readKeyAt(path, kind);
  if (key.fingerprint !== fingerprint) {
    throw mismatch(
      path,
      `The key file ${path} holds the key ${key.fingerprint}, but the manifest says ${fingerprint}.`,
    );
  }
  return { ...key, owner };
}

async function readKeyAt(path: string, kind: MediaKey['kind']): Promise<LoadedKey> {
  try {
    const { size } = await stat(path);
    if (size > MAX_KEY_BYTES) throw new Error(`it has more than ${MAX_KEY_BYTES} bytes`);
    const { text: _, ...key } = await readKey(await readFile(path), kind);
    return key;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw mismatch(path, `The key file ${path} cannot be used: ${why}.`, cause);
  }
}

/** The one key in a file, whatever its fingerprint; `text` as it may be kept. Throws an Error that says what is wrong. */
export async function readKey(
  bytes: Uint8Array,
  kind: MediaKey['kind'],
): Promise<LoadedKey & { readonly text: string }> {
  if (kind !== 'openpgp') {
    const { comment, ...key } = readNumberedKey(bytes);
    return { kind, owner: comment, ...key, text: Buffer.from(bytes).toString('utf8') };
  }
  // Loaded when needed: a command that verifies nothing must not pay for it.
  const { readKeys } = await import('openpgp');
  const isBinary = ((bytes[0] ?? 0) & 0x80) !== 0;
  const keys = isBinary
    ? await readKeys({ binaryKeys: bytes })
    : await readKeys({ armoredKeys: Buffer.from(bytes).toString('utf8') });
  const [key, ...others] = keys;
  if (!key || others.length > 0) throw new Error(`it holds ${keys.length} keys instead of one`);
  if (key.isPrivate()) throw new Error('it holds a private key');
  const owner = key.getUserIDs()[0] ?? '';
  return { kind, fingerprint: key.getFingerprint().toUpperCase(), owner, key, text: key.armor() };
}

function mismatch(path: string, message: string, cause?: unknown): RefusedError {
  return new RefusedError('media/keyring-mismatch', message, {
    hint: 'keys/README.md says how to check the keys; restore the folder if you did not change it',
    facts: { path },
    cause,
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
