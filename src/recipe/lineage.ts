/**
 * What follows from a base: which steps are done on which machine, and whose they are.
 *
 * A recipe that goes on from a running machine shares it with its base: their steps are one list, and their checkpoints
 * one line. Where the base ends with the machine switched off, a new machine begins, with the base's disks.
 */
import type { CheckedRecipe, ResolvedRecipe, Step } from './types.ts';

/** The recipe, its base, the base of that, and so on. */
export function lineageOf(resolved: ResolvedRecipe): readonly ResolvedRecipe[] {
  return [resolved, ...(resolved.base ? lineageOf(resolved.base.resolved) : [])];
}

/** The documents of all bases, the nearest first: what `resolveRecipe` takes. */
export function basesOf(resolved: ResolvedRecipe): readonly CheckedRecipe[] {
  return lineageOf(resolved)
    .slice(1)
    .map(({ of }) => of);
}

/** The first recipe of those that share a machine: what the machine is made of, it says. */
export function machineRoot(resolved: ResolvedRecipe): ResolvedRecipe {
  return resolved.base === undefined || resolved.base.off ? resolved : machineRoot(resolved.base.resolved);
}

/** One step of a machine's life. */
export interface PlacedStep {
  readonly step: Step;
  /** The recipe that it stands in. */
  readonly author: ResolvedRecipe;
  /** Its end is kept, as `checkpoint: true` does: other recipes begin there. */
  readonly begins: boolean;
}

/** The steps of a part of the recipe, with those that are done on the same machine before them. */
export function stepsOfPart(resolved: ResolvedRecipe, part: 'steps' | 'personalise'): readonly PlacedStep[] {
  if (part === 'steps') return stepsOnMachine(resolved);
  return (resolved.recipe.personalise ?? []).map((step) => ({ step, author: resolved, begins: false }));
}

/** All steps that are done on the recipe's machine, in order: those inherited first. */
export function stepsOnMachine(resolved: ResolvedRecipe): readonly PlacedStep[] {
  const { steps, provides = [] } = resolved.recipe;
  const own = steps.map((step, index): PlacedStep => ({
    step,
    author: resolved,
    begins: index === steps.length - 1 && provides.length > 0,
  }));
  if (resolved.base === undefined || resolved.base.off) return own;
  const { after, resolved: parent } = resolved.base;
  const before = stepsOnMachine(parent);
  const last = before.findIndex(({ step }) => step.id === after);
  const inherited = before.slice(0, last + 1);
  return [...inherited.map((placed, index) => (index === last ? { ...placed, begins: true } : placed)), ...own];
}
