/**
 * The keys of the checkpoint tree: each is the digest of all that led to the state. Two builds that did the same things
 * to the same machine share a key, whatever their recipes are called; a changed step voids what comes after it, and
 * nothing before.
 */
import { digestOf } from '../../crypto/canonical.ts';
import type { Digest } from '../../crypto/digest.ts';
import type { RecipeNeedle, ResolvedRecipe, Step } from '../../recipe/types.ts';
import type { MachineConfig } from '../machine/types.ts';

/** What the machine is before its first step. */
export interface PowerOnState {
  readonly resolved: ResolvedRecipe;
  readonly config: MachineConfig;
  /** Digest over the contents of all media and disks that are attached. */
  readonly media: Digest;
  readonly qemuVersion: string;
  readonly accelerator: string;
}

/** Version of what goes into a key: a change of the rules voids all checkpoints, on purpose. */
const KEY_VERSION = 1;

export function powerOnKey(state: PowerOnState): Digest {
  const { config, media, qemuVersion, accelerator } = state;
  const { machine, reproducible } = state.resolved.recipe;
  return digestOf({
    version: KEY_VERSION,
    recipe: { machine, reproducible: reproducible ?? null },
    config: withoutPaths(config),
    media,
    qemuVersion,
    accelerator,
  });
}

/** A step, with the pictures that it names. */
export type KeyedStep = Step & { readonly needles?: Readonly<Record<string, RecipeNeedle>> };

/** The key after `steps` have been done on the state `parent`. */
export function keyAfter(parent: Digest, steps: readonly KeyedStep[]): Digest {
  return digestOf({ version: KEY_VERSION, parent, steps });
}

export interface CheckpointPlace {
  readonly step: string;
  readonly index: number;
  readonly key: Digest;
  readonly parent: Digest;
}

/**
 * The key that a checkpoint after each step would have, in order. Only steps that ask for one are parents of what follows:
 * whatever else is kept on the way, the keys after it are the same.
 */
export function checkpointKeys(powerOn: Digest, steps: readonly KeyedStep[]): readonly CheckpointPlace[] {
  const keys: CheckpointPlace[] = [];
  let parent = powerOn;
  let since = 0;
  for (const [index, step] of steps.entries()) {
    const key = keyAfter(parent, steps.slice(since, index + 1));
    keys.push({ step: step.id, index, key, parent });
    if (step.checkpoint !== true) continue;
    parent = key;
    since = index + 1;
  }
  return keys;
}

/** Where the files lie on this host says nothing about the guest; their contents are in `media`. */
function withoutPaths(config: MachineConfig): unknown {
  const { disks, kernel, firmware, shelf, ...rest } = config;
  return {
    ...rest,
    ...(firmware !== undefined && { firmware: true }),
    ...(shelf !== undefined && { shelf: Object.keys(shelf) }),
    disks: disks.map(({ path: _path, ...disk }) => disk),
    kernel: kernel === undefined ? null : { args: kernel.args ?? null, initrd: kernel.initrd !== undefined },
  };
}
