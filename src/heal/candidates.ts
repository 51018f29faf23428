/**
 * Which published patches may be tried on a failing step, and what policy says of each. Pure: records in, candidates
 * out, best first.
 */
import type { Digest } from '../crypto/digest.ts';
import { PortalgunError } from '../errors.ts';
import type { AuthorId, Meaning, VerifiedRecord } from '../exchange/record/types.ts';
import type { Decision } from '../exchange/trust/types.ts';
import { higherClass, highestClass } from '../recipe/change.ts';
import { classOf, recipeChanges } from '../recipe/classify.ts';
import { diffRecipes } from '../recipe/diff.ts';
import { mergePatches } from '../recipe/merge.ts';
import { applyOperations } from '../recipe/patch.ts';
import type { ChangeClass, CheckedRecipe, Operation } from '../recipe/types.ts';

export type PatchMeaning = Extract<Meaning, { kind: 'patch' }>;

export interface PublishedPatch {
  readonly record: VerifiedRecord;
  readonly meaning: PatchMeaning;
}

export interface Candidate {
  readonly record: Digest;
  readonly author: AuthorId;
  readonly summary: string;
  readonly changeClass: ChangeClass;
  readonly operations: readonly Operation[];
  readonly result: Digest;
  /**
   * True where it was made against this recipe, or against the one that the build started with and merges with what the
   * build has changed since. False where it merely fits: then it is always asked about.
   */
  readonly sameBase: boolean;
  readonly decision: Decision;
}

/** A patch that cannot be used here, and why: shown by `why`, never silently dropped. */
export interface Unfit {
  readonly record: Digest;
  readonly reason: string;
}

export interface Symptom {
  readonly recipe: CheckedRecipe;
  /** What the build started with, where it has been mended since: other authors' patches were made against that. */
  readonly started?: CheckedRecipe | undefined;
  readonly stepId: string;
  readonly symptom: Digest;
}

/** `decide` closes over policy, voices and the person's own decisions (inbox); `of` is the recipe that the patch is used on. */
export function candidatesFor(
  failing: Symptom,
  patches: readonly PublishedPatch[],
  decide: (patch: PublishedPatch, changeClass: ChangeClass, of: Digest) => Decision,
): { candidates: Candidate[]; unfit: Unfit[] } {
  const candidates: Candidate[] = [];
  const unfit: Unfit[] = [];
  for (const patch of patches) {
    if (!concerns(failing, patch.meaning)) continue;
    const fitting = merged(failing, patch) ?? fit(failing.recipe, patch.meaning, failing.started);
    if ('reason' in fitting) {
      unfit.push({ record: patch.record.id, reason: fitting.reason });
      continue;
    }
    const { changeClass, of, operations, sameBase, further } = fitting;
    const decision = decide(patch, changeClass, of);
    const reservations = [...(sameBase ? [] : [OTHER_VERSION]), ...(further ? [FURTHER_TOGETHER] : [])];
    candidates.push({
      record: patch.record.id,
      author: patch.record.link.author,
      summary: patch.meaning.summary,
      changeClass,
      operations,
      result: fitting.result,
      sameBase,
      decision: reservations.length === 0 ? decision : asksAtMost(decision, reservations),
    });
  }
  return { candidates: candidates.sort(byPreference), unfit };
}

function concerns(failing: Symptom, meaning: PatchMeaning): boolean {
  if (meaning.recipeName !== failing.recipe.recipe.name) return false;
  return (
    meaning.symptom === failing.symptom || meaning.operations.some((operation) => touches(operation, failing.stepId))
  );
}

function touches(operation: Operation, stepId: string): boolean {
  switch (operation.op) {
    case 'insert-step':
      return operation.after === stepId || operation.step.id === stepId;
    case 'set':
      return operation.path[0] === 'steps' && operation.path[1] === stepId;
    default:
      return operation.id === stepId;
  }
}

type Fitting =
  | (Pick<Candidate, 'changeClass' | 'operations' | 'result' | 'sameBase'> & {
      readonly of: Digest;
      /** With what the build has changed it reaches further than by itself, and by itself is how people were shown it. */
      readonly further: boolean;
    })
  | { readonly reason: string };

/**
 * The receiver recomputes: base and operations must give exactly the digest that the patch claims. `started`: several that
 * follow one another must not do bit by bit what one of them could not.
 */
function fit(recipe: CheckedRecipe, { base, operations, result }: PatchMeaning, started = recipe): Fitting {
  try {
    const is = applyOperations(recipe, operations);
    const sameBase = base === recipe.digest;
    if (sameBase && is.digest !== result)
      return { reason: `its operations give ${is.digest}, but it claims ${result}` };
    const alone = classOf(recipe, operations);
    const parts = higherClass(alone, reachOf(started, recipe));
    const together = reachOf(started, is);
    const further = higherClass(parts, together) !== parts;
    return { changeClass: further ? together : alone, operations, result, sameBase, of: recipe.digest, further };
  } catch (error) {
    if (error instanceof PortalgunError) return { reason: error.message };
    throw error;
  }
}

function reachOf(before: CheckedRecipe, after: CheckedRecipe): ChangeClass {
  return highestClass(recipeChanges(before.recipe, after.recipe));
}

/** Names what the build itself has changed so far, beside ids of records. */
const THIS_BUILD = 'this build';

/**
 * A patch of what the build started with, put together with what has been mended since. Undefined where it is none, or
 * where they touch the same thing: then it is only asked about, if it fits at all.
 */
function merged({ recipe, started }: Symptom, { record, meaning }: PublishedPatch): Fitting | undefined {
  if (started === undefined || started.digest === recipe.digest || meaning.base !== started.digest) return undefined;
  const whole = fit(started, meaning);
  if ('reason' in whole) return whole;
  try {
    const mended = diffRecipes(started, recipe);
    const merge = mergePatches(started, [
      { id: THIS_BUILD, operations: mended },
      { id: record.id, operations: meaning.operations },
    ]);
    const operations = diffRecipes(recipe, merge.result);
    if (merge.merged.length < 2 || operations.length === 0) return undefined;
    // What was mended was decided about before: the whole counts where it reaches further than its parts.
    const parts = higherClass(whole.changeClass, classOf(started, mended));
    const alone = higherClass(whole.changeClass, classOf(recipe, operations));
    const changeClass = higherClass(parts, merge.class) === parts ? alone : merge.class;
    const further = higherClass(whole.changeClass, changeClass) !== whole.changeClass;
    return { changeClass, operations, result: merge.result.digest, sameBase: true, of: started.digest, further };
  } catch (error) {
    if (error instanceof PortalgunError) return undefined;
    throw error;
  }
}

const OTHER_VERSION = 'It was made against another version of this recipe: such a patch is always asked about.';
/** Who accepted it in the inbox has not seen this. */
const FURTHER_TOGETHER =
  'With what this build has changed already it reaches further than by itself: that is always asked about.';

function asksAtMost(decision: Decision, reservations: readonly string[]): Decision {
  if (decision.apply !== 'auto') return decision;
  return { ...decision, apply: 'ask', because: [...decision.because, ...reservations] };
}

const ORDER = { auto: 0, ask: 1, never: 2 } as const;

/** Automatic ones first, then by record id: the same order on every node. */
function byPreference(a: Candidate, b: Candidate): number {
  const byDecision = ORDER[a.decision.apply] - ORDER[b.decision.apply];
  if (byDecision !== 0) return byDecision;
  return a.record < b.record ? -1 : 1;
}
