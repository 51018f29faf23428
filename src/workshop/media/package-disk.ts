/**
 * The disk that brings a guest its packages: `pool/NAME.deb` and the recipe's inline files, read-only, without a network.
 *
 * Its bytes follow from its verified files alone. A disk that is in the cache is therefore checked by making it again
 * without writing it, and comparing the two.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestOf } from '../../crypto/canonical.ts';
import { digestHex, sha256, type Digest } from '../../crypto/digest.ts';
import { InterruptedError, UsageError } from '../../errors.ts';
import { unlessMissing, writeAtomically } from './atomic-file.ts';
import { digestFile, digestMismatch } from './digest-file.ts';
import { fatImage, type FatFile } from './fat.ts';
import { MAX_INLINE_FILE_BYTES } from './limits.ts';
import type { OnProgress, VerifiedFile } from './types.ts';
import { readVerified } from './unpack.ts';

export interface PackageDiskOptions {
  /** Name of the medium in the recipe. */
  readonly name: string;
  readonly debs: readonly VerifiedFile[];
  /** Inline files by name. */
  readonly files: Readonly<Record<string, string>>;
  /** Seconds since 1970 that every file on the disk carries. */
  readonly epochSeconds: number;
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** Raise it with every change of the bytes that the same files give. */
const DISK_FORMAT = 1;
const LABEL = 'PORTALGUN';
const VOLUME_ID = 0x706f7274;

/** Path and digest of the raw image. Throws `media/digest-mismatch` when the one in the cache was changed. */
export async function packageDisk(options: PackageDiskOptions): Promise<{ path: string; sha256: Digest }> {
  const files = [...debFiles(options.debs), ...inlineFiles(options.files)];
  const key = digestOf({
    format: DISK_FORMAT,
    epoch: options.epochSeconds,
    files: {
      ...Object.fromEntries(options.debs.map((deb) => [poolPath(deb), deb.sha256])),
      ...Object.fromEntries(Object.entries(options.files).map(([name, text]) => [name, sha256(text)])),
    },
  });
  const path = join(options.cacheDir, 'disks', `${digestHex(key)}.img`);
  const what = `disk ${options.name}`;
  const total = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const hash = createHash('sha256');
  async function* image(): AsyncGenerator<Uint8Array> {
    let done = 0;
    for await (const chunk of fatImage(files, {
      label: LABEL,
      volumeId: VOLUME_ID,
      epochSeconds: options.epochSeconds,
    })) {
      if (options.signal?.aborted) throw new InterruptedError();
      hash.update(chunk);
      done += chunk.length;
      options.onProgress?.({ what, done: Math.min(done, total), total });
      yield chunk;
    }
  }
  const exists = await stat(path).catch(unlessMissing);
  if (!exists) {
    await writeAtomically(path, (temporary) => pipeline(image(), createWriteStream(temporary, { mode: 0o600 })));
    return { path, sha256: `sha256:${hash.digest('hex')}` };
  }
  for await (const chunk of image()) void chunk;
  const expected: Digest = `sha256:${hash.digest('hex')}`;
  const found = await digestFile(path, { signal: options.signal });
  if (found.sha256 !== expected) throw digestMismatch(what, path, expected, found.sha256);
  return { path, sha256: expected };
}

function debFiles(debs: readonly VerifiedFile[]): FatFile[] {
  return debs.map((deb) => ({
    path: poolPath(deb),
    sizeBytes: deb.sizeBytes,
    content: () => readVerified(deb, poolPath(deb)),
  }));
}

/** Without the version, so that a recipe can type it. A closure has one version of each package. */
function poolPath(deb: VerifiedFile): string {
  if (deb.proof.scheme !== 'debian-archive') throw new TypeError('only packages go into the pool');
  return `pool/${deb.proof.package.package}.deb`;
}

function inlineFiles(files: Readonly<Record<string, string>>): FatFile[] {
  return Object.entries(files).map(([name, text]) => {
    const bytes = Buffer.from(text, 'utf8');
    if (bytes.length > MAX_INLINE_FILE_BYTES) {
      throw new UsageError(
        'media/inline-file-too-large',
        `The inline file ${name} has ${bytes.length} bytes, at most ${MAX_INLINE_FILE_BYTES} are taken.`,
        {
          facts: { file: name, sizeBytes: bytes.length, limitBytes: MAX_INLINE_FILE_BYTES },
        },
      );
    }
    if (name.includes('/'))
      throw new UsageError('media/disk-file-name', `The inline file ${name} would lie in a folder; it must not.`);
    return { path: name, sizeBytes: bytes.length, content: () => [bytes] };
  });
}
