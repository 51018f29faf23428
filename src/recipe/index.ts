/**
 * recipe: what a recipe is, what may be changed in it, and what that change means.
 *
 * Promises: `parseRecipe` is the only door, whoever wrote the text, and what comes out of it is frozen, within the
 * limits (limits.ts) and free of anything that could hang, grow or fool a terminal. Digests do not depend on comments
 * or layout. A patch is applied wholly or not at all, and its class is computed from what it does. Never does I/O, never
 * reads a clock, never runs anything.
 */
export { CLASS_WORDS, higherClass, highestClass, type Change } from './change.ts';
export {
  classOf,
  classifyOperations,
  recipeChanges,
  type ClassifiedOperation,
  type ClassifiedPatch,
} from './classify.ts';
export {
  actListsOf,
  actName,
  actsOf,
  conditionName,
  conditionsOf,
  describeAct,
  describeCondition,
  eachCondition,
  mapStep,
  matchesAnything,
  partsOf,
  placesOf,
  servedBy,
  switchesOff,
  textOf,
  textsMentioned,
  usesNetwork,
  usesPointer,
} from './conditions.ts';
export { describeOperations, diffRecipes } from './diff.ts';
export { mediaDigest, recipeDigest, stepDigest, valueDigest } from './digest.ts';
export { durationMs, parseDuration } from './duration.ts';
export * as LIMITS from './limits.ts';
export { basesOf, lineageOf, machineRoot, stepsOfPart, type PlacedStep } from './lineage.ts';
export { lintRecipe, type LintFinding } from './lint.ts';
export { lintBase } from './lint-base.ts';
export { diffLocks, formatLock, lockDigest, lockMatches, locksDigest, parseLock } from './lock.ts';
export { recipeTemplate } from './new.ts';
export { renderRecipe } from './render-yaml.ts';
export { conflictsOf, mergePatches, type Conflict, type Merge, type MergeablePatch } from './merge.ts';
export { valueProblem } from './meaning.ts';
export { parseOperations } from './operations.ts';
export { parseRecipe } from './parse.ts';
export { applyOperations, applyToYaml } from './patch.ts';
export { DEFAULT_KEYBOARD, KEYBOARDS, type KeyboardName } from './keyboards.ts';
export { changingDrives, driveOf, insertedAfter } from './removable.ts';
export { compileRegex, type CompiledRegex } from './regex.ts';
export {
  bindSecrets,
  originalStep,
  resolveChanged,
  resolveRecipe,
  secretsNeeded,
  type BoundSecrets,
  type ParamValue,
} from './resolve.ts';
export { keyboardAt } from './typable.ts';
export type * from './types.ts';
