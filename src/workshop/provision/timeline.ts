/**
 * The moments of one build that can be gone back to: power-on, and the checkpoints that fit the recipe as it is now.
 * Going back means a new machine in an old state.
 */
import { digestHex, shortDigest, type Digest } from '../../crypto/digest.ts';
import { FailedError, PortalgunError, UsageError } from '../../errors.ts';
import { needlesOfStep } from '../../recipe/conditions.ts';
import { machineRoot, type PlacedStep } from '../../recipe/lineage.ts';
import { insertedAfter } from '../../recipe/removable.ts';
import type { Recipe, ResolvedRecipe, Step } from '../../recipe/types.ts';
import { switchedOff } from '../machine/switched-off.ts';
import type { Machine } from '../machine/types.ts';
import { checkpointKeys, powerOnKey, type CheckpointPlace, type KeyedStep } from './checkpoint-key.ts';
import type { Checkpoint, CheckpointSession } from './checkpoints.ts';
import type { BuildEventBody } from './types.ts';
import type { Inserted, Workbench } from './workbench.ts';

export interface Arrival {
  readonly machine: Machine;
  /** The step whose end this is; `null`: power-on. */
  readonly step: string | null;
  /** Key of the checkpoint; `null`: power-on. */
  readonly key: Digest | null;
  /** Index of the next step. */
  readonly next: number;
}

/** Where a machine has its disks from at power-on: the end of another recipe, as a checkpoint of a machine that is off. */
export interface Origin {
  readonly key: Digest;
  /** Builds it where it is not there. */
  reach(signal: AbortSignal): Promise<void>;
}

export interface Timeline {
  /** Steps whose end can be gone back to, oldest first, `null` (power-on) at the head. */
  readonly reachable: readonly (string | null)[];
  /** A machine in the state of the last checkpoint at or before the end of the step `to`, or just powered on. */
  goTo(to: string | null, resolved: ResolvedRecipe, signal: AbortSignal): Promise<Arrival>;
  /** The step whose checkpoint is meant by its id, or by the first digits of the key. Throws `build/no-such-checkpoint`. */
  named(text: string, resolved: ResolvedRecipe): Promise<string>;
  /** What there is of the way to the recipe's end, in order: the end of the base that the disks came from, and each checkpoint. */
  kept(resolved: ResolvedRecipe): Promise<readonly Checkpoint[]>;
  /** Makes a checkpoint after the step at `index`. */
  save(machine: Machine, index: number, resolved: ResolvedRecipe): Promise<void>;
}

/** Where in a machine's life checkpoints may be, in order, and their keys. */
export function keysOn(
  workbench: Pick<Workbench, 'config' | 'media' | 'qemuVersion' | 'accelerator'>,
  resolved: ResolvedRecipe,
  placed: readonly PlacedStep[],
): readonly CheckpointPlace[] {
  const { config, media, qemuVersion, accelerator } = workbench;
  const powerOn = powerOnKey({ resolved: machineRoot(resolved), config, media, qemuVersion, accelerator });
  return checkpointKeys(
    powerOn,
    placed.map(({ step, author }) => withNeedles(step, author.recipe.needles)),
  );
}

/** A step only names the pictures that it looks for or clicks on: what they show has led to the state too. */
function withNeedles(step: Step, needles: Recipe['needles'] = {}): KeyedStep {
  const used = Object.fromEntries(
    needlesOfStep(step).flatMap((name) => (needles[name] ? [[name, needles[name]]] : [])),
  );
  return Object.keys(used).length === 0 ? step : { ...step, needles: used };
}

export function createTimeline(
  workbench: Workbench,
  session: CheckpointSession | null,
  stepsOf: (resolved: ResolvedRecipe) => readonly PlacedStep[],
  emit: (event: BuildEventBody) => void,
  origin?: Origin,
): Timeline {
  /** Those that a machine could not be restored from: made again when their step is done again. */
  const unusable = new Set<Digest>();
  let reachable: readonly (string | null)[] = [null];

  function keysOf(resolved: ResolvedRecipe): readonly CheckpointPlace[] {
    if (session === null) return [];
    return keysOn(workbench, resolved, stepsOf(resolved));
  }

  /** The disks that the machine begins with; held until the session ends. */
  async function foundation(signal: AbortSignal): Promise<Checkpoint | undefined> {
    if (origin === undefined) return undefined;
    if (session === null) throw new TypeError('a recipe with a base is built with checkpoints');
    const there = await session.find(origin.key);
    if (there) return there;
    await origin.reach(signal);
    const made = await session.find(origin.key);
    if (made) return made;
    throw new FailedError('provision/base-gone', 'the end of the base was removed while it was needed', {
      hint: 'Run the same command again, and nothing that prunes checkpoints meanwhile.',
    });
  }

  /** Those that are there, up to the step at `last`. */
  async function existing(resolved: ResolvedRecipe, last: number) {
    const found = [];
    const there = await session?.keys();
    for (const place of keysOf(resolved).filter(({ index, key }) => index <= last && there?.has(key) === true)) {
      const checkpoint = unusable.has(place.key) ? undefined : await session?.find(place.key);
      if (checkpoint !== undefined) found.push({ ...place, checkpoint });
    }
    return found;
  }

  /** What is in the drives at the end of the step at `index`. */
  function insertedAt(resolved: ResolvedRecipe, index: number): Inserted {
    const done = stepsOf(resolved).slice(0, index + 1);
    return insertedAfter(
      machineRoot(resolved).recipe,
      done.map(({ step }) => step),
    );
  }

  async function goTo(to: string | null, resolved: ResolvedRecipe, signal: AbortSignal): Promise<Arrival> {
    const last = to === null ? -1 : stepsOf(resolved).findIndex(({ step }) => step.id === to);
    const places = await existing(resolved, last);
    for (;;) {
      const place = places.at(-1);
      reachable = [null, ...places.map((one) => one.step)];
      if (place === undefined || session === null) break;
      const { step, key, index, checkpoint } = place;
      try {
        const machine =
          checkpoint.memoryPath === null
            ? switchedOff(checkpoint.disks, workbench)
            : await workbench.restore(checkpoint, {
                memoryPath: checkpoint.memoryPath,
                disksDir: session.disksDir,
                inserted: insertedAt(resolved, index),
                signal,
              });
        return { machine, step, key, next: index + 1 };
      } catch (error) {
        if (signal.aborted || !(error instanceof PortalgunError)) throw error;
        unusable.add(key);
        places.pop();
        emit({ event: 'phase', phase: 'boot', detail: `going further back than "${step}": ${error.message}` });
      }
    }
    const from = await foundation(signal);
    const machine = await workbench.powerOn(session?.disksDir ?? null, signal, from?.disks);
    return { machine, step: null, key: null, next: 0 };
  }

  async function named(text: string, resolved: ResolvedRecipe): Promise<string> {
    const there = await existing(resolved, Infinity);
    const meant = there.filter(({ step, key }) => step === text || (isPrefix(text) && digestHex(key).startsWith(text)));
    const [place] = meant;
    if (place !== undefined && meant.length === 1) return place.step;
    const known = there.map(({ step, key }) => `${step} (${shortDigest(key)})`);
    throw new UsageError('build/no-such-checkpoint', `this build has no checkpoint "${text}" to begin at`, {
      hint: known.length === 0 ? 'It has none yet: build without --from.' : `It has: ${known.join(', ')}.`,
      facts: { wanted: text, checkpoints: there.map(({ step, key }) => ({ step, key })) },
    });
  }

  async function kept(resolved: ResolvedRecipe): Promise<readonly Checkpoint[]> {
    const base = origin && (await session?.find(origin.key));
    const own = (await existing(resolved, Infinity)).map(({ checkpoint }) => checkpoint);
    return [...(base === undefined ? [] : [base]), ...own];
  }

  async function save(machine: Machine, index: number, resolved: ResolvedRecipe): Promise<void> {
    const place = keysOf(resolved).find((one) => one.index === index);
    if (place === undefined || session === null) return;
    const { key, parent, step } = place;
    const { author } = stepsOf(resolved)[index] ?? { author: resolved };
    if (unusable.delete(key)) await session.discard(key);
    const first = keysOf(resolved)[0]?.parent === parent;
    const base = first && origin ? { base: origin.key } : {};
    const made = await session.save(machine, { key, parent, ...base, step, recipe: author.recipe.name });
    reachable = [...reachable, step];
    emit({ event: 'checkpoint', step, key, memoryBytes: made.memoryBytes });
  }

  return {
    get reachable() {
      return reachable;
    },
    goTo,
    named,
    kept,
    save,
  };
}

/** Short forms of ids are at least as long as everywhere else on the command line. */
function isPrefix(text: string): boolean {
  return /^[0-9a-f]{6,64}$/.test(text);
}
