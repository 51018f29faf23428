/**
 * A Debian archive, verified by us: InRelease by the keys of keys/, each index by the digest in InRelease. A package that
 * comes out of here carries the digest that Debian signed for.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Digest } from '../../crypto/digest.ts';
import { RefusedError, UnavailableError } from '../../errors.ts';
import type { Lists } from './apt.ts';
import { unlessMissing } from './atomic-file.ts';
import { verifyCleartext, type SignedText } from './cleartext.ts';
import { digestMismatch } from './digest-file.ts';
import { keepEvidence } from './evidence.ts';
import type { HighWaterMarks } from './high-water.ts';
import type { Keyring, TrustedKey } from './keyring.ts';
import { MAX_INDEX_BYTES } from './limits.ts';
import { packagesIndex, type PackagesIndex, type PackageStanza } from './packages-index.ts';
import { checkFreshness, parseRelease, type Release } from './release.ts';

/** What vouches for a package: kept with the build. */
export interface Voucher {
  /** Primary key that signed InRelease, upper-case hex. */
  readonly fingerprint: string;
  /** Codename of the suite: `bookworm-security`. */
  readonly suite: string;
  readonly releaseDate: Date;
  /** SHA-256 of the InRelease file, kept in the cache under `releases/`. */
  readonly release: Digest;
  readonly verifiedAt: Date;
}

export interface OfferedPackage extends PackageStanza {
  readonly voucher: Voucher;
  /** Where it is, in an archive by its address. */
  readonly address?: string | undefined;
}

export interface VerifiedArchive {
  /** From all suites, in the order of the machine's sources. */
  byName(name: string): readonly OfferedPackage[];
  providersOf(name: string): readonly OfferedPackage[];
  readonly warnings: readonly string[];
}

export interface ArchiveOptions {
  readonly lists: Lists;
  readonly keyring: Keyring;
  readonly marks: HighWaterMarks;
  readonly cacheDir: string;
  readonly now: Date;
  /** True with a lock: exact versions are asked for, so a Release that has run out still vouches for them. */
  readonly pinned: boolean;
}

export interface VerifiedRelease {
  readonly release: Release;
  readonly warnings: readonly string[];
  readonly voucher: Voucher;
}

interface VerifiedSuite {
  readonly index: PackagesIndex;
  readonly voucher: Voucher;
  readonly base: string | undefined;
}

/** Throws a `RefusedError` for the first thing that does not hold, `media/no-verified-source` when nothing is left. */
export async function openArchive(options: ArchiveOptions): Promise<VerifiedArchive> {
  const suites: VerifiedSuite[] = [];
  const warnings: string[] = [];
  const releases = new Map<string, VerifiedRelease | undefined>();
  for (const listed of options.lists.indexes) {
    const { inReleasePath, suite, metaKey, base } = listed;
    // Once for all components of a suite.
    if (!releases.has(inReleasePath)) {
      releases.set(inReleasePath, await releaseAt(inReleasePath, suite, options, warnings));
    }
    const release = releases.get(inReleasePath);
    // apt, too, takes nothing from backports or experimental unless told to.
    if (!release || release.release.notAutomatic) continue;
    const what = `${metaKey} of ${suite}`;
    const text = await readIndex(listed, what, release.release, options.lists);
    suites.push({ index: packagesIndex(text, what), voucher: release.voucher, base });
  }
  if (suites.length === 0) {
    throw new UnavailableError(
      'media/no-verified-source',
      'This machine has no package lists that a key of keys/ vouches for.',
      {
        hint: warnings[0] ?? 'run `sudo apt-get update` on a Debian machine, then try again',
        facts: { warnings },
      },
    );
  }
  const from = (look: (index: PackagesIndex) => readonly PackageStanza[]): OfferedPackage[] =>
    suites.flatMap(({ index, voucher, base }) =>
      look(index).map((stanza) => ({
        ...stanza,
        voucher,
        ...(base !== undefined && { address: addressOf(base, stanza) }),
      })),
    );
  return {
    byName: (name) => from((index) => index.byName(name)),
    providersOf: (name) => from((index) => index.providersOf(name)),
    warnings,
  };
}

function addressOf(base: string, { filename }: PackageStanza): string {
  return `${base}/${filename.split('/').map(encodeURIComponent).join('/')}`;
}

async function releaseAt(
  path: string,
  asked: string,
  options: ArchiveOptions,
  warnings: string[],
): Promise<VerifiedRelease | undefined> {
  const bytes = await readFile(path).catch(unlessMissing);
  if (!bytes) {
    warnings.push(`The package source ${asked} has no InRelease file here and is left out.`);
    return undefined;
  }
  const found = await verifyRelease(bytes, asked, options);
  if (found) warnings.push(...found.warnings);
  else warnings.push(`The package source ${asked} is left out: no key of keys/ vouches for it.`);
  return found;
}

/** Undefined for a source that none of our keys claims to know, such as a vendor's own: nothing is taken from it. */
export async function verifyRelease(
  bytes: Uint8Array,
  asked: string,
  { keyring, marks, now, cacheDir, pinned }: Omit<ArchiveOptions, 'lists'>,
): Promise<VerifiedRelease | undefined> {
  const what = `InRelease of ${asked}`;
  let signed: SignedText<TrustedKey>;
  try {
    signed = await verifyCleartext(bytes, keyring, now, what);
  } catch (error) {
    // Unverified text, used only to tell "not ours" from "ours, but false".
    const claimed = /^Origin: (.*)$/m.exec(Buffer.from(bytes).toString('latin1'))?.[1];
    const known = keyring.keys.some(({ origin }) => origin === claimed);
    if (known || !(error instanceof RefusedError) || error.code !== 'media/unknown-key') throw error;
    return undefined;
  }
  const release = parseRelease(signed.text, what);
  const signer = signed.signers.find(({ key }) => key.origin === release.origin);
  if (!signer) {
    throw new RefusedError(
      'media/wrong-origin',
      `${what} says that it is of "${release.origin}", for which its key does not vouch.`,
      {
        facts: { what, origin: release.origin },
      },
    );
  }
  // A mirror that answers with another suite's (well signed) file.
  const folder = asked.replace(/\/$/, '');
  if (release.codename !== folder && release.suite !== folder) {
    throw new RefusedError('media/wrong-suite', `${what} is that of ${release.codename} (${release.suite}).`, {
      hint: 'the mirror is set up wrongly or lies: try another one',
      facts: { asked, codename: release.codename, suite: release.suite },
    });
  }
  const newestAccepted = await marks.newest(release);
  const warnings = [...signed.warnings, ...checkFreshness({ release, what, now, newestAccepted, pinned })];
  await marks.raise(release);
  const digest = await keepEvidence(cacheDir, bytes, 'InRelease');
  return {
    release,
    warnings,
    voucher: {
      fingerprint: signer.key.fingerprint,
      suite: release.codename,
      releaseDate: release.date,
      release: digest,
      verifiedAt: now,
    },
  };
}

/** Unpacks and checks in one pass; stops as soon as there is more than the Release file says. */
async function readIndex(
  { path, metaKey, base }: Pick<Lists['indexes'][number], 'path' | 'metaKey' | 'base'>,
  what: string,
  release: Release,
  lists: Lists,
): Promise<string> {
  const listed = release.files.get(metaKey);
  if (!listed)
    throw new RefusedError('media/index-not-listed', `The signed Release file does not list ${what}.`, {
      facts: { what },
    });
  checkIndexSize(what, listed.sizeBytes);
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of lists.content(path)) {
    size += chunk.length;
    hash.update(chunk);
    if (size > listed.sizeBytes) break;
    chunks.push(chunk);
  }
  const found: Digest = `sha256:${hash.digest('hex')}`;
  // Of apt's the folder only: the file has the name of the mirror in it.
  const place = base === undefined ? dirname(path) : path;
  if (found !== listed.sha256) throw digestMismatch(what, place, listed.sha256, found);
  return Buffer.concat(chunks).toString('latin1');
}

/** An index is held in memory: by its signed size it is refused before a byte of it is read or fetched. */
export function checkIndexSize(what: string, sizeBytes: number): void {
  if (sizeBytes <= MAX_INDEX_BYTES) return;
  throw new RefusedError(
    'media/index-too-large',
    `${what} has ${sizeBytes} bytes, at most ${MAX_INDEX_BYTES} are read.`,
    {
      facts: { what, sizeBytes, limitBytes: MAX_INDEX_BYTES },
    },
  );
}
