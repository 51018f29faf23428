/**
 * What a recipe takes over from its base: machine, parameters, watches and defaults. It may add disks where it begins
 * with a new machine, and bind parameters; it never changes a step of the base, which is what a patch is for.
 */
import { isDeepStrictEqual } from 'node:util';
import { actsOf, needlesUsed, switchesOff, usesNetwork, usesPointer } from './conditions.ts';
import { DEFAULT_KEYBOARD } from './keyboards.ts';
import { lineageOf, machineRoot } from './lineage.ts';
import { changingDrives, driveOf } from './removable.ts';
import { fixedValue } from './fixed.ts';
import { placeholdersIn } from './placeholders.ts';
import { didYouMean } from './problems.ts';
import { keyboardAt } from './typable.ts';
import type { Beginning, Recipe, ResolvedRecipe, WholeRecipe } from './types.ts';

/** Where the recipe begins in its base, or why it cannot. */
export function beginningIn(recipe: Recipe, parent: ResolvedRecipe): Beginning | { readonly problem: string } {
  const { name, steps } = parent.recipe;
  const at = recipe.base?.at;
  const step = at === undefined ? steps.at(-1) : steps.find(({ id }) => id === at);
  if (step === undefined) {
    const ids = steps.map(({ id }) => id);
    return { problem: `base.at: ${name} has no step "${at}"${didYouMean(at ?? '', ids)}` };
  }
  if (at !== undefined && step.checkpoint !== true) {
    const kept = steps.filter(({ checkpoint }) => checkpoint === true).map(({ id }) => id);
    const offer = kept.length === 0 ? 'it has none' : `it has ${kept.join(', ')}`;
    return { problem: `base.at: the step "${at}" of ${name} is no checkpoint; ${offer}` };
  }
  return { resolved: parent, after: step.id, off: switchesOff(step) };
}

/** Everything that does not go together, in words. */
export function inheritanceProblems(recipe: Recipe, { resolved: parent, off, after }: Beginning): string[] {
  const { machine, provides = [], name } = parent.recipe;
  const problems: string[] = [];
  for (const state of recipe.requires ?? []) {
    if (!provides.includes(state)) {
      const offered = provides.length === 0 ? 'it provides nothing' : `it provides ${provides.join(', ')}`;
      problems.push(`requires: ${name} does not provide "${state}"; ${offered}`);
    }
  }
  const inherited = lineageOf(parent);
  const taken = new Set(inherited.flatMap((one) => one.recipe.steps.map(({ id }) => id)));
  for (const { id } of [...recipe.steps, ...(recipe.personalise ?? [])])
    if (taken.has(id)) problems.push(`steps: ${name} has a step "${id}" already`);
  for (const { id } of recipe.watch ?? [])
    if (parent.recipe.watch?.some((watch) => watch.id === id)) problems.push(`watch: ${name} has "${id}" already`);
  for (const needle of Object.keys(recipe.needles ?? {}))
    if (Object.hasOwn(parent.recipe.needles ?? {}, needle)) problems.push(`needles: ${name} has "${needle}" already`);
  const needles = Object.keys({ ...parent.recipe.needles, ...recipe.needles });
  for (const needle of needlesUsed(recipe))
    if (!needles.includes(needle)) problems.push(`there is no needle "${needle}"${didYouMean(needle, needles)}`);
  const disks = (machine.disks ?? []).map(({ id }) => id);
  const added = (recipe.machine?.disks ?? []).map(({ id }) => id);
  for (const id of added) if (disks.includes(id)) problems.push(`machine.disks: ${name} has a disk "${id}" already`);
  for (const { disk } of recipe.outputs ?? [])
    if (![...disks, ...added].includes(disk))
      problems.push(`outputs: the machine has no disk "${disk}"${didYouMean(disk, [...disks, ...added])}`);
  if (!off) problems.push(...sharedMachineProblems(recipe, parent, after));
  return problems;
}

/** A machine that runs on is what it was: nothing is built into it. */
function sharedMachineProblems(recipe: Recipe, parent: ResolvedRecipe, after: string): string[] {
  const why = `the machine of ${parent.recipe.name} runs on after "${after}"`;
  const problems: string[] = [];
  if (recipe.machine !== undefined) problems.push(`machine: ${why}, and cannot be added to`);
  if (recipe.media !== undefined) problems.push(`media: ${why}, and nothing else can be attached to it`);
  if (usesPointer(recipe, 'steps') && !usesPointer(machineRoot(parent).recipe, 'steps'))
    problems.push(`steps: ${why}, and has no pointer, which they use`);
  const drives = changingDrives(machineRoot(parent).recipe);
  for (const act of recipe.steps.flatMap(actsOf)) {
    if ('insert' in act && driveOf(machineRoot(parent).recipe, act.insert) === undefined)
      problems.push(`steps: ${why}, and there is no medium "${act.insert}" for a drive of it`);
    if ('eject' in act && !drives.includes(act.eject))
      problems.push(`steps: ${why}, and has no ${act.eject} drive whose medium changes`);
  }
  if (usesNetwork(recipe, 'steps') && !usesNetwork(machineRoot(parent).recipe, 'steps'))
    problems.push(`steps: ${why}, and has no network, over which they serve files`);
  const { reproducible } = recipe;
  if (reproducible !== undefined && !isDeepStrictEqual(reproducible, parent.recipe.reproducible))
    problems.push(`reproducible: ${why}, and keeps its clock and ids`);
  return problems;
}

/** Names that the recipe uses and nobody declares: only with the base at hand can it be told. */
export function unknownPlaceholders(recipe: Recipe, parent: ResolvedRecipe): string[] {
  const own = Object.keys(recipe.params ?? {});
  const known = [...own, ...Object.keys(parent.params)];
  const used = new Set(placeholdersIn(JSON.stringify([recipe.steps, recipe.watch ?? [], recipe.personalise ?? []])));
  return [...used]
    .filter((name) => !known.includes(name) && fixedValue(withOwnOrBase(recipe, parent), name) === undefined)
    .map((name) => `{{${name}}} is a parameter neither of this recipe nor of its base${didYouMean(name, known)}`);
}

function withOwnOrBase({ name, reproducible }: Recipe, parent: ResolvedRecipe): Pick<Recipe, 'name' | 'reproducible'> {
  const inherited = reproducible ?? parent.recipe.reproducible;
  return { name, ...(inherited && { reproducible: inherited }) };
}

/** The recipe with what it inherits. Parameters are not bound in its own parts; the base's watches have theirs. */
export function withInheritance(recipe: Recipe, { resolved, off, after }: Beginning): WholeRecipe {
  const base = resolved.recipe;
  const keyboard = keyboardAt(base, 'steps', base.steps.findIndex(({ id }) => id === after) + 1);
  const { kernel_args: bootArguments, ...machine } = base.machine;
  const disks = [...(machine.disks ?? []), ...(recipe.machine?.disks ?? [])];
  // A new machine boots what the recipe itself names, or its disk: not the base's installer once more.
  const args = off ? recipe.machine?.kernel_args : bootArguments;
  const watch = [...(base.watch ?? []), ...(recipe.watch ?? [])];
  const needles = { ...base.needles, ...recipe.needles };
  const defaults = { ...base.defaults, ...recipe.defaults };
  const reproducible = recipe.reproducible ?? base.reproducible;
  return {
    ...recipe,
    machine: {
      ...machine,
      ...(disks.length > 0 && { disks }),
      ...(args !== undefined && { kernel_args: args }),
      ...(keyboard !== (machine.keyboard ?? DEFAULT_KEYBOARD) && { keyboard }),
    },
    ...(watch.length > 0 && { watch }),
    ...(Object.keys(needles).length > 0 && { needles }),
    ...(Object.keys(defaults).length > 0 && { defaults }),
    ...(reproducible !== undefined && { reproducible }),
  };
}
