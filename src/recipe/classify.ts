/**
 * Classes of change: how far a patch reaches. wording < choices < sends < authority. Computed from what the operations
 * do to the recipe, never taken from what a patch says about itself; whatever is not known to be less is `authority`.
 */
import { isDeepStrictEqual } from 'node:util';
import { watchConditionChanges } from './condition-changes.ts';
import { actsOf } from './conditions.ts';
import { fixedValue } from './fixed.ts';
import { inheritedNameChanges } from './inherited-names.ts';
import { recipeStates } from './patch.ts';
import { parameterCheckChanges } from './parameter-checks.ts';
import { patienceChanges } from './patience.ts';
import { printable } from './problems.ts';
import { renderInline } from './render-yaml.ts';
import { highestClass, type Change } from './change.ts';
import type { Values } from './placeholders.ts';
import { selfConfirmed, stepAdded, stepChanged, stepMoved, stepRemoved } from './step-changes.ts';
import type { ChangeClass, CheckedRecipe, Operation, Param, Recipe, Step } from './types.ts';

export interface ClassifiedOperation {
  readonly operation: Operation;
  readonly class: ChangeClass;
  readonly changes: readonly Change[];
}

export interface ClassifiedPatch {
  /** The highest class of any operation, and of all of them together. */
  readonly class: ChangeClass;
  readonly operations: readonly ClassifiedOperation[];
}

/** Throws RefusedError like `applyOperations` where an operation is not understood or does not fit. */
export function classOf(recipe: CheckedRecipe, operations: readonly Operation[]): ChangeClass {
  return classifyOperations(recipe, operations).class;
}

export function classifyOperations(recipe: CheckedRecipe, operations: readonly Operation[]): ClassifiedPatch {
  const states = recipeStates(recipe.recipe, operations);
  const classified = operations.map((operation, index): ClassifiedOperation => {
    const [before, after] = [states[index], states[index + 1]];
    const changes = before && after ? recipeChanges(before, after) : [];
    return { operation, class: highestClass(changes), changes };
  });
  // Together they may reach further than each alone: a menu reworded by one and its entry changed by another.
  const whole = recipeChanges(recipe.recipe, states.at(-1) ?? recipe.recipe);
  return { class: highestClass([...classified, ...whole]), operations: classified };
}

/** Every difference between two documents that have a recipe's shape. */
export function recipeChanges(before: Recipe, after: Recipe): Change[] {
  const parts = new Set([...Object.keys(before), ...Object.keys(after)] as (keyof Recipe)[]);
  const changed = [...parts].filter((part) => !isDeepStrictEqual(before[part], after[part]));
  const changes = changed.flatMap((part) => partChanges(part, before, after));
  // What is typed and what confirms it may come out of a parameter's default.
  const touches = (...those: (keyof Recipe)[]): boolean => those.some((part) => changed.includes(part));
  const values = { before: valuesOf(before), after: valuesOf(after) };
  if (touches('steps', 'params')) changes.push(...selfConfirmations(before, after, values));
  if (touches('params')) changes.push(...parameterCheckChanges(before, after, values));
  if (touches('steps', 'watch', 'params')) changes.push(...inheritedNameChanges(before, after));
  if (touches('steps', 'personalise', 'defaults')) changes.push(...patienceChanges(before, after));
  return changes;
}

function selfConfirmations(
  before: Recipe,
  after: Recipe,
  values: { readonly before: Values; readonly after: Values },
): Change[] {
  return after.steps.flatMap((step, index) => {
    const place = before.steps.findIndex(({ id }) => id === step.id);
    const was =
      place < 0 ? ([undefined, undefined] as const) : ([before.steps[place], before.steps[place + 1]] as const);
    return selfConfirmed(was, [step, after.steps[index + 1]], values);
  });
}

function partChanges(part: keyof Recipe, before: Recipe, after: Recipe): Change[] {
  switch (part) {
    case 'steps':
      return stepsChanges(before.steps, after.steps);
    case 'watch':
      return watchChanges(before, after);
    case 'params':
      return paramsChanges(before.params ?? {}, after.params ?? {});
    case 'defaults':
      return [plain('wording', 'defaults', 'time limits and retries', before.defaults, after.defaults)];
    case 'summary':
      return [plain('wording', 'summary', 'the summary for people', before.summary, after.summary)];
    default:
      return authorityChanges(part, before[part], after[part]);
  }
}

/** Entry by entry where both sides have entries, so that a person reads what differs and not all that does not. */
function authorityChanges(part: keyof Recipe, before: unknown, after: unknown): Change[] {
  const reason = AUTHORITY[part] ?? 'only a person may change this';
  if (!isFields(before) || !isFields(after)) return [plain('authority', part, reason, before, after)];
  const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
  return names
    .filter((name) => !isDeepStrictEqual(before[name], after[name]))
    .map((name) => plain('authority', `${part}.${name}`, reason, before[name], after[name]));
}

function isFields(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const AUTHORITY: Readonly<Partial<Record<keyof Recipe, string>>> = {
  recipe: 'the version of the recipe language',
  name: 'what the recipe is called, which policies go by',
  version: 'which version it is, which policies go by',
  base: 'the recipe that it starts from',
  media: 'what the build starts from and installs',
  archives: 'where its packages come from',
  needles: 'what a needle looks like, which decides what is seen and where is clicked',
  machine: 'the machine, its disks, keyboard and network',
  reproducible: 'clock, ids and environment, which decide what compares',
  outputs: 'what is measured and attested',
  normalise: 'what is not compared',
  provides: 'what other recipes rely on',
  requires: 'what it relies on',
  personalise: 'the steps that handle secrets',
};

function plain(reach: ChangeClass, where: string, reason: string, before: unknown, after: unknown): Change {
  return {
    class: reach,
    where,
    reason,
    ...(before !== undefined && { before: short(before) }),
    ...(after !== undefined && { after: short(after) }),
  };
}

function short(value: unknown): string {
  const text = renderInline(value);
  return text.length > 300 ? printable(value) : text;
}

/** What a placeholder stands for unless the person says otherwise. */
function valuesOf(recipe: Recipe): Values {
  const { params = {} } = recipe;
  return (name) => {
    const value = Object.hasOwn(params, name) ? params[name]?.default : fixedValue(recipe, name);
    return value === undefined ? undefined : String(value);
  };
}

function stepsChanges(before: readonly Step[], after: readonly Step[]): Change[] {
  const was = new Map(before.map((step) => [step.id, step]));
  const is = new Map(after.map((step) => [step.id, step]));
  const changes: Change[] = [];
  for (const step of before) if (!is.has(step.id)) changes.push(...stepRemoved(step));
  for (const step of after) {
    const old = was.get(step.id);
    if (old === undefined) changes.push(...stepAdded(step));
    else if (!isDeepStrictEqual(old, step)) changes.push(...stepChanged(old, step));
  }
  const moved = movedSteps(before, after);
  for (const id of moved) {
    const step = is.get(id);
    if (step) changes.push(...stepMoved(step, placeOf(before, id), placeOf(after, id)));
  }
  const passed = moved.length > 0 ? passedCheck(before, after) : undefined;
  if (passed !== undefined) changes.push(passed);
  // A document in between may hold an id twice; a repeated step is never less than something new being sent.
  if (is.size !== after.length) changes.push({ class: 'authority', where: 'steps', reason: 'two steps have one id' });
  return changes;
}

/** Whichever of the two was moved: an act that waited for a check and now comes before it. */
function passedCheck(before: readonly Step[], after: readonly Step[]): Change | undefined {
  const position = new Map(after.map(({ id }, index) => [id, index]));
  for (const [index, check] of before.entries()) {
    const place = position.get(check.id);
    if (place === undefined || actsOf(check).length > 0) continue;
    const act = before.slice(index + 1).find((step) => (position.get(step.id) ?? place) < place);
    if (act === undefined) continue;
    return { class: 'authority', where: `step ${act.id}`, reason: `it no longer waits for the step ${check.id}` };
  }
  return undefined;
}

function placeOf(steps: readonly Step[], id: string): string {
  const previous = steps[steps.findIndex((step) => step.id === id) - 1];
  return previous === undefined ? 'in the first place' : `after ${previous.id}`;
}

/** Ids of the fewest steps that must be moved so that the steps both have in common are in the new order. */
export function movedSteps(
  before: readonly { readonly id: string }[],
  after: readonly { readonly id: string }[],
): string[] {
  const position = new Map(before.map(({ id }, index) => [id, index]));
  const common = after.map(({ id }) => id).filter((id) => position.has(id));
  const staying = new Set(longestIncreasing(common, (id) => position.get(id) ?? -1));
  return common.filter((id) => !staying.has(id));
}

/** Longest subsequence whose keys rise; among equals the one that ends first. Quadratic: a recipe has at most 256 steps. */
function longestIncreasing(ids: readonly string[], key: (id: string) => number): string[] {
  const chains: string[][] = [];
  for (const id of ids) {
    let longest: string[] = [];
    for (const chain of chains) {
      const last = chain.at(-1);
      if (last !== undefined && key(last) < key(id) && chain.length > longest.length) longest = chain;
    }
    chains.push([...longest, id]);
  }
  return chains.reduce((longest, chain) => (chain.length > longest.length ? chain : longest), []);
}

/** A watch can only stop a build: whatever may keep it from doing so takes a check away. */
function watchChanges({ watch: before = [] }: Recipe, { watch: after = [] }: Recipe): Change[] {
  const sameIds = isDeepStrictEqual(
    before.map(({ id, fail }) => [id, fail]),
    after.map(({ id, fail }) => [id, fail]),
  );
  if (!sameIds) return [plain('authority', 'watch', 'what stops a build is added, removed or renamed', before, after)];
  return before.flatMap((watch, index) =>
    watchConditionChanges(watch.when, after[index]?.when ?? watch.when, `watch ${watch.id}`),
  );
}

type Params = Readonly<Record<string, Param>>;

function paramsChanges(before: Params, after: Params): Change[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].flatMap((name): Change[] => {
    const was = Object.hasOwn(before, name) ? before[name] : undefined;
    const is = Object.hasOwn(after, name) ? after[name] : undefined;
    if (isDeepStrictEqual(was, is)) return [];
    const where = `params.${name}`;
    if (was?.type === 'secret' || is?.type === 'secret') return [plain('authority', where, 'a secret', was, is)];
    if (was === undefined) return [plain('sends', where, 'a new parameter', was, is)];
    if (is === undefined || was.type !== is.type || was.pattern !== is.pattern) {
      return [plain('authority', where, 'which values are allowed', was, is)];
    }
    if (was.default !== is.default) return [plain('sends', where, 'another default value', was, is)];
    return [plain('wording', where, 'the summary for people', was, is)];
  });
}
