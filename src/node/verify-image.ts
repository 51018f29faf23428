/**
 * Whether an image is what it was: its files, what is kept of its build, and what was signed of it. Nothing is asked of
 * anybody. One changed bit is found and named, whichever of them it is in.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256, type Digest } from '../crypto/digest.ts';
import { errnoOf } from '../errors.ts';
import { verifyImage, type StoredImage } from '../workshop/image/index.ts';
import type { BuildRecord } from './build-records.ts';
import { connect } from './connect.ts';
import type { Home } from './home.ts';
import { hasIdentity } from './identity-files.ts';
import { buildOfImage, otherThanBuilt } from './image-build.ts';
import type { OwnAttestation } from './operations/export.ts';
import { readImage } from './read-image.ts';

export interface VerifiedImage {
  readonly image: StoredImage;
  /** Id of the build, where it is kept. */
  readonly build: string | null;
  /** The record that was published of it. */
  readonly attestation: Digest | null;
  /** The disk was measured again. */
  readonly measured: boolean;
}

export interface VerifyOptions {
  /** Read the disk once more with the measuring VM, which takes a while. */
  readonly measure: boolean;
  readonly onProgress?: (what: string) => void;
  readonly signal: AbortSignal;
}

/** Rejects with `image/unknown`, or with exit code 3 naming what is another one. */
export async function verifyStoredImage(
  home: Home,
  id: string,
  { measure, onProgress, signal }: VerifyOptions,
): Promise<VerifiedImage> {
  const image = await verifyImage(home.imagesDir, id, {
    signal,
    onProgress: (file) => onProgress?.(`hashing ${file}`),
  });
  const build = await buildOfImage(home, image);
  if (build !== undefined) {
    await checkFile(home, image, build, 'manifest.txt', image.manifest);
    if (build.lockFile !== undefined) await checkFile(home, image, build, 'lock.yaml', build.lockFile);
  }
  const attestation = build === undefined ? null : await signedOf(home, build, signal);
  if (measure) {
    onProgress?.('measuring the disk again');
    await readImage(home, image, { tap: () => undefined, as: 'verify' }, signal);
  }
  return { image, build: build?.id ?? null, attestation, measured: measure };
}

async function checkFile(
  home: Home,
  image: StoredImage,
  build: BuildRecord,
  file: string,
  stated: Digest,
): Promise<void> {
  try {
    if (sha256(await readFile(path.join(home.buildsDir, build.id, file))) === stated) return;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  throw otherThanBuilt(image, file);
}

/** What this home has signed of the build. Without an identity it has signed nothing. */
async function signedOf(home: Home, build: BuildRecord, signal: AbortSignal): Promise<Digest | null> {
  if (build.published?.['attestation'] === undefined || !(await hasIdentity(home))) return null;
  const own = await (await connect(home)).call<OwnAttestation>('attestation.check', { build: build.id }, signal);
  return own.record;
}
