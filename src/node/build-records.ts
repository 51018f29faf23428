/** What is kept of each build of this home: `builds/<id>/` with build.json, transcript.jsonl, recipe.yaml, lock.yaml. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../crypto/digest.ts';
import { isDigest } from '../crypto/digest.ts';
import { errnoOf, UsageError } from '../errors.ts';
import type { AttestationInput } from '../exchange/record/index.ts';
import type { Evidence } from '../exchange/record/types.ts';
import type { Condition, NormaliseRule, Operation } from '../recipe/types.ts';
import { writeFileAtomic } from './atomic.ts';
import type { Home } from './home.ts';
import { ownJson } from './own-json.ts';

export const BUILD_RECORD_VERSION = 1;

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
  await writeFileAtomic(path.join(home.buildsDir, record.id, 'build.json'), `${JSON.stringify(record, null, 2)}\n`);
}

/** Oldest first. Folders without a readable record (a build that was killed at its very start) are left out. */
export async function listBuilds(home: Home): Promise<BuildRecord[]> {
  let names: string[];
  try {
    names = await readdir(home.buildsDir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
  const builds: BuildRecord[] = [];
  for (const name of names) {
    const record = await readRecord(home, name);
    if (record) builds.push(record);
  }
  return builds.sort((a, b) => (a.startedAt < b.startedAt ? -1 : 1));
}

/** By id, or `latest`. Rejects with `build/unknown`. */
export async function findBuild(home: Home, id: string): Promise<BuildRecord> {
  const builds = await listBuilds(home);
  const found =
    id === 'latest' ? builds.findLast(({ again }) => again === undefined) : builds.find((build) => build.id === id);
  if (found) return found;
  throw new UsageError('build/unknown', `no build ${id} in this home`, { hint: 'portalgun builds list shows them.' });
}

/** The newest finished build of a recipe: by name, `author/name`, digest or file name. Rejects with `build/none`. */
export async function latestBuildOf(home: Home, recipe: string): Promise<ComparableBuild> {
  const name = path
    .basename(recipe)
    .replace(/\.ya?ml$/, '')
    .replace(/@.*$/, '');
  const builds = (await listBuilds(home)).filter(isComparable);
  const found = builds.findLast((build) =>
    isDigest(recipe) ? build.finalRecipe === recipe || build.startedRecipe === recipe : build.recipeName === name,
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

async function readRecord(home: Home, name: string): Promise<BuildRecord | undefined> {
  try {
    const value = ownJson<BuildRecord>(await readFile(path.join(home.buildsDir, name, 'build.json'), 'utf8'));
    return value.version === BUILD_RECORD_VERSION && value.id === name ? value : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || error instanceof SyntaxError) return undefined;
    throw error;
  }
}
