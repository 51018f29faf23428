/**
 * One build, from a checked recipe to a stored image: recipe → resolved recipe → verified media → machine → steps →
 * manifest → personalised image.
 *
 * Promises: nothing unverified is attached; what is measured is the state without `personalise`, so that no secret and no
 * person's choice is in it; a build that ends early leaves checkpoints to go on from and nothing half-made.
 * Never: speaks to peers; where repairs come from is decided outside, through `RepairSource`.
 */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { InterruptedError } from '../../errors.ts';
import { lineageOf } from '../../recipe/lineage.ts';
import { locksDigest } from '../../recipe/lock.ts';
import { bindSecrets, resolveRecipe } from '../../recipe/resolve.ts';
import type { ResolvedRecipe } from '../../recipe/types.ts';
import { compileRules, prepareMeasuringTools, type MeasuringTools } from '../image/index.ts';
import { cpuModel, MACHINE_TYPE } from '../machine/qemu-args.ts';
import { prepareMedia } from '../media/index.ts';
import type { VerifiedMedia } from '../media/types.ts';
import {
  createMasker,
  maskedFailure,
  openTranscript,
  pictureKeeper,
  StepFailedError,
  writeFailureBundle,
} from '../provision/index.ts';
import type { BuildEvent, BuildEventBody } from '../provision/types.ts';
import { finishImage } from './finish.ts';
import { examineHost } from './host.ts';
import { paced } from './progress.ts';
import { planStage, runStage } from './stages.ts';
import type { BuildOutcome, BuildRequest, Making, RecipeAtHand } from './types.ts';

export type { BuildFolders, BuildOutcome, BuildRequest, RecipeAtHand, Variation } from './types.ts';
export type { BuildStage } from './measure-stages.ts';
export { examineHost, type HostFacts } from './host.ts';

/**
 * Rejects with what the parts reject with: `media/…` (3, 5), `provision/step-failed` (1), `machine/died` (1),
 * `image/…`, or as interrupted (130). A failure bundle lies in the build's folder then.
 */
export async function buildImage(request: BuildRequest): Promise<BuildOutcome> {
  const masker = createMasker(request.secrets.values());
  await mkdir(request.folders.build, { recursive: true, mode: 0o700 });
  const transcript = await openTranscript(path.join(request.folders.build, 'transcript.jsonl'), masker);
  const scratch = scratchOf(request.folders.images, request.id);
  const startedAt = request.now();
  const startedAtMs = performance.now();
  const emit = (event: BuildEvent): void => {
    transcript.write(event);
    request.emit(masker.value(event));
  };
  const tell = (body: BuildEventBody): void => emit({ atMs: Math.round(performance.now() - startedAtMs), ...body });
  try {
    await mkdir(scratch, { recursive: true, mode: 0o700 });
    const keepPicture = pictureKeeper(path.join(request.folders.build, 'screens'), masker);
    const shared = { scratch, folder: folderIn(scratch), startedAt, startedAtMs, tell, keepPicture };
    return await build({ ...request, emit }, shared);
  } catch (error) {
    if (error instanceof StepFailedError) {
      const { failure, frame } = error;
      const bundle = path.join(request.folders.build, 'failure');
      const kept = mayShowSecret(request, failure.stepId) ? null : frame;
      await writeFailureBundle(bundle, { failure, frame: kept, events: transcript.recent() }, masker);
    }
    const told = error instanceof StepFailedError ? maskedFailure(error, masker) : error;
    // Whatever breaks once the person has said stop (a Ctrl-C reaches QEMU too) is that stop, not a failure.
    if (request.signal.aborted && !(error instanceof InterruptedError))
      throw new InterruptedError('interrupted; the same command goes on where it stopped', { cause: told });
    throw told;
  } finally {
    await transcript.close();
    await rm(scratch, { recursive: true, force: true });
  }
}

/** Secrets are typed in `personalise` alone; a field in a font that nobody reads may show one all the same. */
function mayShowSecret({ secrets, checked }: BuildRequest, stepId: string): boolean {
  return secrets.size > 0 && (checked.recipe.personalise ?? []).some(({ id }) => id === stepId);
}

/** Makes folders for the parts of one build. */
function folderIn(scratch: string): Making['folder'] {
  return async (name) => {
    const folder = path.join(scratch, name);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    return folder;
  };
}

export function scratchOf(imagesDir: string, id: string): string {
  return path.join(imagesDir, `.${id}.making`);
}

/** Removes what a build that was killed left half-made. Only for who knows that it runs no more. */
export async function discardScratch(imagesDir: string, id: string): Promise<void> {
  await rm(scratchOf(imagesDir, id), { recursive: true, force: true });
}

async function build(request: BuildRequest, making: Making): Promise<BuildOutcome> {
  const { folders, signal } = request;
  const documents = request.bases.map(({ checked }) => checked);
  const resolved = resolveRecipe(request.checked, request.params, documents);
  // A secret that does not fit, or that no key of the layout types, is said now and not after an hour of building.
  bindSecrets(resolved, Object.fromEntries(request.secrets));
  // Nor is a rule that cannot be kept said only when there is something to measure.
  compileRules(resolved.recipe.normalise ?? []);
  making.tell({ event: 'phase', phase: 'media' });
  const media = await gatherMedia(request, request, resolved, making);
  const bases: { resolved: ResolvedRecipe; media: VerifiedMedia }[] = [];
  for (const [index, base] of lineageOf(resolved).slice(1).entries()) {
    const atHand = request.bases[index];
    if (atHand === undefined) throw new TypeError('each base was handed in');
    bases.push({ resolved: base, media: await gatherMedia(request, atHand, base, making) });
  }
  making.tell({ event: 'phase', phase: 'boot' });
  const host = await examineHost({ cacheDir: folders.cache, signal });
  const mediaOf = (one: ResolvedRecipe) => bases.find((base) => base.resolved === one)?.media ?? media;
  const parts = { request, making, host, mediaOf };
  const stage = await planStage(resolved, parts);
  const { plan } = stage;
  await host.checkRoom(plan.config.memoryMiB, folders.images);
  making.tell({ event: 'phase', phase: 'steps', detail: host.accelerator });
  const tools = measuringTools(request, (resolved.recipe.outputs ?? []).length > 0);
  const run = await runStage(stage, parts, {
    sources: request.sources,
    ...(request.resume !== true && { from: request.resume === false ? { step: null } : request.resume }),
  });
  const lock = locksDigest([media.lock, ...bases.map((base) => base.media.lock)]);
  try {
    const image = await finishImage(request, making, { run, media: stage.media, lock, host, plan, tools });
    making.tell({ event: 'done', recipe: run.final.digest, ...(image && { manifest: image.manifest.digest }) });
    return {
      resolved,
      final: run.final,
      repairs: run.repairs,
      media,
      bases,
      lock,
      builder: {
        qemu: host.qemuVersion,
        accelerator: host.accelerator,
        machine: MACHINE_TYPE,
        processor: host.processor,
      },
      cpuModel: cpuModel(plan.config.arch),
      resumedFrom: run.resumedFrom,
      ...(image && { image }),
    };
  } finally {
    await run.end();
  }
}

/** The measuring VM's parts, fetched and verified while the steps run where an output is to be measured. */
function measuringTools(request: BuildRequest, atOnce: boolean): () => Promise<MeasuringTools> {
  const { folders, keysDir, ownKeysDir, archives, now, signal } = request;
  const sources = { cacheDir: folders.cache, keysDir, ownKeysDir, archives };
  const prepare = () => prepareMeasuringTools({ ...sources, clock: now, signal });
  if (!atOnce) return prepare;
  const begun = prepare();
  begun.catch(() => undefined); // told when the tools are asked for; a build that fails before never asks
  return () => begun;
}

function gatherMedia(
  request: BuildRequest,
  { recipeDir, lock, foreign }: RecipeAtHand,
  resolved: ResolvedRecipe,
  making: Making,
): Promise<VerifiedMedia> {
  return prepareMedia({
    recipe: resolved,
    recipeDir,
    cacheDir: request.folders.cache,
    keysDir: request.keysDir,
    ownKeysDir: request.ownKeysDir,
    publicOnly: foreign,
    archives: request.archives,
    snapshots: request.snapshots,
    lock,
    clock: request.now,
    signal: request.signal,
    onProgress: paced((progress) => making.tell({ event: 'progress', ...progress })),
    onHost: (host) => making.tell({ event: 'phase', phase: 'media', detail: `asking ${host} for the first time` }),
  });
}
