/**
 * Which published patches may be tried on a failing step, and what policy says of each. Pure: records in, candidates
 * out, best first.
 */
import type { Digest } from '../crypto/digest.ts';
import { PortalgunError } from '../errors.ts';
import type { AuthorId, Meaning, VerifiedRecord } from '../exchange/record/types.ts';
import type { Decision } from '../exchange/trust/types.ts';
import { classOf } from '../recipe/classify.ts';
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
  /** False where the patch was made against another version whose touched steps are equal to ours: always asked. */
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
  readonly stepId: string;
  readonly symptom: Digest;
}

/** `decide` closes over policy, voices and the person's own decisions (inbox). */
export function candidatesFor(
  failing: Symptom,
  patches: readonly PublishedPatch[],
  decide: (patch: PublishedPatch, changeClass: ChangeClass) => Decision,
): { candidates: Candidate[]; unfit: Unfit[] } {
  const candidates: Candidate[] = [];
  const unfit: Unfit[] = [];
  for (const patch of patches) {
    if (!concerns(failing, patch.meaning)) continue;
    const fitting = fit(failing.recipe, patch.meaning);
    if ('reason' in fitting) {
      unfit.push({ record: patch.record.id, reason: fitting.reason });
      continue;
    }
    const changeClass = classOf(failing.recipe, patch.meaning.operations);
    const decision = decide(patch, changeClass);
    candidates.push({
      record: patch.record.id,
      author: patch.record.link.author,
      summary: patch.meaning.summary,
      changeClass,
      operations: patch.meaning.operations,
      result: patch.meaning.result,
      sameBase: fitting.sameBase,
      decision: fitting.sameBase ? decision : asksAtMost(decision),
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

/** The receiver recomputes: base and operations must give exactly the digest that the patch claims. */
function fit(recipe: CheckedRecipe, meaning: PatchMeaning): { sameBase: boolean } | { reason: string } {
  try {
    const result = applyOperations(recipe, meaning.operations);
    const sameBase = meaning.base === recipe.digest;
    if (sameBase && result.digest !== meaning.result) {
      return { reason: `its operations give ${result.digest}, but it claims ${meaning.result}` };
    }
    return { sameBase };
  } catch (error) {
    if (error instanceof PortalgunError) return { reason: error.message };
    throw error;
  }
}

function asksAtMost(decision: Decision): Decision {
  if (decision.apply !== 'auto') return decision;
  const because = [
    ...decision.because,
    'It was made against another version of this recipe: such a patch is always asked about.',
  ];
  return { ...decision, apply: 'ask', because };
}

const ORDER = { auto: 0, ask: 1, never: 2 } as const;

/** Automatic ones first, then by record id: the same order on every node. */
function byPreference(a: Candidate, b: Candidate): number {
  const byDecision = ORDER[a.decision.apply] - ORDER[b.decision.apply];
  if (byDecision !== 0) return byDecision;
  return a.record < b.record ? -1 : 1;
}
