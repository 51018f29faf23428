/**
 * Several patches of one recipe, made apart, as one change.
 *
 * What does not touch the same thing, or says the same of it, is put together. Where two contradict each other neither is
 * taken: a person chooses. The result is the same in whatever order the patches come and however they are grouped; it is
 * checked like any recipe; and its class is never less than that of any patch in it, nor than that of the whole change.
 */
import { PortalgunError, RefusedError, UsageError } from '../errors.ts';
import { highestClass, type Change } from './change.ts';
import { recipeChanges } from './classify.ts';
import { recipeDigest } from './digest.ts';
import { footprintOf, GONE, SAME_ORDER, STAYS, wordsOf, type Claim, type Footprint } from './footprint.ts';
import { rewriteYaml } from './layout.ts';
import { MAX_MERGED_PATCHES } from './limits.ts';
import { lintRecipe } from './lint.ts';
import { parseRecipe } from './parse.ts';
import { recipeStates } from './patch.ts';
import type { ChangeClass, CheckedRecipe, Operation, Recipe, Step } from './types.ts';

export interface MergeablePatch {
  /** Whatever tells it from the others: the id of its record. */
  readonly id: string;
  readonly operations: readonly Operation[];
}

export interface Merge {
  /** Ids of what is in the result, sorted. */
  readonly merged: readonly string[];
  /** Ids of patches that cannot be applied to this recipe by themselves, and why; sorted. */
  readonly unfit: readonly { readonly id: string; readonly reason: string }[];
  /** By place, sorted. Nothing that stands in one is in the result. */
  readonly conflicts: readonly Conflict[];
  readonly result: CheckedRecipe;
  /** `wording` where nothing was merged. */
  readonly class: ChangeClass;
}

/** A place that patches make different things of. */
export interface Conflict {
  /** As in `Claim`. */
  readonly place: string;
  /** What is there now, in words; null: nothing. */
  readonly was: string | null;
  /** Who makes what of it; at least two. */
  readonly sides: readonly ConflictSide[];
}

export interface ConflictSide {
  /** Ids, sorted: those who say the same. */
  readonly patches: readonly string[];
  readonly stance: 'changes' | 'removes' | 'needs';
  /** What they make of it, in words. */
  readonly words: string;
}

/**
 * Throws RefusedError `recipe/merge-invalid` where patches that touch different things make no sound recipe together, and
 * UsageError `recipe/too-many-patches`. A patch that does not fit is no error: it is named as unfit.
 */
export function mergePatches(base: CheckedRecipe, patches: readonly MergeablePatch[]): Merge {
  const { fitting, unfit } = footprints(base, patches);
  const known = new Set(lintErrors(base));
  const alone = fitting.map((patch) => ({ patch, outcome: checked(base, patch.state, known) }));
  const sound = alone.flatMap(({ patch, outcome }) => ('problem' in outcome ? [] : [patch]));
  const unsound = alone.flatMap(({ patch, outcome }) =>
    'problem' in outcome ? [{ id: patch.id, reason: outcome.problem }] : [],
  );
  const conflicts = conflictsAmong(base.recipe, sound);
  const disputed = new Set(conflicts.flatMap(({ sides }) => sides.flatMap((side) => side.patches)));
  const agreed = sound.filter(({ id }) => !disputed.has(id));
  const merged = agreed.map(({ id }) => id);
  const rest = { merged, conflicts, unfit: [...unfit, ...unsound].sort((a, b) => compare(a.id, b.id)) };
  if (agreed.length === 0) return { ...rest, result: base, class: 'wording' };
  const value = putTogether(
    base.recipe,
    agreed.map(({ footprint }) => footprint),
  );
  const outcome = checked(base, value, known);
  if ('problem' in outcome) throw invalid(outcome.problem, merged);
  const reach = highestClass([
    ...agreed.flatMap(({ states }) => changesOf(states)),
    ...changesOf([base.recipe, value]),
  ]);
  return { ...rest, result: outcome.recipe, class: reach };
}

/** As a patch is classed: each of its operations by itself, and all of them together. */
function changesOf(states: readonly Recipe[]): Change[] {
  const [first, last] = [states[0], states.at(-1)];
  const pairs = [...states.keys()].slice(1).map((index) => [states[index - 1], states[index]] as const);
  return [...pairs, [first, last] as const].flatMap(([before, after]) =>
    before && after ? recipeChanges(before, after) : [],
  );
}

/** Where patches contradict each other, without putting them together. Throws as `mergePatches` for too many. */
export function conflictsOf(base: CheckedRecipe, patches: readonly MergeablePatch[]): readonly Conflict[] {
  return conflictsAmong(base.recipe, footprints(base, patches).fitting);
}

interface Fitting {
  readonly id: string;
  /** The recipe before its first operation and after each. */
  readonly states: readonly Recipe[];
  readonly state: Recipe;
  readonly footprint: Footprint;
}

function footprints(
  base: CheckedRecipe,
  patches: readonly MergeablePatch[],
): { fitting: Fitting[]; unfit: Merge['unfit'] } {
  const byId = new Map(patches.map((patch) => [patch.id, patch]));
  if (byId.size > MAX_MERGED_PATCHES) {
    throw new UsageError(
      'recipe/too-many-patches',
      `${byId.size} patches are too many to be merged at once, the most are ${MAX_MERGED_PATCHES}`,
      { hint: 'Merge some of them, and the others with the result.' },
    );
  }
  const fitting: Fitting[] = [];
  const unfit: { id: string; reason: string }[] = [];
  for (const { id, operations } of [...byId.values()].sort((a, b) => compare(a.id, b.id))) {
    try {
      const states = recipeStates(base.recipe, operations);
      const state = states.at(-1) ?? base.recipe;
      fitting.push({ id, states, state, footprint: footprintOf(base.recipe, state) });
    } catch (error) {
      if (!(error instanceof PortalgunError)) throw error;
      unfit.push({ id, reason: error.message });
    }
  }
  return { fitting, unfit };
}

interface Side {
  readonly words: string;
  readonly patches: Set<string>;
}

/** Bounded by the claims, not by the pairs of patches: thousands may dispute one place. */
function conflictsAmong(base: Recipe, patches: readonly Fitting[]): Conflict[] {
  const places = new Map<string, Map<string, Side>>();
  const say = (place: string, value: string, words: string, id: string): void => {
    const sides = places.get(place) ?? new Map<string, Side>();
    const side = sides.get(value) ?? { words, patches: new Set() };
    side.patches.add(id);
    places.set(place, sides.set(value, side));
  };
  for (const { id, footprint } of patches)
    for (const { place, value, words } of footprint.claims) say(place, value, words, id);
  for (const { id, footprint } of patches)
    for (const { within } of footprint.claims)
      if (within !== undefined && places.has(within)) say(within, ENTRY, 'another entry of it', id);
  return [...places]
    .flatMap(([place, sides]) => conflictAt(place, sides, wordsOf(base, place) ?? null))
    .sort((a, b) => compare(a.place, b.place));
}

/** Of a part that somebody replaces: who changes an entry of it. */
const ENTRY = 'an entry';

function conflictAt(place: string, sides: ReadonlyMap<string, Side>, was: string | null): Conflict[] {
  const values = [...sides.keys()];
  const contradicting = [...sides].filter(([value]) => values.some((other) => contradict(value, other)));
  if (contradicting.length === 0) return [];
  return [
    {
      place,
      was,
      sides: contradicting
        .map(([value, { words, patches }]) => ({ stance: stanceOf(value), words, patches: [...patches].sort(compare) }))
        .sort((a, b) => compare(a.patches.join(), b.patches.join())),
    },
  ];
}

/** Two claims about one place. */
function contradict(a: Claim['value'], b: Claim['value']): boolean {
  if (a === b) return false;
  // A neighbour may be changed, but not go.
  return a === STAYS || b === STAYS ? a === GONE || b === GONE : true;
}

function stanceOf(value: string): ConflictSide['stance'] {
  if (value === GONE) return 'removes';
  return value === STAYS || value === SAME_ORDER ? 'needs' : 'changes';
}

/** The recipe with all of it, where nothing of it contradicts anything else of it. */
function putTogether(base: Recipe, changes: readonly Footprint[]): Recipe {
  const contents = new Map<string, Step | null>(base.steps.map((step) => [step.id, step]));
  const gaps = new Map<string | null, readonly string[]>();
  let order: readonly string[] | undefined;
  for (const change of changes) {
    for (const [id, step] of change.steps) contents.set(id, step);
    order ??= change.order;
    if (change.order === undefined) for (const [previous, ids] of change.gaps) gaps.set(previous, ids);
  }
  order ??= [...(gaps.get(null) ?? []), ...base.steps.flatMap(({ id }) => [id, ...(gaps.get(id) ?? [])])];
  const steps = order.flatMap((id) => contents.get(id) ?? []);
  return changes.flatMap(({ parts }) => parts).reduce(withPart, { ...base, steps });
}

function withPart(recipe: Recipe, { path: [part = '', entry], is }: Footprint['parts'][number]): Recipe {
  const put = (fields: object, name: string, value: unknown): object => {
    const others = Object.entries(fields).filter(([other]) => other !== name);
    // Not an assignment: the name may be anything, `__proto__` included.
    return Object.fromEntries(value === undefined ? others : [...others, [name, value]]);
  };
  const fields = recipe as unknown as Readonly<Record<string, object>>;
  const value = entry === undefined ? is : put(fields[part] ?? {}, entry, is);
  return put(recipe, part, value) as Recipe;
}

/** The document as a recipe, or why it is none: `recipe lint` finding an error that the base has not is a reason too. */
function checked(
  base: CheckedRecipe,
  value: Recipe,
  known: ReadonlySet<string>,
): { readonly recipe: CheckedRecipe } | { readonly problem: string } {
  try {
    const recipe = parseRecipe(rewriteYaml(base.source, value), `${base.recipe.name} with patches`);
    if (recipe.digest !== recipeDigest(value)) throw new TypeError('the text does not say what the patches say');
    const problem = lintErrors(recipe).find((error) => !known.has(error));
    return problem === undefined ? { recipe } : { problem };
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    return { problem: error.message };
  }
}

function lintErrors(recipe: CheckedRecipe): string[] {
  return lintRecipe(recipe)
    .filter(({ severity }) => severity === 'error')
    .map(({ step, message }) => `${step === undefined ? '' : `step ${step}: `}${message}`);
}

function invalid(problem: string, ids: readonly string[]): RefusedError {
  return new RefusedError('recipe/merge-invalid', `Each patch is sound, but together they are not: ${problem}`, {
    hint: 'They touch different things, so nothing says which of them is to go: take fewer of them.',
    facts: { patches: ids },
  });
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}
