/**
 * What two images of this home differ in, as far as it can be known here: each entry, the step that last wrote it, and the
 * probable cause, for which both images are read again.
 */
import os from 'node:os';
import {
  probableCause,
  withOrigins,
  type Cause,
  type Circumstances,
  type NamedDifference,
} from '../crosscheck/index.ts';
import {
  diffManifests,
  readImageManifest,
  showImage,
  type ContentTap,
  type StoredImage,
} from '../workshop/image/index.ts';
import { readStages } from './build-files.ts';
import { listBuilds, makerIn, type BuildRecord, type Conditions } from './build-records.ts';
import type { Home } from './home.ts';
import { readImages } from './read-image.ts';

/** Entries whose contents are looked at for a cause, and how many bytes of each are held: more of them tell nothing new. */
export const MAX_EXPLAINED = 64;
export const MAX_EXPLAINED_BYTES = 4 * 1024 * 1024;

export type ExplainedDifference = NamedDifference & { readonly cause?: Cause };

export interface ExplainOptions {
  /** Without it no content is read, and no cause is told. */
  readonly causes: boolean;
  /** Told before the images are read, which takes a while. */
  readonly onReading?: () => void;
  readonly signal: AbortSignal;
}

/** Sorted by path; empty where both hold the same. Rejects with `image/unknown`, `image/altered`, `build/damaged`. */
export async function explainDifference(
  home: Home,
  a: string,
  b: string,
  options: ExplainOptions,
): Promise<readonly ExplainedDifference[]> {
  const [left, right] = [await showImage(home.imagesDir, a), await showImage(home.imagesDir, b)];
  const differences = diffManifests(
    await readImageManifest(home.imagesDir, left),
    await readImageManifest(home.imagesDir, right),
  );
  if (differences.length === 0) return [];
  const builds = await listBuilds(home);
  const [first, second] = [makerIn(builds, left.id), makerIn(builds, right.id)];
  const named = withOrigins(differences, first === undefined ? [] : await readStages(home, first));
  if (!options.causes) return named;
  const wanted = new Set(
    named
      .filter(hasTwoContents)
      .slice(0, MAX_EXPLAINED)
      .map(({ path }) => path),
  );
  if (wanted.size === 0) return named;
  options.onReading?.();
  const one: Pieces = new Map();
  const two: Pieces = new Map();
  const readings = [
    { image: left, tap: keptIn(one, wanted) },
    { image: right, tap: keptIn(two, wanted) },
  ];
  await readImages(home, readings, 'explain', options.signal);
  const circumstances = [circumstancesOf(first, left), circumstancesOf(second, right)] as const;
  return named.map((difference) => {
    const [mine, theirs] = [one.get(difference.path), two.get(difference.path)];
    if (mine === undefined || theirs === undefined) return difference;
    const cause = probableCause(
      { content: Buffer.concat(mine), build: circumstances[0] },
      { content: Buffer.concat(theirs), build: circumstances[1] },
    );
    return cause === undefined ? difference : { ...difference, cause };
  });
}

function hasTwoContents(difference: NamedDifference): boolean {
  return (
    difference.where === 'both' &&
    difference.changes.includes('content') &&
    Math.max(difference.a.sizeBytes, difference.b.sizeBytes) <= MAX_EXPLAINED_BYTES
  );
}

/** Contents of one image, by path, as the manifest's digests are of them: after the rules. */
type Pieces = Map<string, Buffer[]>;

function keptIn(contents: Pieces, wanted: ReadonlySet<string>): ContentTap {
  return (path) => {
    if (!wanted.has(path)) return undefined;
    const pieces: Buffer[] = [];
    contents.set(path, pieces);
    // The stream's buffers are its own.
    return { update: (bytes) => pieces.push(Buffer.from(bytes)) };
  };
}

function circumstancesOf(build: BuildRecord | undefined, image: StoredImage): Circumstances {
  const { clock = image.startedAt, hostName, cpus } = build?.conditions ?? {};
  return {
    clockMs: Date.parse(clock),
    tookMs: build?.tookMs ?? 0,
    host: {
      ...(hostName !== undefined && { 'the name': hostName }),
      ...(cpus !== undefined && { 'the number of cpus': String(cpus) }),
    },
  };
}

/** Of a build on this host, as it is. */
export function conditionsHere(clock: Date): Conditions {
  return { clock: clock.toISOString(), hostName: os.hostname(), cpus: os.availableParallelism() };
}
