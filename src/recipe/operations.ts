/**
 * Operations: what a patch is made of. Strict from end to end: an operation, field or form that this version does not
 * know is refused, never skipped, and every `was` must be the digest of what is there.
 */
import { isDigest, shortDigest } from '../crypto/digest.ts';
import { digestOf } from '../crypto/canonical.ts';
import { PortalgunError, RefusedError } from '../errors.ts';
import { stepDigest } from './digest.ts';
import { deepFreeze } from './freeze.ts';
import { MAX_NESTING, MAX_OPERATIONS, MAX_PATH_PARTS } from './limits.ts';
import { printable } from './problems.ts';
import { shapeProblems } from './shape.ts';
import { formatPath } from './problems.ts';
import type { Operation, Recipe, Step } from './types.ts';

/** Exactly these fields, no more and no fewer. */
const FIELDS: Readonly<Record<Operation['op'], readonly string[]>> = {
  'replace-step': ['op', 'id', 'was', 'step'],
  'insert-step': ['op', 'after', 'step'],
  'remove-step': ['op', 'id', 'was'],
  'move-step': ['op', 'id', 'was', 'after'],
  set: ['op', 'path', 'was', 'value'],
};

/** Lists whose items have ids: in the path of a `set`, the id stands where other lists have a position. */
const KEYED_LISTS: readonly string[] = ['steps', 'personalise', 'watch'];

/**
 * Checks operations from outside. Throws RefusedError `recipe/patch-not-understood`. Steps are checked for their shape;
 * what they mean is checked with the whole recipe that results.
 */
export function parseOperations(value: unknown): readonly Operation[] {
  if (!Array.isArray(value)) throw notUnderstood('the operations', `found ${printable(value)}, expected a list`);
  const operations: readonly unknown[] = value;
  if (operations.length === 0) throw notUnderstood('the operations', 'found none');
  if (operations.length > MAX_OPERATIONS)
    throw notUnderstood('the operations', `found ${operations.length}, more than ${MAX_OPERATIONS}`);
  operations.forEach((operation, index) => checkOperation(operation, `operation ${index + 1}`));
  // A copy of plain data: what was checked cannot change, nor bring a prototype of its own.
  return deepFreeze(JSON.parse(JSON.stringify(operations)) as readonly Operation[]);
}

function checkOperation(value: unknown, where: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw notUnderstood(where, `found ${printable(value)}, expected a mapping`);
  const operation = value as Readonly<Record<string, unknown>>;
  const { op } = operation;
  if (typeof op !== 'string' || !Object.hasOwn(FIELDS, op))
    throw notUnderstood(where, `this version does not know the operation ${printable(op)}`);
  const fields = FIELDS[op as Operation['op']];
  const extra = Object.keys(operation).find((field) => !fields.includes(field));
  if (extra !== undefined) throw notUnderstood(where, `${op} has no field ${printable(extra)}`);
  const missing = fields.find((field) => !Object.hasOwn(operation, field));
  if (missing !== undefined) throw notUnderstood(where, `${op} needs the field "${missing}"`);
  if (fields.includes('id') && typeof operation['id'] !== 'string')
    throw notUnderstood(where, `id is ${printable(operation['id'])}, expected the id of a step`);
  if (fields.includes('was') && !isDigest(operation['was']) && !(op === 'set' && operation['was'] === null)) {
    throw notUnderstood(where, `was is ${printable(operation['was'])}, expected a digest`);
  }
  if (fields.includes('after') && operation['after'] !== null && typeof operation['after'] !== 'string') {
    throw notUnderstood(
      where,
      `after is ${printable(operation['after'])}, expected the id of a step, or null for the first place`,
    );
  }
  if (fields.includes('step')) checkStep(operation, where);
  if (op === 'set') checkSet(operation, where);
}

function checkStep(operation: Readonly<Record<string, unknown>>, where: string): void {
  assertPlain(operation['step'], where);
  const [problem] = shapeProblems(operation['step'], 'step');
  if (problem !== undefined) throw notUnderstood(where, `in step, ${formatPath(problem.path)}: ${problem.message}`);
  if (operation['op'] === 'replace-step' && (operation['step'] as Step).id !== operation['id']) {
    throw notUnderstood(where, 'a step keeps its id; to rename one, remove it and insert another');
  }
}

function checkSet(operation: Readonly<Record<string, unknown>>, where: string): void {
  const { path } = operation;
  if (
    !Array.isArray(path) ||
    path.length === 0 ||
    path.length > MAX_PATH_PARTS ||
    !path.every((part) => typeof part === 'string')
  ) {
    throw notUnderstood(where, `path is ${printable(path)}, expected a list of 1 to ${MAX_PATH_PARTS} texts`);
  }
  assertPlain(operation['value'], where);
  const [top, id, field] = path;
  if (top === 'steps' && (id === undefined || field === undefined || field === 'id')) {
    throw notUnderstood(
      where,
      'set changes fields of a step; whole steps are replaced, inserted, removed and moved by the operations of those names',
    );
  }
  if (operation['was'] === null && operation['value'] === null)
    throw notUnderstood(where, 'it sets nothing where nothing was');
}

/** What has no canonical form has no digest, so it cannot be part of a recipe. Depth is bounded first. */
function assertPlain(value: unknown, where: string): void {
  if (deeperThan(value, MAX_NESTING)) throw notUnderstood(where, `a value lies more than ${MAX_NESTING} levels deep`);
  try {
    digestOf(value);
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    throw notUnderstood(where, error.message, error);
  }
}

function deeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((inner) => deeperThan(inner, levels - 1));
}

/** The document after one operation, with only what changed made anew. The result is not checked as a recipe. */
export function applyOperation(recipe: Recipe, operation: Operation, where: string): Recipe {
  switch (operation.op) {
    case 'replace-step':
      return withSteps(recipe, recipe.steps.with(indexOf(recipe, operation, where), operation.step));
    case 'insert-step':
      if (recipe.steps.some(({ id }) => id === operation.step.id))
        throw stale(where, `there is a step "${operation.step.id}" already`);
      return withSteps(recipe, inserted(recipe.steps, operation.after, operation.step, where));
    case 'remove-step': {
      const index = indexOf(recipe, operation, where);
      return withSteps(recipe, recipe.steps.toSpliced(index, 1));
    }
    case 'move-step': {
      const index = indexOf(recipe, operation, where);
      const step = recipe.steps[index];
      if (step === undefined || operation.after === operation.id)
        throw stale(where, `a step cannot stand after itself`);
      return withSteps(recipe, inserted(recipe.steps.toSpliced(index, 1), operation.after, step, where));
    }
    case 'set':
      return setField(recipe, operation.path, operation, where) as Recipe;
    default:
      throw notUnderstood(where, 'this version does not know it');
  }
}

function withSteps(recipe: Recipe, steps: readonly Step[]): Recipe {
  return { ...recipe, steps };
}

function indexOf(recipe: Recipe, { id, was }: { readonly id: string; readonly was: string }, where: string): number {
  const index = recipe.steps.findIndex((step) => step.id === id);
  const step = recipe.steps[index];
  if (step === undefined) throw stale(where, `the recipe has no step ${printable(id)}`);
  if (stepDigest(step) !== was) throw stale(where, `the step "${id}" is not the one that the patch was made against`);
  return index;
}

function inserted(steps: readonly Step[], after: string | null, step: Step, where: string): readonly Step[] {
  if (after === null) return [step, ...steps];
  const index = steps.findIndex(({ id }) => id === after);
  if (index < 0) throw stale(where, `the recipe has no step ${printable(after)} to stand after`);
  return steps.toSpliced(index + 1, 0, step);
}

type SetOperation = Extract<Operation, { op: 'set' }>;

/** Walks down `path` and copies on the way up. `value: null` takes the field away. */
function setField(container: unknown, path: readonly string[], operation: SetOperation, where: string): unknown {
  const [part, ...rest] = path;
  if (part === undefined) throw stale(where, 'its path is empty');
  const depth = operation.path.length - path.length;
  const place = operation.path.slice(0, depth + 1).join('.');
  if (Array.isArray(container)) {
    const list: readonly unknown[] = container;
    const index = positionIn(list, part, depth === 1 && KEYED_LISTS.includes(operation.path[0] ?? ''));
    if (index === undefined) throw stale(where, `there is nothing at ${printable(place)}`);
    if (rest.length > 0) return list.with(index, setField(list[index], rest, operation, where));
    assertWas(list[index], operation, where);
    if (operation.value === null) throw notUnderstood(where, 'an item of a list is taken away by setting the list');
    return list.with(index, operation.value);
  }
  if (typeof container !== 'object' || container === null)
    throw stale(where, `there is nothing at ${printable(place)}`);
  const fields = container as Readonly<Record<string, unknown>>;
  const current = Object.hasOwn(fields, part) ? fields[part] : undefined;
  if (rest.length > 0) return { ...fields, [part]: setField(current, rest, operation, where) };
  assertWas(current, operation, where);
  // Not `delete` after a spread: the name may be anything, `__proto__` included.
  const others = Object.entries(fields).filter(([name]) => name !== part);
  if (operation.value === null) return Object.fromEntries(others);
  if (current === undefined) return Object.fromEntries([...others, [part, operation.value]]);
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => [name, name === part ? operation.value : value]),
  );
}

function positionIn(list: readonly unknown[], part: string, keyed: boolean): number | undefined {
  const index = keyed
    ? list.findIndex((item) => (item as { readonly id?: unknown } | null)?.id === part)
    : /^(0|[1-9][0-9]{0,3})$/.test(part)
      ? Number(part)
      : -1;
  return index >= 0 && index < list.length ? index : undefined;
}

function assertWas(current: unknown, { was, path }: SetOperation, where: string): void {
  const found = current === undefined ? null : digestOf(current);
  if (found === was) return;
  const is = found === null ? 'absent' : `${shortDigest(found)}…`;
  throw stale(
    where,
    `${printable(path.join('.'))} is ${is}, but the patch was made against ${was === null ? 'its absence' : `${shortDigest(was)}…`}`,
  );
}

export function notUnderstood(where: string, what: string, cause?: unknown): RefusedError {
  return new RefusedError('recipe/patch-not-understood', `The patch is refused: ${where}: ${what}.`, {
    hint: 'It may be damaged, or made by a newer version: nothing of it was applied.',
    facts: { where },
    ...(cause !== undefined && { cause }),
  });
}

function stale(where: string, what: string): RefusedError {
  return new RefusedError('recipe/patch-stale', `The patch does not fit this recipe: ${where}: ${what}.`, {
    hint: 'It was made against another version of the recipe: nothing of it was applied.',
    facts: { where },
  });
}
