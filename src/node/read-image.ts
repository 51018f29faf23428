/** Reads a stored image again, through the measuring VM: every byte of it, and that it still is what its manifest says. */
import path from 'node:path';
import { RefusedError, UnavailableError, UsageError } from '../errors.ts';
import type { NormaliseRule } from '../recipe/types.ts';
import {
  compileRules,
  diffManifests,
  imageFolder,
  measureDisk,
  measureDisks,
  measuredDiskOf,
  prepareMeasuringTools,
  readImageManifest,
  type ContentTap,
  type Manifest,
  type ManifestDifference,
  type MeasuredDisk,
  type MeasureOptions,
  type MeasureProgress,
  type StoredImage,
  type TreeCopy,
} from '../workshop/image/index.ts';
import { acceleratorCandidates, hostBootId, probeAccelerator, startMachine } from '../workshop/machine/index.ts';
import { listBuilds, makerIn } from './build-records.ts';
import type { Home } from './home.ts';
import { mediaSources } from './media-sources.ts';

export interface ImageReading {
  /** Given the content of the entries that it asks for. */
  readonly tap: ContentTap;
  /** Name of a folder for the VM's sockets; two readings at one time need two. */
  readonly as: string;
}

/** Rejects with `image/altered`, naming what differs, where the image is not any more what its manifest says. */
export async function readImage(
  home: Home,
  image: StoredImage,
  { tap, as }: ImageReading,
  signal: AbortSignal,
): Promise<void> {
  await readImages(home, [{ image, tap }], as, signal);
}

/** Several in one VM, one after another, each as `readImage` does. */
export async function readImages(
  home: Home,
  readings: readonly { readonly image: StoredImage; readonly tap: ContentTap }[],
  as: string,
  signal: AbortSignal,
): Promise<void> {
  const disks: (MeasuredDisk & { readonly image: StoredImage; readonly kept: Manifest })[] = [];
  for (const { image, tap } of readings) {
    const kept = await readImageManifest(home.imagesDir, image);
    disks.push({ ...diskOf(home, image), normalise: await rulesOf(home, image, kept), tap, image, kept });
  }
  const measured = await measureDisks({ ...(await measuring(home, as, signal)), normalise: [], disks });
  for (const [index, found] of measured.entries()) {
    const { image, kept } = disks[index] ?? {};
    if (image === undefined || kept === undefined || found.digest === kept.digest) continue;
    throw altered(image, found, diffManifests(kept, found));
  }
}

export interface ImageMeasuring extends Partial<ImageReading> {
  readonly as: string;
  readonly normalise: readonly NormaliseRule[];
  readonly copy?: TreeCopy;
  readonly onProgress?: (progress: MeasureProgress) => void;
}

/** What it is under these rules, whatever it was measured under. */
export async function measureImage(
  home: Home,
  image: StoredImage,
  { normalise, as, tap, copy, onProgress }: ImageMeasuring,
  signal: AbortSignal,
): Promise<Manifest> {
  const { path: diskPath, format } = diskOf(home, image);
  return measureDisk({
    ...(await measuring(home, as, signal)),
    diskPath,
    format,
    normalise,
    tap,
    copy,
    ...(onProgress && { onProgress }),
  });
}

function diskOf(home: Home, image: StoredImage): MeasuredDisk {
  const { file, format } = measuredDiskOf(image);
  return { path: path.join(imageFolder(home.imagesDir, image.id), file), format };
}

/** What every measuring on this host is done with. */
async function measuring(
  home: Home,
  as: string,
  signal: AbortSignal,
): Promise<Pick<MeasureOptions, 'tools' | 'startMachine' | 'runtimeDir' | 'accelerator' | 'signal'>> {
  return {
    tools: await prepareMeasuringTools({
      ...(await mediaSources(home)),
      cacheDir: home.cacheDir,
      clock: () => new Date(),
      signal,
    }),
    startMachine,
    runtimeDir: path.join(home.runtime, as),
    accelerator: await acceleratorFor(home, signal),
    signal,
  };
}

/** Of these differences the message names the first; a person who must find out what happened wants some more. */
const ALTERED_NAMED = 20;

export function altered(
  { id, manifest }: StoredImage,
  found: Manifest,
  differences: readonly ManifestDifference[],
): RefusedError {
  const [first, ...more] = differences.map(({ path }) => path);
  const where = first === undefined ? '' : `: ${first}${more.length === 0 ? '' : `, and ${more.length} more`}`;
  return new RefusedError('image/altered', `the image ${id} is not what its manifest says${where}`, {
    hint: 'do not use this image: build it again, and find out what changed it',
    facts: {
      id,
      expected: manifest,
      found: found.digest,
      paths: differences.slice(0, ALTERED_NAMED).map(({ path }) => path),
    },
  });
}

/**
 * Those that it was measured under. Rejects with `possession/no-rules`, `build/damaged`, or with `image/other-rules` where they
 * are rules of ours that have another version now: what they did then cannot be done again.
 */
export async function rulesOf(
  home: Home,
  image: StoredImage,
  { normaliser }: Pick<Manifest, 'normaliser'>,
): Promise<readonly NormaliseRule[]> {
  const rules = makerIn(await listBuilds(home), image.id)?.normalise;
  if (rules !== undefined && compileRules(rules).digest === normaliser) return rules;
  if (rules !== undefined) {
    throw new UnavailableError(
      'image/other-rules',
      `the image ${image.id} was measured under other versions of its normaliser rules than this portalgun has`,
      { hint: 'Build it again: then it is measured under those of today.', facts: { image: image.id, normaliser } },
    );
  }
  throw new UsageError(
    'possession/no-rules',
    `it is not kept here under which rules the image ${image.id} was measured`,
    {
      hint: 'Build it again: then they are kept with the build.',
    },
  );
}

async function acceleratorFor(home: Home, signal: AbortSignal) {
  const { accelerator } = await probeAccelerator({
    cacheFile: path.join(home.cacheDir, 'accelerator.json'),
    bootId: await hostBootId(),
    candidates: await acceleratorCandidates(),
    signal,
  });
  return accelerator;
}
