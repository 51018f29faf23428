/** What is kept of each build of this home: `builds/<id>/` with build.json, transcript.jsonl, recipe.yaml, lock.yaml. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../crypto/digest.ts';
import { isDigest } from '../crypto/digest.ts';
import { errnoOf, PortalgunError, UsageError } from '../errors.ts';
import type { AttestationInput } from '../exchange/record/index.ts';
import type { Evidence } from '../exchange/record/types.ts';
import type { Condition, NormaliseRule, Operation } from '../recipe/types.ts';
import { writeFileAtomic } from './atomic.ts';
import { formatBuildJson, parseBuildJson, type BUILD_RECORD_VERSION } from './build-json.ts';
import type { Home } from './home.ts';

/** One change of the recipe that this build needed. */
export interface KeptRepair {
  readonly step: string;
  readonly origin: 'trusted-patch' | 'suggestion' | 'human';
  /** Record id, where it was a peer's. */
  readonly patch?: Digest;
  readonly summary: string;
  readonly base: Digest;
  readonly result: Digest;
  readonly operations: readonly Operation[];
  /** The step as it was when it failed, and what was never seen: together the symptom. */
  readonly stepDigest: Digest;
  readonly expected: Condition;
  /** Screens as text, by digest (build-files.ts): where the step failed, and where it was done with the change. */
  readonly evidence?: Evidence;
}

export interface BuildRecord {
  readonly version: typeof BUILD_RECORD_VERSION;
  readonly id: string;
  readonly recipeName: string;
  /** Digest of the recipe document that the build started with, and of the one that it ended with. */
  readonly startedRecipe: Digest;
  readonly finalRecipe: Digest;
  readonly status: 'running' | 'done' | 'failed' | 'interrupted';
  /** ISO 8601. */
  readonly startedAt: string;
  readonly tookMs: number;
  readonly repairs: readonly KeptRepair[];
  readonly failure?: {
    readonly code: string;
    readonly message: string;
    readonly step?: string;
    readonly stepDigest?: Digest;
    readonly expected?: Condition;
  };
  readonly buildKey?: Digest;
  readonly manifest?: Digest;
  readonly image?: string;
  /** QEMU version, accelerator, cpu model: what independence is judged by. */
  readonly builder?: Readonly<Record<string, string>>;
  /** The rules that the manifest was made under: whoever reads the image again needs the same. */
  readonly normalise?: readonly NormaliseRule[];
  /** SHA-256 of lock.yaml, whose bytes say more than the lock's own digest is of. */
  readonly lockFile?: Digest;
  /** What the attestation will say, ready to be signed by `publish`. */
  readonly attestation?: AttestationInput;
  /** Where and when it was built. Of this machine: never in what is published. */
  readonly conditions?: Conditions;
  /** The build that this one was made to be compared with (`build --twice`), under other conditions. Nobody else's business. */
  readonly again?: string;
  /** Record ids of what was published of it. */
  readonly published?: Readonly<Record<string, Digest>>;
}

export interface Conditions {
  /** What the guest's clock said when it was powered on, ISO 8601. */
  readonly clock: string;
  readonly hostName: string;
  /** Of the host, as QEMU could use them. */
  readonly cpus: number;
}

export type ComparableBuild = BuildRecord & Required<Pick<BuildRecord, 'buildKey' | 'manifest' | 'builder'>>;

/** `debian-12-tiny-20260102-030405`, with a counter where two begin in one second. Makes the folder. */
export async function newBuildFolder(
  home: Home,
  recipeName: string,
  now: Date,
): Promise<{ id: string; folder: string }> {
  const stamp = now.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  for (let counter = 1; ; counter += 1) {
    const id = `${recipeName}-${stamp}${counter === 1 ? '' : `-${counter}`}`;
    const folder = path.join(home.buildsDir, id);
    try {
      await mkdir(folder, { mode: 0o700 });
      return { id, folder };
    } catch (error) {
      if (errnoOf(error) !== 'EEXIST') throw error;
    }
  }
}

export async function writeBuildRecord(home: Home, record: BuildRecord): Promise<void> {
  await writeFileAtomic(path.join(home.buildsDir, record.id, 'build.json'), formatBuildJson(record));
}

export interface BuildList {
  /** Oldest first. */
  readonly builds: readonly BuildRecord[];
  /** Folders whose record does not read, and why. */
  readonly unreadable: readonly UnreadableBuild[];
}

export interface UnreadableBuild {
  readonly id: string;
  readonly error: PortalgunError;
}

/** Folders without a record (of builds that were killed at their very start) are in neither list. */
export async function listBuilds(home: Home): Promise<BuildList> {
  const builds: BuildRecord[] = [];
  const unreadable: UnreadableBuild[] = [];
  for (const id of await folders(home)) {
    try {
      const record = await readRecord(home, id);
      if (record !== undefined) builds.push(record);
    } catch (error) {
      if (!(error instanceof PortalgunError)) throw error;
      unreadable.push({ id, error });
    }
  }
  builds.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
  return { builds, unreadable };
}

/** By id, or `latest`. Rejects with `build/unknown`, `build/damaged` or `build/newer`. */
export async function findBuild(home: Home, id: string): Promise<BuildRecord> {
  const { builds, unreadable } = await listBuilds(home);
  if (id === 'latest') {
    const found = builds.findLast(({ again }) => again === undefined);
    refuseIfLater(unreadable, found);
    if (found) return found;
  }
  const found = buildIn({ builds, unreadable }, (build) => build.id === id, id);
  if (found) return found;
  throw new UsageError('build/unknown', `no build ${id} in this home`, { hint: 'portalgun builds list shows them.' });
}

/** The build that is `wanted`. Throws what is wrong with the one of that id where that is why there is none. */
export function buildIn(
  { builds, unreadable }: BuildList,
  wanted: (build: BuildRecord) => boolean,
  id: string,
): BuildRecord | undefined {
  const found = builds.find(wanted);
  const damaged = unreadable.find((one) => one.id === id);
  if (found === undefined && damaged !== undefined) throw damaged.error;
  return found;
}

/** The build of an image, which has its name. Throws as `buildIn`. */
export function makerIn(list: BuildList, image: string): BuildRecord | undefined {
  return buildIn(list, (build) => build.image === image, image);
}

/**
 * The newest finished build of a recipe: by name, `author/name`, digest or file name. Rejects with `build/none`, `build/damaged`
 * or `build/newer`.
 */
export async function latestBuildOf(home: Home, recipe: string): Promise<ComparableBuild> {
  const name = path
    .basename(recipe)
    .replace(/\.ya?ml$/, '')
    .replace(/@.*$/, '');
  const { builds, unreadable } = await listBuilds(home);
  const found = builds
    .filter(isComparable)
    .findLast((build) =>
      isDigest(recipe) ? build.finalRecipe === recipe || build.startedRecipe === recipe : build.recipeName === name,
    );
  refuseIfLater(
    unreadable.filter(({ id }) => isDigest(recipe) || nameIn(id) === name),
    found,
  );
  if (found) return found;
  throw new UsageError('build/none', `nothing comparable has been built here from ${recipe}`, {
    hint: `Build it first: portalgun build ${recipe}`,
  });
}

/** Whether it has a manifest that others can compare with theirs. */
export function isComparable(build: BuildRecord): build is ComparableBuild {
  return (
    build.status === 'done' &&
    build.again === undefined &&
    build.buildKey !== undefined &&
    build.manifest !== undefined &&
    build.builder !== undefined
  );
}

/** Which one is the newest is not known where one that does not read is later than `found`, as the names of their folders say. */
function refuseIfLater(unreadable: readonly UnreadableBuild[], found: BuildRecord | undefined): void {
  const later = unreadable.find(({ id }) => found === undefined || stampIn(id) >= stampIn(found.id));
  if (later) throw later.error;
}

/** Of an id as `newBuildFolder` makes it: the recipe's name, and when the build began. */
const ID = /^(.*)-(\d{8}-\d{6})(?:-\d+)?$/;

function nameIn(id: string): string | undefined {
  return ID.exec(id)?.[1];
}

function stampIn(id: string): string {
  return ID.exec(id)?.[2] ?? '';
}

async function folders(home: Home): Promise<string[]> {
  try {
    return (await readdir(home.buildsDir)).sort();
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Undefined where there is none. Rejects with `build/damaged` or `build/newer`. */
async function readRecord(home: Home, id: string): Promise<BuildRecord | undefined> {
  let text: string;
  try {
    text = await readFile(path.join(home.buildsDir, id, 'build.json'), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  }
  return parseBuildJson(text, id);
}
