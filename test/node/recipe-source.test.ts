/** Where a recipe comes from decides what it may reach for on this machine. */
import assert from 'node:assert/strict';
import { loadRecipe } from '../../src/node/recipe-source.ts';
import type { HomeConnection } from '../../src/node/connect.ts';

const recipe = (medium: string): string => `recipe: 1
name: x
version: 1.0.0
media: { iso: ${medium} }
machine: { arch: x86_64, memory: 128M }
steps: [{ id: a, expect: { text: Installed } }]
`;

describe('a recipe out of the store', () => {
  const signal = new AbortController().signal;
  const offering = (yaml: string): HomeConnection => ({
    live: false,
    call: <T>() => Promise.resolve(JSON.parse(JSON.stringify({ author: 'ed25519:a', yaml }))) as Promise<T>,
  });

  it('threat 35: may not use whatever file is in the folder where it is built', async () => {
    const home = offering(recipe('{ file: id_ed25519, unverified: allow }'));
    await assert.rejects(loadRecipe('mallory/x', home, signal), { code: 'recipe/unverified-file', exitCode: 3 });
  });

  it('may use a file by its digest', async () => {
    const home = offering(recipe(`{ file: x.iso, sha256: ${'a'.repeat(64)} }`));
    const { checked, origin, file } = await loadRecipe('alice/x', home, signal);
    assert.equal(checked.recipe.name, 'x');
    assert.equal(file, undefined);
    assert.equal(origin, 'author:ed25519:a/x');
  });
});
