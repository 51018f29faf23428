/** Runs recipes on small real machines, under software emulation: what tests of the engine with a real QEMU share. */
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { parseRecipe } from '../../../src/recipe/parse.ts';
import { resolveRecipe } from '../../../src/recipe/resolve.ts';
import type { Recipe, ResolvedRecipe, Step } from '../../../src/recipe/types.ts';
import { startMachine, type MachineConfig } from '../../../src/workshop/machine/index.ts';
import {
  createSenses,
  createWorkbench,
  openCheckpoints,
  runSteps,
  type RunOptions,
  type RunResult,
} from '../../../src/workshop/provision/index.ts';
import type { Outside } from '../../../src/workshop/network/outside.ts';
import { createEyes } from '../../../src/workshop/screen/index.ts';

/** What timeouts are multiplied by: a screen may stand still for that much longer, too, before a step is given up. */
const HOST_FACTOR = 3;

/** A recipe whose steps are tried once each. */
export function recipeOf(steps: readonly Step[], more: Partial<Recipe> = {}): ResolvedRecipe {
  const document = {
    recipe: 1,
    name: 'real',
    version: '1.0.0',
    machine: { arch: 'x86_64', memory: '64M' },
    defaults: { timeout: '20s', retries: 0 },
    ...more,
    steps,
  };
  return resolveRecipe(parseRecipe(JSON.stringify(document)), {});
}

export interface RealRun extends Partial<RunOptions> {
  readonly resolved: ResolvedRecipe;
  readonly config: MachineConfig;
  /** Of the test's own: a second run in it goes on from the checkpoints of the first. */
  readonly folder: string;
  readonly qemu?: string;
  /** Where the guest's proxy leads to. */
  readonly outside?: Outside;
}

export function runReally({ config, folder, qemu, outside, ...options }: RealRun): Promise<RunResult> {
  return runSteps({
    workbench: createWorkbench({
      start: (start) => startMachine({ ...start, ...(outside && { outside }) }),
      config,
      media: sha256('what is in the drives'),
      accelerator: 'tcg',
      qemuVersion: 'whichever is installed',
      runtimeDir: join(folder, 'run'),
      disksDir: join(folder, 'disks'),
      ...(qemu !== undefined && { qemu }),
    }),
    senses: createSenses(createEyes()),
    checkpoints: openCheckpoints(join(folder, 'checkpoints')),
    sources: [],
    emit: () => undefined,
    hostFactor: HOST_FACTOR,
    signal: new AbortController().signal,
    ...options,
  });
}

export async function finish({ machine, end }: Pick<RunResult, 'machine' | 'end'>): Promise<void> {
  await machine.close();
  await end();
}
