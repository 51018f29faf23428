/**
 * A machine put into a person's hands, to make a recipe of what they do: verified media and the same machine as a
 * build's, after the steps that there are already. Nothing that is done on it is kept but the recording.
 */
import { rm, mkdir } from 'node:fs/promises';
import path from 'node:path';
import type { KeyboardName } from '../../recipe/keyboards.ts';
import { resolveRecipe } from '../../recipe/resolve.ts';
import { keyboardAt } from '../../recipe/typable.ts';
import type { Lock } from '../../recipe/types.ts';
import { startMachine } from '../machine/index.ts';
import type { Machine } from '../machine/types.ts';
import { prepareMedia } from '../media/index.ts';
import { createWorkbench, openCheckpoints, runSteps, type Senses } from '../provision/index.ts';
import { observe } from '../provision/observer.ts';
import type { LiveMachine } from '../provision/recorder.ts';
import type { BuildEventBody } from '../provision/types.ts';
import { examineHost } from './host.ts';
import { scratchOf } from './index.ts';
import { planMachine } from './plan.ts';
import { paced } from './progress.ts';
import { sensesFor } from './senses.ts';
import type { BuildRequest } from './types.ts';

export interface RecordRequest<T> extends Omit<BuildRequest, 'bases' | 'secrets' | 'sources' | 'resume'> {
  /** Run the steps of the recipe first, and go on from their end; else the machine is just powered on. */
  readonly goOn: boolean;
  /** The person's part. The machine ends when it resolves. */
  readonly drive: (live: LiveMachine) => Promise<T>;
}

export interface RecordedOn<T> {
  readonly result: T;
  readonly lock: Lock;
}

/** Rejects as a build does: `media/…`, `machine/…`, `provision/step-failed`, or as interrupted. */
export async function recordOn<T>(request: RecordRequest<T>): Promise<RecordedOn<T>> {
  const { folders, signal, now } = request;
  const startedAtMs = performance.now();
  const tell = (body: BuildEventBody): void =>
    request.emit({ atMs: Math.round(performance.now() - startedAtMs), ...body });
  const scratch = scratchOf(folders.images, request.id);
  // What a recording that was killed left behind.
  await rm(scratch, { recursive: true, force: true });
  await mkdir(scratch, { recursive: true, mode: 0o700 });
  try {
    const resolved = resolveRecipe(request.checked, request.params);
    tell({ event: 'phase', phase: 'media' });
    const media = await prepareMedia({
      recipe: resolved,
      recipeDir: request.recipeDir,
      cacheDir: folders.cache,
      keysDir: request.keysDir,
      ownKeysDir: request.ownKeysDir,
      archives: request.archives,
      lock: request.lock,
      clock: now,
      signal,
      onProgress: paced((progress) => tell({ event: 'progress', ...progress })),
      onHost: (host) => tell({ event: 'phase', phase: 'media', detail: `asking ${host} for the first time` }),
    });
    tell({ event: 'phase', phase: 'boot' });
    const host = await examineHost({ cacheDir: folders.cache, signal });
    const plan = await planMachine(resolved, media, scratch, signal);
    await host.checkRoom(plan.config.memoryMiB, folders.images);
    const disksDir = path.join(scratch, 'disks');
    const workbench = createWorkbench({
      start: startMachine,
      config: plan.config,
      media: plan.media,
      accelerator: host.accelerator,
      qemuVersion: host.qemuVersion,
      runtimeDir: folders.runtime,
      disksDir,
    });
    const hands: Hands<T> = {
      senses: await sensesFor(media, host.factor, folders.cache),
      layout: keyboardAt(resolved.recipe, 'steps', request.goOn ? resolved.recipe.steps.length : 0),
      hostFactor: host.factor,
      drive: request.drive,
    };
    if (!request.goOn) {
      const machine = await workbench.powerOn(disksDir, signal);
      return { result: await handOver(machine, hands), lock: media.lock };
    }
    tell({ event: 'phase', phase: 'steps', detail: host.accelerator });
    const run = await runSteps({
      resolved,
      workbench,
      senses: hands.senses,
      checkpoints: openCheckpoints(folders.checkpoints),
      sources: [],
      emit: request.emit,
      hostFactor: host.factor,
      signal,
      startedAtMs,
    });
    try {
      return { result: await handOver(run.machine, hands), lock: media.lock };
    } finally {
      await run.end();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

interface Hands<T> {
  readonly senses: Senses;
  readonly layout: KeyboardName;
  readonly hostFactor: number;
  readonly drive: (live: LiveMachine) => Promise<T>;
}

async function handOver<T>(machine: Machine, { senses, layout, hostFactor, drive }: Hands<T>): Promise<T> {
  const observer = observe(machine, senses.eyes, {
    terminal: senses.terminal,
    learn: senses.learnFont,
    now: () => performance.now(),
  });
  try {
    const typist = senses.typist(observer.hands);
    typist.useLayout(layout);
    const { network } = machine;
    return await drive({ observer, typist, pictures: senses.pictures, hostFactor, network });
  } finally {
    observer.close();
    await machine.close();
  }
}
