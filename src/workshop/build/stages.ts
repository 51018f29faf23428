/**
 * A build as a chain of machines. A recipe without a base, or one that goes on from a running machine, is one stage; where
 * a base ends with its machine switched off, the base is a stage of its own, built only if its end is not kept already.
 */
import path from 'node:path';
import { machineRoot, stepsOfPart } from '../../recipe/lineage.ts';
import type { ResolvedRecipe } from '../../recipe/types.ts';
import type { VerifiedMedia } from '../media/types.ts';
import { startMachine } from '../machine/index.ts';
import type { StartOptions } from '../machine/types.ts';
import {
  createWorkbench,
  keysOn,
  nameBase,
  openCheckpoints,
  runSteps,
  type Origin,
  type RunOptions,
  type RunResult,
  type Workbench,
} from '../provision/index.ts';
import type { HostFacts } from './host.ts';
import { planMachine, type MachinePlan } from './plan.ts';
import { sensesFor } from './senses.ts';
import type { BuildRequest, Making } from './types.ts';

export interface Stage {
  readonly resolved: ResolvedRecipe;
  /** Of the recipe whose machine it is: what the guest was started with. */
  readonly media: VerifiedMedia;
  readonly plan: MachinePlan;
  readonly workbench: Workbench;
  readonly origin?: Origin;
}

export interface StageParts {
  readonly request: BuildRequest;
  readonly making: Making;
  readonly host: HostFacts;
  readonly mediaOf: (resolved: ResolvedRecipe) => VerifiedMedia;
}

/** Plans the machine that the recipe's steps are done on, and, before it, those that its disks come from. */
export async function planStage(resolved: ResolvedRecipe, parts: StageParts): Promise<Stage> {
  const { request, making, host, mediaOf } = parts;
  const root = machineRoot(resolved);
  const media = mediaOf(root);
  const origin = root.base && (await originOf(root.base.resolved, root.base.after, parts));
  const folder = await making.folder(`machine-${root.digest.slice(-12)}`);
  const plan = varied(await planMachine(root, media, folder, request.signal, origin?.key), request);
  const workbench = createWorkbench({
    start: (options) => startMachine({ ...options, ...surroundingsOf(request) }),
    config: plan.config,
    media: plan.media,
    accelerator: host.accelerator,
    qemuVersion: host.qemuVersion,
    runtimeDir: request.folders.runtime,
    disksDir: path.join(folder, 'disks'),
  });
  return { resolved, media, plan, workbench, ...(origin && { origin }) };
}

/** The promise of a fixed clock is kept; without one the guest may find itself at any time. */
function varied(plan: MachinePlan, { variation, now }: BuildRequest): MachinePlan {
  if (variation === undefined || plan.config.clockEpochSeconds !== undefined) return plan;
  const clockEpochSeconds = Math.floor(now().getTime() / 1000) + variation.clockShiftSeconds;
  return { ...plan, config: { ...plan.config, clockEpochSeconds } };
}

function surroundingsOf({ variation }: BuildRequest): Pick<StartOptions, 'surroundings'> {
  return variation === undefined ? {} : { surroundings: variation.surroundings };
}

/** Nobody mends a base on the way: a patch of it belongs into its own recipe, under its own digest. */
async function originOf(base: ResolvedRecipe, after: string, parts: StageParts): Promise<Origin> {
  const stage = await planStage(base, parts);
  const placed = stepsOfPart(base, 'steps').map((one) => (one.step.id === after ? { ...one, begins: true } : one));
  const end = keysOn(stage.workbench, base, placed).find(({ step }) => step === after);
  if (end === undefined) throw new TypeError('a base begins after one of its steps');
  return {
    key: end.key,
    async reach() {
      parts.making.tell({ event: 'phase', phase: 'steps', detail: `the base ${base.recipe.name}` });
      const run = await runStage(stage, parts, { until: after, sources: [] }).catch(nameBase(base.recipe.name));
      await run.end();
    },
  };
}

export async function runStage(
  { resolved, media, workbench, origin }: Stage,
  { request, making, host }: StageParts,
  options: Pick<RunOptions, 'sources' | 'from' | 'until'>,
): Promise<RunResult> {
  return runSteps({
    resolved,
    workbench,
    ...(origin && { origin }),
    senses: await sensesFor(media, host.factor, request.folders.cache),
    checkpoints: openCheckpoints(request.folders.checkpoints),
    emit: request.emit,
    hostFactor: host.factor,
    signal: request.signal,
    startedAtMs: making.startedAtMs,
    keepPicture: making.keepPicture,
    ...options,
  });
}
