/** Patches of one recipe as several authors make them, apart from each other. */
import * as fc from 'fast-check';
import { digestOf } from '../../src/crypto/canonical.ts';
import { diffRecipes } from '../../src/recipe/diff.ts';
import { stepDigest } from '../../src/recipe/digest.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { MergeablePatch } from '../../src/recipe/merge.ts';
import type { CheckedRecipe, Operation, Step } from '../../src/recipe/types.ts';
import { recipeOf, stepOf } from './fixtures.ts';

export const base = parseRecipe(
  recipeOf(
    ['a', 'b', 'c', 'd', 'e']
      .map((id) => `  - { id: ${id}, when: { text: "at ${id}" }, do: [{ key: enter }] }\n`)
      .join('') + '  - { id: end, expect: { text: the end } }\n',
    'params: { host: { type: string, default: x }, size: { type: integer, default: 5 } }\n',
  ),
);

export function patchTo(id: string, after: CheckedRecipe, from = base): MergeablePatch {
  return { id, operations: diffRecipes(from, after) };
}

export function patch(id: string, ...operations: Operation[]): MergeablePatch {
  return { id, operations };
}

const was = (id: string) => stepDigest(stepOf(base, id));
export const reworded = (id: string, text: string): Operation => ({
  op: 'replace-step',
  id,
  was: was(id),
  step: { ...stepOf(base, id), when: { text } },
});
const waiting = (id: string): Step => ({ id, expect: { text: `waits at ${id}` } });
export const inserted = (after: string | null, id: string): Operation => ({
  op: 'insert-step',
  after,
  step: waiting(id),
});
export const removed = (id: string): Operation => ({ op: 'remove-step', id, was: was(id) });
export const moved = (id: string, after: string | null): Operation => ({ op: 'move-step', id, was: was(id), after });
/** One author's change: few places, so that they often meet; few contents, so that they sometimes agree. */
const change = fc.oneof(
  fc
    .tuple(fc.constantFrom('a', 'b', 'c', 'd', 'e'), fc.constantFrom('one', 'two'))
    .map(([id, text]) => reworded(id, text)),
  fc
    .tuple(fc.constantFrom(null, 'a', 'b', 'c', 'd'), fc.constantFrom('x', 'y', 'z'))
    .map(([after, id]) => inserted(after, id)),
  fc.constantFrom('a', 'b', 'c', 'd').map(removed),
  fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(null, 'd', 'e')).map(([id, after]) => moved(id, after)),
  fc.constantFrom<Operation>(
    { op: 'set', path: ['machine', 'memory'], was: digestOf('128M'), value: '256M' },
    { op: 'set', path: ['machine', 'memory'], was: digestOf('128M'), value: '512M' },
    { op: 'set', path: ['params', 'size', 'default'], was: digestOf(5), value: 6 },
    { op: 'set', path: ['params', 'new'], was: null, value: { type: 'string' } },
    { op: 'set', path: ['params'], was: digestOf(base.recipe.params), value: null },
    { op: 'set', path: ['watch'], was: null, value: [{ id: 'w', when: { text: 'panic' }, fail: 'panic' }] },
  ),
);
export const patches = fc
  .array(fc.uniqueArray(change, { minLength: 1, maxLength: 3, selector: (one) => JSON.stringify(one) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((lists) => lists.map((operations, index) => ({ id: `p${index}`, operations })));
