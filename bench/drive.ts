/** Runs a recipe on real machines from within a benchmark, and hands back what the engine told. */
import path from 'node:path';
import { KEYS_FOLDER } from '../src/node/keys-folder.ts';
import { parseRecipe, resolveRecipe } from '../src/recipe/index.ts';
import { examineHost } from '../src/workshop/build/index.ts';
import { planMachine } from '../src/workshop/build/plan.ts';
import { sensesFor } from '../src/workshop/build/senses.ts';
import { startMachine } from '../src/workshop/machine/index.ts';
import { prepareMedia } from '../src/workshop/media/index.ts';
import { createWorkbench, openCheckpoints, runSteps } from '../src/workshop/provision/index.ts';
import type { RunOptions } from '../src/workshop/provision/engine.ts';
import type { BuildEvent } from '../src/workshop/provision/types.ts';
import type { WorkbenchOptions } from '../src/workshop/provision/workbench.ts';

export const RECIPES = path.resolve(import.meta.dirname, '../recipes');

export interface Drive {
  /** YAML text. */
  readonly recipe: string;
  /** Cache, disks and checkpoints; removed by the caller. */
  readonly home: string;
  readonly timeoutMs: number;
  readonly from?: RunOptions['from'];
  /** In place of the machine itself: one that is watched. */
  readonly start?: WorkbenchOptions['start'];
  readonly learnFont?: RunOptions['senses']['learnFont'];
}

/** All that a recipe needs before its machine is started. */
export async function furnish(recipe: string, home: string, signal: AbortSignal) {
  const resolved = resolveRecipe(parseRecipe(recipe), {});
  const cacheDir = path.join(home, 'cache');
  const media = await prepareMedia({
    recipe: resolved,
    recipeDir: RECIPES,
    cacheDir,
    keysDir: KEYS_FOLDER,
    clock: () => new Date(),
    signal,
  });
  const host = await examineHost({ cacheDir, signal });
  const plan = await planMachine(resolved, media, home, signal);
  const senses = await sensesFor(media, host.factor, cacheDir);
  return { resolved, media, host, plan, senses };
}

/** Without repairs: rejects where a step fails. */
export async function drive({ recipe, home, timeoutMs, from, start, learnFont }: Drive): Promise<BuildEvent[]> {
  const signal = AbortSignal.timeout(timeoutMs);
  const { resolved, host, plan, senses } = await furnish(recipe, home, signal);
  const events: BuildEvent[] = [];
  const run = await runSteps({
    resolved,
    workbench: createWorkbench({
      start: start ?? startMachine,
      config: plan.config,
      media: plan.media,
      accelerator: host.accelerator,
      qemuVersion: host.qemuVersion,
      runtimeDir: path.join(home, 'vm'),
      disksDir: path.join(home, 'disks'),
    }),
    senses: learnFont === undefined ? senses : { ...senses, learnFont },
    checkpoints: openCheckpoints(path.join(home, 'checkpoints')),
    ...(from && { from }),
    sources: [],
    emit: (event) => events.push(event),
    hostFactor: host.factor,
    signal,
  });
  await run.machine.close();
  await run.end();
  return events;
}
