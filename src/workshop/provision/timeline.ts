/**
 * The moments of one build that can be gone back to: power-on, and the checkpoints that fit the recipe as it is now.
 * Going back means a new machine in an old state.
 */
import type { Digest } from '../../crypto/digest.ts';
import { PortalgunError } from '../../errors.ts';
import type { ResolvedRecipe, Step } from '../../recipe/types.ts';
import type { Machine } from '../machine/types.ts';
import { checkpointKeys, powerOnKey } from './checkpoint-key.ts';
import type { CheckpointSession } from './checkpoints.ts';
import type { BuildEventBody } from './types.ts';
import type { Workbench } from './workbench.ts';

export interface Arrival {
  readonly machine: Machine;
  /** The step whose end this is; `null`: power-on. */
  readonly step: string | null;
  /** Key of the checkpoint; `null`: power-on. */
  readonly key: Digest | null;
  /** Index of the next step. */
  readonly next: number;
}

export interface Timeline {
  /** Steps whose end can be gone back to, oldest first, `null` (power-on) at the head. */
  readonly reachable: readonly (string | null)[];
  /** A machine in the state of the last checkpoint at or before the end of the step `to`, or just powered on. */
  goTo(to: string | null, resolved: ResolvedRecipe, signal: AbortSignal): Promise<Arrival>;
  /** Makes a checkpoint after the step at `index`. */
  save(machine: Machine, index: number, resolved: ResolvedRecipe): Promise<void>;
}

export function createTimeline(
  workbench: Workbench,
  session: CheckpointSession | null,
  stepsOf: (resolved: ResolvedRecipe) => readonly Step[],
  emit: (event: BuildEventBody) => void,
): Timeline {
  /** Those that a machine could not be restored from: made again when their step is done again. */
  const unusable = new Set<Digest>();
  let reachable: readonly (string | null)[] = [null];

  function keysOf(resolved: ResolvedRecipe): ReturnType<typeof checkpointKeys> {
    if (session === null) return [];
    return checkpointKeys(powerOnKey({ resolved, ...workbench }), stepsOf(resolved));
  }

  /** Those that are there, up to the step at `last`. */
  async function existing(resolved: ResolvedRecipe, last: number) {
    const found = [];
    for (const place of keysOf(resolved).filter(({ index }) => index <= last)) {
      const checkpoint = unusable.has(place.key) ? undefined : await session?.find(place.key);
      if (checkpoint !== undefined) found.push({ ...place, checkpoint });
    }
    return found;
  }

  async function goTo(to: string | null, resolved: ResolvedRecipe, signal: AbortSignal): Promise<Arrival> {
    const last = to === null ? -1 : stepsOf(resolved).findIndex((step) => step.id === to);
    const places = await existing(resolved, last);
    for (;;) {
      const place = places.at(-1);
      reachable = [null, ...places.map((one) => one.step)];
      if (place === undefined || session === null) break;
      const { step, key, index, checkpoint } = place;
      try {
        const machine = await workbench.restore(checkpoint, session.disksDir, signal);
        return { machine, step, key, next: index + 1 };
      } catch (error) {
        if (signal.aborted || !(error instanceof PortalgunError)) throw error;
        unusable.add(key);
        places.pop();
        emit({ event: 'phase', phase: 'boot', detail: `going further back than "${step}": ${error.message}` });
      }
    }
    const machine = await workbench.powerOn(session?.disksDir ?? null, signal);
    return { machine, step: null, key: null, next: 0 };
  }

  async function save(machine: Machine, index: number, resolved: ResolvedRecipe): Promise<void> {
    const place = keysOf(resolved).find((one) => one.index === index);
    if (place === undefined || session === null) return;
    const { key, parent, step } = place;
    if (unusable.delete(key)) await session.discard(key);
    const made = await session.save(machine, { key, parent, step, recipe: resolved.recipe.name });
    reachable = [...reachable, step];
    emit({ event: 'checkpoint', step, key, memoryBytes: made.memoryBytes });
  }

  return {
    get reachable() {
      return reachable;
    },
    goTo,
    save,
  };
}
