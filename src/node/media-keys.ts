/**
 * Keys of install media that a person has added to their home: `keys/` in the config folder, of the same form as the keys
 * that come with portalgun. A key is added by its fingerprint, which somebody has compared; never by its name alone.
 */
import { mkdir, readFile, rm, stat } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'yaml';
import { errnoOf, RefusedError, UsageError } from '../errors.ts';
import {
  KEY_NAME,
  loadKeyring,
  MANIFEST,
  readKey,
  readManifest,
  type ManifestKey,
  type MediaKey,
} from '../workshop/media/keyring.ts';
import { MAX_KEY_BYTES } from '../workshop/media/limits.ts';
import { writeFileAtomic } from './atomic.ts';
import type { Home } from './home.ts';
import { KEYS_FOLDER } from './keys-folder.ts';
import { ownKeysDir } from './media-sources.ts';

export interface MediaKeyCandidate {
  readonly kind: MediaKey['kind'];
  readonly fingerprint: string;
  /** What the key says of itself, which nobody has checked. */
  readonly owner: string;
  /** As it will be kept. */
  readonly text: string;
}

/** What is in a key file. Throws `media/key-unreadable`. */
export async function mediaKeyIn(file: string, kind: MediaKey['kind'] | undefined): Promise<MediaKeyCandidate> {
  const bytes = await readFileAtMost(file);
  const head = bytes.subarray(0, 64).toString('latin1');
  const guessed = head.startsWith('untrusted comment: minisign ')
    ? 'minisign'
    : head.startsWith('untrusted comment:')
      ? 'signify'
      : 'openpgp';
  try {
    return await readKey(bytes, kind ?? guessed);
  } catch (cause) {
    throw new UsageError(
      'media/key-unreadable',
      `${file} cannot be used as a key: ${cause instanceof Error ? cause.message : String(cause)}`,
      {
        hint: 'one public key a file: of OpenPGP, signify or minisign',
        cause,
      },
    );
  }
}

/** Throws `media/key-name-taken` where keys that come with portalgun have that name, and `media/bad-key-name`. */
export async function refuseTakenName(name: string): Promise<void> {
  if (!KEY_NAME.test(name)) {
    throw new UsageError('media/bad-key-name', `${JSON.stringify(name)} is no name for a key.`, {
      hint: 'lower-case letters, digits, dots and hyphens, beginning with a letter',
    });
  }
  const { media } = await loadKeyring(KEYS_FOLDER);
  if (!media.some((key) => key.name === name)) return;
  throw new UsageError(
    'media/key-name-taken',
    `Keys that come with portalgun are called ${name}: what that name stands for is not changed.`,
    {
      hint: 'choose another name, and write that into the recipe',
      facts: { name },
    },
  );
}

/** Adds the key, or does nothing where it is there under that name. */
export async function addMediaKey(home: Home, key: MediaKeyCandidate, name: string, now: Date): Promise<void> {
  await refuseTakenName(name);
  const folder = ownKeysDir(home);
  const file = `${name}-${key.fingerprint.slice(-16).toLowerCase()}.${key.kind === 'openpgp' ? 'asc' : 'pub'}`;
  const known = (await readManifest(folder)) ?? [];
  if (known.some((entry) => entry.name === name && entry.fingerprint === key.fingerprint)) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeFileAtomic(path.join(folder, file), key.text);
  const { kind, fingerprint, owner } = key;
  await writeManifest(folder, [
    ...known,
    { file, kind, fingerprint, owner, name, since: now.toISOString().slice(0, 10) },
  ]);
}

/** The entry that was removed, by name or fingerprint. Throws `media/key-unknown`, `media/key-ambiguous`. */
export async function removeMediaKey(home: Home, which: string): Promise<ManifestKey> {
  const folder = ownKeysDir(home);
  const known = (await readManifest(folder)) ?? [];
  const [found, ...others] = known.filter(
    ({ name, fingerprint }) => name === which || fingerprint === which.toUpperCase(),
  );
  if (!found) {
    throw new UsageError('media/key-unknown', `You have added no key called ${which}.`, {
      hint: 'portalgun media key list shows them by name and fingerprint',
    });
  }
  if (others.length > 0) {
    throw new UsageError('media/key-ambiguous', `Several keys are called ${which}: name one by its fingerprint.`, {
      facts: { fingerprints: [found, ...others].map(({ fingerprint }) => fingerprint) },
    });
  }
  await writeManifest(
    folder,
    known.filter((entry) => entry !== found),
  );
  await rm(path.join(folder, found.file), { force: true });
  return found;
}

export interface ListedMediaKey extends ManifestKey {
  /** Added by the person; otherwise it comes with portalgun. */
  readonly own: boolean;
}

/** All that may vouch for media, after comparing every key file with its manifest. */
export async function listMediaKeys(home: Home): Promise<readonly ListedMediaKey[]> {
  await loadKeyring(KEYS_FOLDER, ownKeysDir(home));
  const [shipped, own] = [await readManifest(KEYS_FOLDER), await readManifest(ownKeysDir(home))];
  return [
    ...(shipped ?? []).map((entry) => ({ ...entry, own: false })),
    ...(own ?? []).map((entry) => ({ ...entry, own: true })),
  ];
}

/** Throws `media/key-mismatch`. Blanks and case, as tools print fingerprints, do not count. */
export function checkFingerprint({ fingerprint }: MediaKeyCandidate, expected: string): void {
  if (expected.replaceAll(/\s/g, '').toUpperCase() === fingerprint) return;
  throw new RefusedError('media/key-mismatch', `The key in that file is ${fingerprint}, not ${expected}.`, {
    hint: 'one of the two is not what you think: ask for the fingerprint by another way than the file came',
    facts: { fingerprint, expected },
  });
}

async function readFileAtMost(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > MAX_KEY_BYTES)
      throw new UsageError('media/key-unreadable', `${file} has ${size} bytes, at most ${MAX_KEY_BYTES} are read.`);
    return await readFile(file);
  } catch (cause) {
    if (errnoOf(cause) === undefined) throw cause;
    throw new UsageError('media/key-unreadable', `${file} cannot be read (${errnoOf(cause)}).`, { cause });
  }
}

async function writeManifest(folder: string, keys: readonly ManifestKey[]): Promise<void> {
  const text = `# Keys of install media that were added here by hand. Written by \`portalgun media key\`.\n${stringify({ manifest: 1, keys })}`;
  await writeFileAtomic(path.join(folder, MANIFEST), text);
}
