/** Digests contents of this home's images with a key: for a peer who challenges us, or to know what a peer should answer. */
import { keyedDigest, type ChallengeOf, type KeyedDigest } from '../crosscheck/index.ts';
import type { Digest } from '../crypto/digest.ts';
import { listImages, type ContentTap } from '../workshop/image/index.ts';
import type { Home } from './home.ts';
import { readImage } from './read-image.ts';

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
  const sinks = new Map(paths.map((name) => [name, challenges.map((challenge) => keyedDigest(challenge, name))]));
  const seen = new Set<string>();
  const tap: ContentTap = (name) => {
    const wanted = sinks.get(name);
    if (wanted === undefined) return undefined;
    seen.add(name);
    return { update: (bytes) => wanted.forEach((sink) => sink.update(bytes)) };
  };
  await readImage(home, image, { tap, as }, signal);
  if (paths.some((name) => !seen.has(name))) return undefined;
  return challenges.map((_, index) => paths.map((name) => at(sinks.get(name), index).digest()));
}

function at(sinks: readonly KeyedDigest[] | undefined, index: number): KeyedDigest {
  const sink = sinks?.[index];
  if (sink === undefined) throw new TypeError('a digest for each path and challenge');
  return sink;
}
