/** Package files in the cache, named by their digest. Each one is read and compared again at every use. */
import { copyFile, link, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, type Digest } from '../../crypto/digest.ts';
import type { LockedPackage } from '../../recipe/types.ts';
import { errnoOf, RefusedError } from '../../errors.ts';
import type { Lists } from './apt.ts';
import type { OfferedPackage } from './archive.ts';
import { temporaryPath, unlessMissing, writeAtomically } from './atomic-file.ts';
import { digestFile, digestMismatch } from './digest-file.ts';
import { MAX_DEB_BYTES } from './limits.ts';
import type { MediaProof, OnProgress, VerifiedFile } from './types.ts';
import { verifiedFile } from './verified.ts';

export interface DebOptions {
  readonly cacheDir: string;
  readonly lists: Lists;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * The .deb files of `packages`, in the same order, each one with the digest that the signed index has. What is not in the
 * cache is downloaded. Throws `media/digest-mismatch`, also for a file in the cache that was changed.
 */
export async function fetchDebs(packages: readonly OfferedPackage[], options: DebOptions): Promise<VerifiedFile[]> {
  const missing: OfferedPackage[] = [];
  for (const offered of packages) {
    if (offered.sizeBytes > MAX_DEB_BYTES) throw tooLarge(offered);
    if (!(await stat(debPath(options.cacheDir, offered.sha256)).catch(unlessMissing))) missing.push(offered);
  }
  // The same file may be wanted twice, by two media.
  const wanted = [...new Map(missing.map((offered) => [offered.sha256, offered])).values()];
  if (wanted.length > 0) await download(wanted, options);
  const files: VerifiedFile[] = [];
  for (const offered of packages)
    files.push(await verifyDeb(offered, debPath(options.cacheDir, offered.sha256), options));
  return files;
}

export function debPath(cacheDir: string, sha256: Digest): string {
  return join(cacheDir, 'debs', `${digestHex(sha256)}.deb`);
}

export function lockedPackage(offered: OfferedPackage): LockedPackage {
  const { name, version, architecture, sha256, sizeBytes, voucher } = offered;
  return { package: name, version, architecture, sha256: digestHex(sha256), sizeBytes, signedBy: voucher.fingerprint };
}

export function archiveProof(offered: OfferedPackage): MediaProof {
  const { fingerprint, suite, release, releaseDate, verifiedAt } = offered.voucher;
  return {
    scheme: 'debian-archive',
    fingerprint,
    suite,
    release,
    releaseDate: releaseDate.toISOString(),
    verifiedAt: verifiedAt.toISOString(),
    package: lockedPackage(offered),
  };
}

async function download(wanted: readonly OfferedPackage[], options: DebOptions): Promise<void> {
  const directory = temporaryPath(options.cacheDir, 'download');
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    // Each is placed as it comes: who stops here goes on with the next one.
    for await (const [offered, path] of options.lists.download(wanted, directory)) {
      await verifyDeb(offered, path, options);
      await writeAtomically(debPath(options.cacheDir, offered.sha256), (temporary) => linkOrCopy(path, temporary));
    }
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function verifyDeb(offered: OfferedPackage, path: string, options: DebOptions): Promise<VerifiedFile> {
  const what = `package ${offered.name} ${offered.version}`;
  const found = await digestFile(path, {
    signal: options.signal,
    onBytes: (done) => options.onProgress?.({ what: `checking ${offered.name}`, done, total: offered.sizeBytes }),
  });
  if (found.sha256 !== offered.sha256) throw digestMismatch(what, path, offered.sha256, found.sha256);
  return verifiedFile({ path, ...found, proof: archiveProof(offered) });
}

async function linkOrCopy(from: string, to: string): Promise<void> {
  try {
    await link(from, to);
  } catch (error) {
    if (errnoOf(error) !== 'EPERM' && errnoOf(error) !== 'EXDEV') throw error;
    await copyFile(from, to);
  }
}

function tooLarge(offered: OfferedPackage): RefusedError {
  return new RefusedError(
    'media/package-too-large',
    `The package ${offered.name} has ${offered.sizeBytes} bytes, at most ${MAX_DEB_BYTES} are taken.`,
    {
      facts: { package: offered.name, sizeBytes: offered.sizeBytes },
    },
  );
}
