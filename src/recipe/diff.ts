/** From two recipes to a patch, and from a patch to something that a person can judge. */
import { isDeepStrictEqual } from 'node:util';
import { digestOf } from '../crypto/canonical.ts';
import { UsageError } from '../errors.ts';
import { CLASS_WORDS, highestClass, type Change } from './change.ts';
import { classifyOperations, movedSteps } from './classify.ts';
import { stepDigest, valueDigest } from './digest.ts';
import { MAX_OPERATIONS } from './limits.ts';
import type { ChangeClass, CheckedRecipe, Operation, Recipe, Step } from './types.ts';

/** Parts that are compared entry by entry; all others are set whole. */
const BY_ENTRY: readonly (keyof Recipe)[] = ['media', 'params', 'needles', 'machine', 'reproducible', 'defaults'];

/**
 * Operations that turn `before` into `after`: applying them gives exactly its digest. Empty where both say the same.
 * Throws UsageError `recipe/too-different` where one patch cannot hold them.
 */
export function diffRecipes(before: CheckedRecipe, after: CheckedRecipe): readonly Operation[] {
  const operations = [
    ...stepOperations(before.recipe.steps, after.recipe.steps),
    ...partDifferences(before.recipe, after.recipe).map(set),
  ];
  if (operations.length <= MAX_OPERATIONS) return operations;
  throw new UsageError(
    'recipe/too-different',
    `The two recipes differ in ${operations.length} places; one patch holds at most ${MAX_OPERATIONS} operations.`,
    {
      hint: 'Publish a new version of the recipe instead.',
    },
  );
}

/** New steps and moves first, so that at no time the recipe is without steps; then removals and replacements. */
function stepOperations(before: readonly Step[], after: readonly Step[]): Operation[] {
  const was = new Map(before.map((step) => [step.id, step]));
  const moved = new Set(movedSteps(before, after));
  const operations: Operation[] = [];
  after.forEach((step, index) => {
    const previous = after[index - 1]?.id ?? null;
    const old = was.get(step.id);
    if (old === undefined) operations.push({ op: 'insert-step', after: previous, step });
    else if (moved.has(step.id))
      operations.push({ op: 'move-step', id: step.id, was: stepDigest(old), after: previous });
  });
  const kept = new Set(after.map(({ id }) => id));
  for (const step of before)
    if (!kept.has(step.id)) operations.push({ op: 'remove-step', id: step.id, was: stepDigest(step) });
  for (const step of after) {
    const old = was.get(step.id);
    if (old && !isDeepStrictEqual(old, step))
      operations.push({ op: 'replace-step', id: step.id, was: stepDigest(old), step });
  }
  return operations;
}

/** One part of a recipe that differs, or one entry of it; undefined: there is none. */
export interface PartDifference {
  readonly path: readonly string[];
  readonly was: unknown;
  readonly is: unknown;
}

/** Everything but the steps. */
export function partDifferences(before: Recipe, after: Recipe): PartDifference[] {
  const parts = [...new Set([...Object.keys(before), ...Object.keys(after)])] as (keyof Recipe)[];
  return parts.flatMap((part): PartDifference[] => {
    const [was, is] = [before[part], after[part]];
    if (part === 'steps' || isDeepStrictEqual(was, is)) return [];
    if (BY_ENTRY.includes(part) && was !== undefined && is !== undefined)
      return entryDifferences(part, was as Fields, is as Fields);
    return [{ path: [part], was, is }];
  });
}

type Fields = Readonly<Record<string, unknown>>;

function entryDifferences(part: string, was: Fields, is: Fields): PartDifference[] {
  const names = [...new Set([...Object.keys(was), ...Object.keys(is)])];
  const own = (fields: Fields, name: string): unknown => (Object.hasOwn(fields, name) ? fields[name] : undefined);
  return names.flatMap((name) => {
    const entry = { path: [part, name], was: own(was, name), is: own(is, name) };
    return isDeepStrictEqual(entry.was, entry.is) ? [] : [entry];
  });
}

function set({ path, was, is }: PartDifference): Operation {
  return {
    op: 'set',
    path,
    was: was === undefined ? null : (valueDigest(was) ?? digestOf(was)),
    value: is === undefined ? null : is,
  };
}

/** Columns of a terminal line. */
const WIDTH = 80;

/**
 * A patch as a review reads it: what was and what is, and how far it reaches. Lines of at most 80 columns. Throws like
 * `applyOperations` where the operations do not fit the recipe.
 */
export function describeOperations(recipe: CheckedRecipe, operations: readonly Operation[]): string[] {
  const patch = classifyOperations(recipe, operations);
  const lines = patch.operations.flatMap(({ operation, changes, class: reach }, index) => {
    const count = operations.length === 1 ? '' : `${index + 1} of ${operations.length}: `;
    if (changes.length === 0) return wrap(`${count}${operation.op} changes nothing [${reach}]`, '');
    return changes.flatMap((change, at) => describeChange(change, at === 0 ? count : ' '.repeat(count.length)));
  });
  return [...lines, ...wrap(`Class: ${reachInWords(patch.class, patch.operations)}`, '    ')];
}

/** How far all of it reaches, which of the changes make it so, and how far it would reach without them. */
function reachInWords(whole: ChangeClass, changes: readonly { readonly class: ChangeClass }[]): string {
  const words = (reach: ChangeClass): string => `${reach} (${CLASS_WORDS[reach]})`;
  const lesser = changes.filter((change) => change.class !== whole);
  if (lesser.length === 0) return words(whole);
  const others = highestClass(lesser);
  const furthest = changes.flatMap((change, index) => (change.class === whole ? [index + 1] : []));
  if (furthest.length === 0) return `${words(whole)} together; each by itself reaches no further than ${words(others)}`;
  const rest = lesser.length === 1 ? 'the other reaches' : 'the others reach';
  return `${words(whole)}, because of ${furthest.join(', ')}; ${rest} no further than ${words(others)}`;
}

function describeChange({ class: reach, where, reason, before, after }: Change, lead: string): string[] {
  return [
    ...wrap(`${lead}${where}: ${reason} [${reach}]`, '    '),
    ...(before === undefined ? [] : wrap(`  - ${before}`, '    ')),
    ...(after === undefined ? [] : wrap(`  + ${after}`, '    ')),
  ];
}

/** Breaks at blanks, and inside words that are longer than a line; further lines are indented. */
function wrap(text: string, indent: string): string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > WIDTH) {
    const blank = rest.lastIndexOf(' ', WIDTH);
    const at = blank > indent.length + 20 ? blank : WIDTH;
    lines.push(rest.slice(0, at));
    rest = indent + rest.slice(at).trimStart();
  }
  return [...lines, rest];
}
