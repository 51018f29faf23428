/** The images of one home. Disks are read-only files; whoever runs one writes to an overlay. */
import { readdir, readFile, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Digest, sha256 } from '../../crypto/digest.ts';
import { InterruptedError, PortalgunError, RefusedError, UsageError } from '../../errors.ts';
import { draftImage, hashFile } from './image-draft.ts';
import { isImageId, parseImageJson } from './image-json.ts';
import type { ImageDisk, ImageFacts, StoredImage } from './image-types.ts';
import { parseManifest } from './manifest.ts';
import type { Manifest } from './types.ts';

/** Draft and commit in one. The measured disk is `measured.diskId`. */
export async function storeImage(options: {
  readonly imagesDir: string;
  readonly id: string;
  readonly disks: Parameters<typeof draftImage>[0]['disks'];
  readonly facts: ImageFacts;
  readonly measured: { readonly diskId: string; readonly manifest: Manifest };
  readonly signal?: AbortSignal;
}): Promise<StoredImage> {
  const draft = await draftImage(options);
  return draft.commit(options.facts, options.measured);
}

export interface ImageList {
  /** Newest first. */
  readonly images: readonly StoredImage[];
  /** Folders that hold no readable image, and why. */
  readonly unreadable: readonly { readonly id: string; readonly error: PortalgunError }[];
}

export async function listImages(imagesDir: string): Promise<ImageList> {
  const images: StoredImage[] = [];
  const unreadable: { id: string; error: PortalgunError }[] = [];
  for (const id of (await folders(imagesDir)).filter(isImageId)) {
    try {
      images.push(await showImage(imagesDir, id));
    } catch (error) {
      if (!(error instanceof PortalgunError)) throw error;
      unreadable.push({ id, error });
    }
  }
  images.sort((a, b) => (a.finishedAt < b.finishedAt ? 1 : a.finishedAt > b.finishedAt ? -1 : a.id < b.id ? -1 : 1));
  return { images, unreadable };
}

/** Rejects with `image/unknown`, `image/damaged` or `image/newer`. */
export async function showImage(imagesDir: string, id: string): Promise<StoredImage> {
  if (!isImageId(id)) throw unknown(id);
  const text = await readFile(join(imagesDir, id, 'image.json'), 'utf8').catch((error: unknown) => {
    throw isMissing(error) ? unknown(id) : error;
  });
  return parseImageJson(text, id);
}

export function imageFolder(imagesDir: string, id: string): string {
  return resolve(imagesDir, id);
}

/** The disk that its manifest describes. */
export function measuredDiskOf({ id, disks, measuredDisk }: StoredImage): ImageDisk {
  const disk = disks.find((one) => one.id === measuredDisk);
  if (disk === undefined) throw new TypeError(`the image ${id} has the disk that was measured`);
  return disk;
}

/** The manifest as it was stored. Rejects with `image/altered` where it is another one. */
export async function readImageManifest(imagesDir: string, image: StoredImage): Promise<Manifest> {
  const path = join(imagesDir, image.id, 'manifest.txt');
  const bytes = await readFile(path).catch((error: unknown) => {
    throw isMissing(error) ? alteredFile(image.id, 'manifest.txt', image.manifest, null) : error;
  });
  const found = sha256(bytes);
  if (found !== image.manifest) throw alteredFile(image.id, 'manifest.txt', image.manifest, found);
  return parseManifest(bytes);
}

/** Reads every byte of the image again. Rejects with `image/altered` naming the file, and what `showImage` does. */
export async function verifyImage(
  imagesDir: string,
  id: string,
  options: { readonly signal?: AbortSignal; readonly onProgress?: (file: string, sizeBytes: number) => void } = {},
): Promise<StoredImage> {
  const image = await showImage(imagesDir, id);
  await readImageManifest(imagesDir, image);
  for (const { file, sizeBytes, sha256 } of image.disks.flatMap((disk) => [
    disk,
    ...(disk.personal ? [disk.personal] : []),
  ])) {
    options.onProgress?.(file, sizeBytes);
    const found = await hashFile(join(imagesDir, id, file), options.signal).catch((error: unknown) => {
      if (options.signal?.aborted === true) throw new InterruptedError(undefined, { cause: error });
      throw isMissing(error) ? alteredFile(id, file, sha256, null) : error;
    });
    if (found !== sha256) throw alteredFile(id, file, sha256, found);
  }
  return image;
}

/** Removes an image and all that was kept of its runs. */
export async function removeImage(imagesDir: string, id: string): Promise<void> {
  if (!isImageId(id) || !(await folders(imagesDir)).includes(id)) throw unknown(id);
  await rm(join(imagesDir, id), { recursive: true, force: true });
}

async function folders(imagesDir: string): Promise<readonly string[]> {
  const found = await readdir(imagesDir, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return found
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort();
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT';
}

function unknown(id: string): UsageError {
  return new UsageError('image/unknown', `there is no image ${JSON.stringify(id)} in this home`, {
    hint: 'see which there are: portalgun images list',
    facts: { id },
  });
}

/** What is stored is not what was measured, or `found` is null and it is not there at all. */
export function alteredFile(id: string, file: string, expected: Digest, found: Digest | null): RefusedError {
  const what = found === null ? 'is missing' : 'is not what was stored';
  return new RefusedError('image/altered', `${file} of the image ${id} ${what}`, {
    hint: 'do not use this image: build it again, and find out what changed it',
    facts: { id, file, expected, found },
  });
}
