/**
 * One build of this home, from a recipe to a kept record: locks the home against a second build, runs the workshop with
 * the repair sources of heal/, and writes down what came of it, whatever came of it.
 */
import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { peerRepairs, type PeerRepairs, symptomOf, type Candidate, type Unfit } from '../heal/index.ts';
import { errnoOf, InterruptedError, PortalgunError } from '../errors.ts';
import { formatLock } from '../recipe/lock.ts';
import {
  buildImage,
  discardScratch,
  type BuildOutcome,
  type RecipeAtHand,
  type Variation,
} from '../workshop/build/index.ts';
import { StepFailedError, type Repair } from '../workshop/provision/index.ts';
import type { Evidence } from '../exchange/record/types.ts';
import { formatScreen } from './screen-evidence.ts';
import type { BuildEvent, RepairRequest, RepairSource } from '../workshop/provision/types.ts';
import { createFileAtomic } from './atomic.ts';
import { attestationOf, buildKeyFor } from './attestation.ts';
import { keepLock, keepManifest, keepRecipe, keepScreen, keepStages } from './build-files.ts';
import { takeBuildLock } from './build-lock.ts';
import { BUILD_RECORD_VERSION } from './build-json.ts';
import {
  listBuilds,
  newBuildFolder,
  writeBuildRecord,
  type BuildRecord,
  type Conditions,
  type KeptRepair,
} from './build-records.ts';
import type { HomeConnection } from './connect.ts';
import { conditionsHere } from './explain.ts';
import { openHome, type Home } from './home.ts';
import { hasIdentity } from './identity-files.ts';
import { loadConfig } from './config.ts';
import { mediaSources } from './media-sources.ts';
import { lockFileOf, type RecipeSource } from './recipe-source.ts';

export interface BuildCommand {
  readonly home: Home;
  readonly connection: HomeConnection;
  readonly source: RecipeSource;
  /** The recipe that it is based on, the one that that is based on, and so on. */
  readonly bases: readonly RecipeSource[];
  readonly params: Readonly<Record<string, string>>;
  readonly secrets: ReadonlyMap<string, string>;
  /** Where a changed step may come from, after peers: suggestions, the person. None with `--repair never`. */
  readonly repair: 'ask' | 'auto' | 'never';
  readonly person: (arrivals: PeerRepairs['arrivals'] | undefined) => readonly RepairSource[];
  /** Asks about a peer's patch that policy leaves to the person. */
  readonly confirm?: (candidate: Candidate, request: RepairRequest, signal: AbortSignal) => Promise<boolean>;
  /** As in `BuildRequest`. */
  readonly resume: boolean | { readonly checkpoint: string };
  /** Made to be compared with this build of the same inputs, from power-on, under other conditions; not personalised. */
  readonly again?: { readonly of: string; readonly variation: Variation };
  readonly emit: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

export interface FinishedBuild {
  readonly record: BuildRecord;
  readonly outcome: BuildOutcome;
}

/** Rejects with what stopped the build, after writing it down. A second build in one home is `build/busy`. */
export async function runBuild(command: BuildCommand): Promise<FinishedBuild> {
  const { home, source } = command;
  await openHome(home);
  const release = await takeBuildLock(home);
  try {
    await closeKilledBuilds(home);
    const startedAt = command.now();
    const { id, folder } = await newBuildFolder(home, source.checked.recipe.name, startedAt);
    const started: BuildRecord = {
      version: BUILD_RECORD_VERSION,
      id,
      recipeName: source.checked.recipe.name,
      startedRecipe: source.checked.digest,
      finalRecipe: source.checked.digest,
      status: 'running',
      startedAt: startedAt.toISOString(),
      tookMs: 0,
      repairs: [],
      conditions: conditionsOf(command, startedAt),
      ...(command.again && { again: command.again.of }),
    };
    for (const { checked } of [source, ...command.bases]) await keepRecipe(home, id, checked.digest, checked.source);
    await writeBuildRecord(home, started);
    const began = performance.now();
    const took = (): number => Math.round(performance.now() - began);
    try {
      const outcome = await buildImage({
        id,
        ...atHand(source),
        bases: command.bases.map(atHand),
        params: command.params,
        secrets: command.secrets,
        ...(await mediaSources(home)),
        folders: {
          cache: home.cacheDir,
          checkpoints: command.again ? freshCheckpoints(home) : home.checkpointsDir,
          images: home.imagesDir,
          build: folder,
          runtime: path.join(home.runtime, 'vm'),
        },
        sources: await repairSources(command),
        resume: command.resume,
        ...(command.again && { variation: command.again.variation, personalise: false }),
        emit: command.emit,
        signal: command.signal,
        now: command.now,
      });
      const record = await writeDown(command, started, outcome, took());
      return { record, outcome };
    } catch (error) {
      await writeBuildRecord(home, { ...started, tookMs: took(), ...failureOf(error) });
      throw error;
    }
  } finally {
    if (command.again) await rm(freshCheckpoints(home), { recursive: true, force: true });
    await release();
  }
}

/** A build that is made again goes on from nothing, and leaves nothing to go on from. */
function freshCheckpoints({ checkpointsDir }: Home): string {
  return `${checkpointsDir}-again`;
}

function conditionsOf({ again, source, bases }: BuildCommand, startedAt: Date): Conditions {
  const clocks = [source, ...bases].map(({ checked }) => checked.recipe.reproducible);
  const fixed = clocks.find((one) => one?.clock === 'fixed')?.source_date_epoch;
  const shiftMs = 1000 * (again?.variation.clockShiftSeconds ?? 0);
  const clockMs = fixed === undefined ? startedAt.getTime() + shiftMs : 1000 * fixed;
  const { cpu, hostName } = again?.variation.surroundings ?? {};
  return {
    ...conditionsHere(new Date(clockMs)),
    ...(cpu !== undefined && { cpus: 1 }),
    ...(hostName !== undefined && { hostName }),
  };
}

function atHand({ checked, file, folder, lock }: RecipeSource): RecipeAtHand {
  return { checked, recipeDir: folder, lock, foreign: file === undefined };
}

/** Who holds the lock is the only build: whatever else says that it runs was killed, and can be gone on from. */
async function closeKilledBuilds(home: Home): Promise<void> {
  await rm(freshCheckpoints(home), { recursive: true, force: true });
  for (const build of (await listBuilds(home)).builds) {
    if (build.status !== 'running') continue;
    await discardScratch(home.imagesDir, build.id);
    await writeBuildRecord(home, { ...build, status: 'interrupted' });
  }
}

async function repairSources(command: BuildCommand): Promise<readonly RepairSource[]> {
  if (command.repair === 'never') return [];
  const { home, connection } = command;
  if (!(await hasIdentity(home))) return command.person(undefined); // no identity, no peers: the person is all there is
  const { network } = await loadConfig(home);
  const lookup = async (request: RepairRequest, askPeers: boolean, signal: AbortSignal) => {
    if (askPeers && !connection.live) return { candidates: [], unfit: [] };
    const { stepDigest, expected, stepId } = request.failure;
    const args = {
      source: request.resolved.of.source,
      started: command.source.checked.source,
      step: stepId,
      symptom: symptomOf(network, stepDigest, expected),
      askPeers,
    };
    return await connection.call<{ candidates: Candidate[]; unfit: Unfit[] }>('heal.candidates', args, signal);
  };
  const peers = peerRepairs({
    lookup,
    passedOver: (record, reason, { passedOver }) => passedOver?.(record, reason),
    ...(command.repair === 'ask' && command.confirm && { confirm: command.confirm }),
  });
  // Without a node nothing can arrive.
  return [...peers.sources, ...command.person(connection.live ? peers.arrivals : undefined)];
}

async function writeDown(
  command: BuildCommand,
  started: BuildRecord,
  outcome: BuildOutcome,
  tookMs: number,
): Promise<BuildRecord> {
  const { home, source } = command;
  const repairs: KeptRepair[] = [];
  for (const [index, repair] of outcome.repairs.entries()) {
    const result = outcome.repairs[index + 1]?.base ?? outcome.final;
    await keepRecipe(home, started.id, repair.base.of.digest, repair.base.of.source);
    repairs.push({
      step: repair.stepId,
      origin: repair.origin,
      ...(repair.patch !== undefined && { patch: repair.patch }),
      summary: repair.summary,
      base: repair.base.of.digest,
      result: result.of.digest,
      operations: repair.operations,
      stepDigest: repair.failure.stepDigest,
      expected: repair.failure.expected,
      evidence: await keepEvidence(home, started.id, repair),
    });
  }
  await keepRecipe(home, started.id, outcome.final.of.digest, outcome.final.of.source);
  const lockFile = await keepLock(home, started.id, formatLock(outcome.media.lock));
  const locks = [outcome.media.lock, ...outcome.bases.map(({ media }) => media.lock)];
  for (const [index, { file, lock }] of [source, ...command.bases].entries()) {
    const made = locks[index];
    if (file === undefined || lock !== undefined || made === undefined) continue;
    await leaveLock(lockFileOf(file), formatLock(made));
  }
  if (outcome.image) await keepManifest(home, started.id, outcome.image.manifest.text);
  if (outcome.image) await keepStages(home, started.id, outcome.image.stages);
  const record: BuildRecord = {
    ...started,
    status: 'done',
    tookMs,
    finalRecipe: outcome.final.of.digest,
    repairs,
    builder: outcome.builder,
    ...(outcome.image && {
      image: outcome.image.id,
      manifest: outcome.image.manifest.digest,
      lockFile,
      normalise: outcome.final.recipe.normalise ?? [],
      buildKey: buildKeyFor(outcome, outcome.image.manifest),
      attestation: attestationOf(outcome, outcome.image, { startedAt: started.startedAt, finishedAt: command.now() }),
    }),
  };
  await writeBuildRecord(home, record);
  return record;
}

/** Steps that may be mended come before any secret is used; what could be one was masked where it was read. */
async function keepEvidence(home: Home, id: string, { failure, after }: Repair): Promise<Evidence> {
  const keep = (lines: readonly string[]) => keepScreen(home, id, formatScreen(lines));
  return { before: await keep(failure.seen.lines), ...(after && { after: await keep(after.lines) }) };
}

/**
 * Beside a recipe that has none yet, where that may be written: a convenience, for it is in the build's folder anyway. Whoever
 * reads it meanwhile finds it whole.
 */
async function leaveLock(file: string, text: string): Promise<void> {
  try {
    await createFileAtomic(file, text, 0o644);
  } catch (error) {
    const code = errnoOf(error);
    // A file system without links, such as FAT.
    if (code === 'EPERM') return writeFile(file, text, { flag: 'wx' }).catch(unlessThere);
    if (code !== 'EROFS' && code !== 'EACCES') throw error;
  }
}

function unlessThere(error: unknown): void {
  if (errnoOf(error) !== 'EEXIST') throw error;
}

function failureOf(error: unknown): Pick<BuildRecord, 'status' | 'failure'> {
  if (error instanceof InterruptedError) return { status: 'interrupted' };
  const failure = {
    code: error instanceof PortalgunError ? error.code : 'internal',
    message: error instanceof Error ? error.message : String(error),
  };
  if (!(error instanceof StepFailedError)) return { status: 'failed', failure };
  const { stepId, stepDigest, expected } = error.failure;
  return { status: 'failed', failure: { ...failure, step: stepId, stepDigest, expected } };
}
