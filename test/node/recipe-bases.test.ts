/** Where the base of a recipe comes from, and where it never comes from. */
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { UsageError } from '../../src/errors.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { MAX_BASES } from '../../src/recipe/limits.ts';
import { findBases } from '../../src/node/recipe-bases.ts';
import type { HomeConnection } from '../../src/node/connect.ts';
import type { RecipeSource } from '../../src/node/recipe-source.ts';

const HEAD = 'recipe: 1\nversion: 1.0.0\nsteps: [{ id: a, expect: { text: Installed } }]\n';
const root = (name: string): string => `${HEAD}name: ${name}\nmachine: { arch: x86_64, memory: 128M }\n`;
const on = (name: string, base: string, digest: string): string =>
  `${HEAD}name: ${name}\nbase: { recipe: ${base}, digest: "${digest}" }\n`;

describe('the base of a recipe', () => {
  const signal = new AbortController().signal;
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'pg-bases-'));
  });
  afterEach(() => rm(folder, { recursive: true, force: true }));

  /** A store with these recipes, that answers for digests as a home does. */
  function store(...yamls: readonly string[]): HomeConnection {
    const known = new Map<string, string>(yamls.map((yaml) => [parseRecipe(yaml).digest, yaml]));
    return {
      live: false,
      call: async <T>(_operation: string, args: unknown) => {
        const yaml = known.get((args as { recipe: string }).recipe);
        if (yaml === undefined) throw new UsageError('recipe/unknown', 'no such recipe');
        return { yaml } as T;
      },
    };
  }

  const source = (yaml: string, file?: string): RecipeSource => ({
    checked: parseRecipe(yaml),
    origin: `file:${file ?? 'none'}`,
    file: file === undefined ? undefined : path.join(folder, file),
    folder,
    lock: undefined,
  });
  const names = (found: readonly RecipeSource[]): string[] => found.map(({ checked }) => checked.recipe.name);

  it('is the file of its name beside a recipe that is a file', async () => {
    await writeFile(path.join(folder, 'parent.yaml'), root('parent'));
    const child = source(on('child', 'friend/parent', parseRecipe(root('parent')).digest), 'child.yaml');
    const [found, ...more] = await findBases(child, store(), signal);
    assert.equal(found?.file, path.join(folder, 'parent.yaml'));
    assert.deepEqual(more, []);
  });

  it('is looked for in the store by its digest where that file is another one, or is not there', async () => {
    const digest = parseRecipe(root('parent')).digest;
    const child = source(on('child', 'parent', digest), 'child.yaml');
    assert.deepEqual(names(await findBases(child, store(root('parent')), signal)), ['parent']);
    await writeFile(path.join(folder, 'parent.yaml'), root('parent').replace('1.0.0', '2.0.0'));
    const [found] = await findBases(child, store(root('parent')), signal);
    assert.equal(found?.file, undefined);
    await assert.rejects(findBases(child, store(), signal), { code: 'recipe/base-changed', exitCode: 2 });
    await rm(path.join(folder, 'parent.yaml'));
    await assert.rejects(findBases(child, store(), signal), { code: 'recipe/base-not-found', exitCode: 2 });
  });

  it('threat 35: is never a file of this machine for a recipe out of the store', async () => {
    await writeFile(path.join(folder, 'parent.yaml'), root('parent'));
    const child = source(on('child', 'parent', parseRecipe(root('parent')).digest));
    await assert.rejects(findBases(child, store(), signal), { code: 'recipe/base-not-found' });
    const wrong = on('child', '../parent', `sha256:${'0'.repeat(64)}`);
    assert.throws(() => parseRecipe(wrong), /expected the name of a recipe, or author\/name/);
  });

  it('threat 37: may have a base itself, and that too, but only so often', async () => {
    const chain = [root('r0')];
    for (let index = 1; index <= MAX_BASES + 1; index += 1) {
      const before = parseRecipe(chain.at(-1) ?? assert.fail());
      chain.push(on(`r${index}`, `r${index - 1}`, before.digest));
    }
    const deepest = source(chain[MAX_BASES] ?? assert.fail());
    assert.equal((await findBases(deepest, store(...chain), signal)).length, MAX_BASES);
    const deeper = source(chain[MAX_BASES + 1] ?? assert.fail());
    await assert.rejects(findBases(deeper, store(...chain), signal), { code: 'recipe/too-many-bases', exitCode: 2 });
  });
});
