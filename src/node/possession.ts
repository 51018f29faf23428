/** Digests contents of this home's images with a key: for a peer who challenges us, or to know what a peer should answer. */
import path from 'node:path';
import { keyedDigest, type ChallengeOf, type KeyedDigest } from '../crosscheck/index.ts';
import type { Digest } from '../crypto/digest.ts';
import { RefusedError, UsageError } from '../errors.ts';
import type { NormaliseRule } from '../recipe/types.ts';
import {
  imageFolder,
  listImages,
  measureDisk,
  prepareMeasuringTools,
  type StoredImage,
} from '../workshop/image/index.ts';
import { acceleratorCandidates, hostBootId, probeAccelerator, startMachine } from '../workshop/machine/index.ts';
import { listBuilds } from './build-records.ts';
import type { Home } from './home.ts';
import { KEYS_FOLDER } from './keys-folder.ts';

export interface Reading {
  readonly manifest: Digest;
  readonly paths: readonly string[];
  /** One answer is worked out for each: the same content, another key or answerer. */
  readonly challenges: readonly ChallengeOf[];
  /** Name of a folder for the VM's sockets; two readings at one time need two. */
  readonly as: string;
}

/**
 * Reads an image with that manifest once, through the measuring VM. Gives a list for each challenge, one digest a path;
 * undefined where no such image is here or it has no such entry. Rejects with `image/altered` where the image is not any more
 * what its manifest says.
 */
export async function readPossession(
  home: Home,
  { manifest, paths, challenges, as }: Reading,
  signal: AbortSignal,
): Promise<readonly (readonly Digest[])[] | undefined> {
  const { images } = await listImages(home.imagesDir);
  const image = images.find((one) => one.manifest === manifest);
  if (image === undefined) return undefined;
  const disk = image.disks.find(({ id }) => id === image.measuredDisk);
  if (disk === undefined) throw new TypeError('an image has the disk that was measured');
  const sinks = new Map(paths.map((name) => [name, challenges.map((challenge) => keyedDigest(challenge, name))]));
  const seen = new Set<string>();
  const measured = await measureDisk({
    tools: await prepareMeasuringTools({
      cacheDir: home.cacheDir,
      keysDir: KEYS_FOLDER,
      clock: () => new Date(),
      signal,
    }),
    diskPath: path.join(imageFolder(home.imagesDir, image.id), disk.file),
    format: disk.format,
    normalise: await rulesOf(home, image),
    startMachine,
    runtimeDir: path.join(home.runtime, as),
    accelerator: await acceleratorFor(home, signal),
    signal,
    tap: (name) => {
      const wanted = sinks.get(name);
      if (wanted === undefined) return undefined;
      seen.add(name);
      return { update: (bytes) => wanted.forEach((sink) => sink.update(bytes)) };
    },
  });
  if (measured.digest !== manifest) {
    throw new RefusedError('image/altered', `the image ${image.id} is not what its manifest says`, {
      hint: 'do not use this image: build it again, and find out what changed it',
      facts: { id: image.id, expected: manifest, found: measured.digest },
    });
  }
  if (paths.some((name) => !seen.has(name))) return undefined;
  return challenges.map((_, index) => paths.map((name) => at(sinks.get(name), index).digest()));
}

async function rulesOf(home: Home, image: StoredImage): Promise<readonly NormaliseRule[]> {
  const rules = (await listBuilds(home)).find((one) => one.image === image.id)?.normalise;
  if (rules !== undefined) return rules;
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

function at(sinks: readonly KeyedDigest[] | undefined, index: number): KeyedDigest {
  const sink = sinks?.[index];
  if (sink === undefined) throw new TypeError('a digest for each path and challenge');
  return sink;
}
