/** From a machine whose steps are done to a stored image: measured as it is, and made this person's own in an overlay. */
import path from 'node:path';
import type { Digest } from '../../crypto/digest.ts';
import { FailedError, UsageError } from '../../errors.ts';
import { usesNetwork, usesPointer } from '../../recipe/conditions.ts';
import { draftImage, MEASURE_MEMORY_MIB, type ImageDraft, type Manifest, type MeasuringTools } from '../image/index.ts';
import { fitAtOnce, startMachine } from '../machine/index.ts';
import type { MachineDisk } from '../machine/types.ts';
import type { VerifiedMedia } from '../media/types.ts';
import { createWorkbench, runSteps, type RunResult } from '../provision/index.ts';
import type { HostFacts } from './host.ts';
import { measureWithStages, type BuildStage } from './measure-stages.ts';
import type { MachinePlan } from './plan.ts';
import { paced } from './progress.ts';
import { sensesFor } from './senses.ts';
import { bothOf, unlessStopped } from './side-by-side.ts';
import type { BuildOutcome, BuildRequest, Making } from './types.ts';

export interface Finished {
  readonly run: RunResult;
  readonly media: VerifiedMedia;
  /** Digest of all locks. */
  readonly lock: Digest;
  readonly host: HostFacts;
  readonly plan: MachinePlan;
  readonly tools: () => Promise<MeasuringTools>;
}

/** Resolves with undefined where the recipe has no outputs. Rejects with `build/still-running`, `build/no-such-disk`. */
export async function finishImage(
  request: BuildRequest,
  making: Making,
  done: Finished,
): Promise<BuildOutcome['image']> {
  const { run, plan } = done;
  const { recipe } = run.final;
  const output = recipe.outputs?.[0];
  if (!output) return undefined;
  if (run.machine.running) throw stillRunning('The last step is done', 'the recipe’s steps');
  const source = run.machine.diskFiles()[output.disk];
  if (source === undefined) {
    throw new UsageError(
      'build/no-such-disk',
      `outputs name the disk ${output.disk}, which the machine does not have.`,
    );
  }
  await run.machine.close({ keepDisks: true });
  const draft = await draftImage({
    imagesDir: request.folders.images,
    id: request.id,
    disks: [{ id: output.disk, path: source, format: 'qcow2' }],
    signal: request.signal,
  });
  try {
    const disk = diskOf(draft.disks, output.disk);
    // Both only read the finished disk; each takes about as long as the other, and a VM of its own.
    const atOnce = isPersonalised(request, run) && fitAtOnce([MEASURE_MEMORY_MIB, plan.config.memoryMiB]);
    const [{ manifest, stages }] = await bothOf(
      (signal) => measure({ ...request, signal }, making, done, { diskId: output.disk, disk }),
      (signal) => personalise({ ...request, signal }, making, done, { draft, diskId: output.disk, atOnce }),
      { atOnce, signal: request.signal },
    );
    making.tell({ event: 'phase', phase: 'store' });
    const { arch, cpus, memoryMiB, firmware } = plan.config;
    const stored = await draft.commit(
      {
        recipeName: recipe.name,
        recipe: run.final.of.digest,
        resolved: run.final.digest,
        lock: done.lock,
        startedAt: making.startedAt.toISOString(),
        finishedAt: request.now().toISOString(),
        machine: { arch, cpus, memoryMiB, ...(firmware && { firmware: 'uefi' }) },
      },
      { diskId: output.disk, manifest },
    );
    const files = Object.fromEntries(stored.disks.map(({ file, sha256 }): [string, Digest] => [file, sha256]));
    return { id: stored.id, manifest, files, stages };
  } finally {
    await draft.discard();
  }
}

async function measure(
  request: BuildRequest,
  making: Making,
  done: Finished,
  measured: { readonly diskId: string; readonly disk: string },
): Promise<{ readonly manifest: Manifest; readonly stages: readonly BuildStage[] }> {
  making.tell({ event: 'phase', phase: 'measure' });
  const progress = paced((one) => making.tell({ event: 'progress', ...one }));
  const { folders, signal } = request;
  const { run } = done;
  return measureWithStages({
    ...measured,
    checkpoints: await run.kept(),
    lastStep: run.final.recipe.steps.at(-1)?.id ?? '',
    folder: await making.folder('stages'),
    tools: await unlessStopped(done.tools(), signal),
    normalise: run.final.recipe.normalise ?? [],
    startMachine,
    runtimeDir: path.join(folders.runtime, 'measure'),
    accelerator: done.host.accelerator,
    signal,
    onProgress: ({ doneBytes, diskBytes }) => progress({ what: 'measuring', done: doneBytes, total: diskBytes }),
    onUnread: (step, { message }) =>
      making.tell({ event: 'phase', phase: 'measure', detail: `not the disk after ${step}: ${message}` }),
  });
}

interface DraftedDisk {
  readonly draft: ImageDraft;
  readonly diskId: string;
  /** It is measured meanwhile. */
  readonly atOnce: boolean;
}

function isPersonalised(request: BuildRequest, { final }: RunResult): boolean {
  return request.personalise !== false && (final.recipe.personalise ?? []).length > 0;
}

/** Boots the finished disk by itself and follows the steps that belong to this machine alone. What is measured stays as it is. */
async function personalise(request: BuildRequest, making: Making, done: Finished, image: DraftedDisk): Promise<void> {
  const { run, host, plan, media } = done;
  if (!isPersonalised(request, run)) return;
  const detail = 'while the disk is measured';
  making.tell({ event: 'phase', phase: 'personalise', ...(image.atOnce && { detail }) });
  const { arch, cpus, memoryMiB, firmware } = plan.config;
  // What the build has written into its variable store is no part of the image: this one boots as it will anywhere.
  const variables = plan.config.disks.filter(({ bus }) => bus === 'pflash');
  const disk: MachineDisk = {
    id: image.diskId,
    path: diskOf(image.draft.disks, image.diskId),
    format: 'raw',
    bus: 'virtio',
  };
  const personal = await runSteps({
    resolved: run.final,
    part: 'personalise',
    workbench: createWorkbench({
      start: startMachine,
      config: {
        arch,
        cpus,
        memoryMiB,
        disks: [disk, ...variables],
        ...(firmware && { firmware }),
        ...(usesPointer(run.final.recipe, 'personalise') && { pointer: 'tablet' }),
        ...(usesNetwork(run.final.recipe, 'personalise') && { network: { allow: [] } }),
      },
      media: plan.media,
      accelerator: host.accelerator,
      qemuVersion: host.qemuVersion,
      runtimeDir: request.folders.runtime,
      disksDir: path.join(making.scratch, 'personal'),
    }),
    senses: await sensesFor(media, host.factor, request.folders.cache),
    // What would be mended here concerns this machine alone, and secrets are in play: nobody is asked.
    sources: [],
    emit: request.emit,
    hostFactor: host.factor,
    secrets: request.secrets,
    signal: request.signal,
    startedAtMs: making.startedAtMs,
  });
  try {
    if (personal.machine.running) throw stillRunning('It is personalised', '`personalise`');
    const changed = diskOf(personal.machine.diskFiles(), image.diskId);
    await personal.machine.close({ keepDisks: true });
    await image.draft.addPersonal(image.diskId, { path: changed, format: 'qcow2' });
  } finally {
    await personal.end();
  }
}

function stillRunning(what: string, where: string): FailedError {
  return new FailedError('build/still-running', `${what}, but the machine still runs: its disk may not be whole.`, {
    hint: `End ${where} with a step that shuts the guest down and expects \`event: shutdown\`.`,
  });
}

function diskOf(disks: Readonly<Record<string, string>>, id: string): string {
  const path = disks[id];
  if (path !== undefined) return path;
  throw new UsageError('build/no-such-disk', `the machine has no disk ${id}, which the recipe’s outputs name.`, {
    hint: `Name one of: ${Object.keys(disks).join(', ')}`,
  });
}
