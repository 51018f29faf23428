/**
 * One build, from a checked recipe to a stored image: recipe → resolved recipe → verified media → machine → steps →
 * manifest → personalised image.
 *
 * Promises: nothing unverified is attached; what is measured is the state before `personalise`, so that no secret and no
 * person's choice is in it; a build that ends early leaves checkpoints to go on from and nothing half-made.
 * Never: speaks to peers; where repairs come from is decided outside, through `RepairSource`.
 */
import { mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { InterruptedError } from '../../errors.ts';
import { bindSecrets, resolveRecipe } from '../../recipe/resolve.ts';
import type { ResolvedRecipe } from '../../recipe/types.ts';
import { prepareMeasuringTools, type MeasuringTools } from '../image/index.ts';
import { startMachine } from '../machine/index.ts';
import { cpuModel, MACHINE_TYPE } from '../machine/qemu-args.ts';
import { prepareMedia } from '../media/index.ts';
import type { VerifiedMedia } from '../media/types.ts';
import {
  createMasker,
  createWorkbench,
  maskedFailure,
  openCheckpoints,
  openTranscript,
  pictureKeeper,
  runSteps,
  StepFailedError,
  writeFailureBundle,
  type RunResult,
} from '../provision/index.ts';
import type { BuildEvent, BuildEventBody } from '../provision/types.ts';
import { finishImage } from './finish.ts';
import { examineHost, type HostFacts } from './host.ts';
import { planMachine, type MachinePlan } from './plan.ts';
import { sensesFor } from './senses.ts';
import type { BuildOutcome, BuildRequest, Making } from './types.ts';

export type { BuildFolders, BuildOutcome, BuildRequest } from './types.ts';
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
    return await build({ ...request, emit }, { scratch, startedAt, startedAtMs, tell, keepPicture });
  } catch (error) {
    if (error instanceof StepFailedError) {
      const { failure, frame } = error;
      const bundle = path.join(request.folders.build, 'failure');
      await writeFailureBundle(bundle, { failure, frame, events: transcript.recent() }, masker);
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

export function scratchOf(imagesDir: string, id: string): string {
  return path.join(imagesDir, `.${id}.making`);
}

/** Removes what a build that was killed left half-made. Only for who knows that it runs no more. */
export async function discardScratch(imagesDir: string, id: string): Promise<void> {
  await rm(scratchOf(imagesDir, id), { recursive: true, force: true });
}

async function build(request: BuildRequest, making: Making): Promise<BuildOutcome> {
  const { folders, signal } = request;
  const resolved = resolveRecipe(request.checked, request.params);
  // A secret that does not fit, or that no key of the layout types, is said now and not after an hour of building.
  bindSecrets(resolved, Object.fromEntries(request.secrets));
  making.tell({ event: 'phase', phase: 'media' });
  const media = await gatherMedia(request, resolved, making);
  making.tell({ event: 'phase', phase: 'boot' });
  const host = await examineHost({ cacheDir: folders.cache, signal });
  const plan = await planMachine(resolved, media, making.scratch, signal);
  await host.checkRoom(plan.config.memoryMiB, folders.images);
  making.tell({ event: 'phase', phase: 'steps', detail: host.accelerator });
  const tools = measuringTools(request, (resolved.recipe.outputs ?? []).length > 0);
  const run = await followSteps(request, making, { resolved, media, host, plan });
  try {
    const image = await finishImage(request, making, { run, media, host, plan, tools });
    making.tell({ event: 'done', recipe: run.final.digest, ...(image && { manifest: image.manifest.digest }) });
    return {
      resolved,
      final: run.final,
      repairs: run.repairs,
      media,
      builder: { qemu: host.qemuVersion, accelerator: host.accelerator, machine: MACHINE_TYPE },
      cpuModel: cpuModel(plan.config.arch),
      resumedFrom: run.resumedFrom,
      ...(image && { image }),
    };
  } finally {
    await run.machine.close();
    await run.end();
  }
}

/** The measuring VM's parts, fetched and verified while the steps run where an output is to be measured. */
function measuringTools(request: BuildRequest, atOnce: boolean): () => Promise<MeasuringTools> {
  const { folders, keysDir, now, signal } = request;
  const prepare = () => prepareMeasuringTools({ cacheDir: folders.cache, keysDir, clock: now, signal });
  if (!atOnce) return prepare;
  const begun = prepare();
  begun.catch(() => undefined); // told when the tools are asked for; a build that fails before never asks
  return () => begun;
}

function gatherMedia(request: BuildRequest, resolved: ResolvedRecipe, making: Making): Promise<VerifiedMedia> {
  return prepareMedia({
    recipe: resolved,
    recipeDir: request.recipeDir,
    cacheDir: request.folders.cache,
    keysDir: request.keysDir,
    lock: request.lock,
    clock: request.now,
    signal: request.signal,
    onProgress: (progress) => making.tell({ event: 'progress', ...progress }),
  });
}

interface Prepared {
  readonly resolved: ResolvedRecipe;
  readonly media: VerifiedMedia;
  readonly host: HostFacts;
  readonly plan: MachinePlan;
}

async function followSteps(request: BuildRequest, making: Making, prepared: Prepared): Promise<RunResult> {
  const { folders, signal, sources, emit } = request;
  const { host, plan, media, resolved } = prepared;
  return runSteps({
    resolved,
    workbench: createWorkbench({
      start: startMachine,
      config: plan.config,
      media: plan.media,
      accelerator: host.accelerator,
      qemuVersion: host.qemuVersion,
      runtimeDir: folders.runtime,
      disksDir: path.join(making.scratch, 'disks'),
    }),
    senses: await sensesFor(media, host.factor),
    checkpoints: openCheckpoints(folders.checkpoints),
    ...(!request.resume && { from: { step: null } }),
    sources,
    emit,
    hostFactor: host.factor,
    signal,
    startedAtMs: making.startedAtMs,
    keepPicture: making.keepPicture,
  });
}
