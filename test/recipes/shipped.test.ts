/** What holds for every recipe that is shipped, without building it. */
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import type { CheckedRecipe } from '../../src/recipe/types.ts';
import { ROOT } from '../support/cli.ts';
import { DIFFERING } from '../support/twice.ts';

const FOLDER = path.join(ROOT, 'recipes');

describe('the shipped recipes', () => {
  const recipes = new Map<string, CheckedRecipe>();
  before(async () => {
    const files = (await readdir(FOLDER)).filter((name) => name.endsWith('.yaml') && !name.endsWith('.lock.yaml'));
    for (const file of files)
      recipes.set(file.replace(/\.yaml$/, ''), parseRecipe(await readFile(path.join(FOLDER, file), 'utf8'), file));
    assert.ok(recipes.size >= 7, [...recipes.keys()].join());
  });

  it('are called as their files are, and lint finds nothing in them but what was never run', () => {
    for (const [name, checked] of recipes) {
      assert.equal(checked.recipe.name, name);
      const others = lintRecipe(checked).filter(({ message }) => !message.includes('never run'));
      assert.deepEqual(others, [], name);
    }
  });

  it('name each base by the digest that it has now', () => {
    const based = [...recipes.values()].flatMap(({ recipe }) => (recipe.base ? [recipe.base] : []));
    assert.ok(based.length > 0);
    for (const base of based) assert.equal(recipes.get(base.recipe)?.digest, base.digest, base.recipe);
  });

  it('are all on the page that says what was tried with each', async () => {
    const page = await readFile(path.join(ROOT, 'docs/systems.md'), 'utf8');
    for (const name of recipes.keys()) assert.ok(page.includes(`| \`${name}\` |`), name);
  });

  it('are all on the page that says how alike two builds are, as `npm run test:vm` finds them', async () => {
    const page = await readFile(path.join(ROOT, 'docs/systems.md'), 'utf8');
    for (const [name, { recipe }] of recipes) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${name}\` |`));
      const said = row?.split('|').at(-2)?.trim() ?? '';
      const known = DIFFERING.get(name);
      const built = (recipe.outputs ?? []).length > 0 && recipe.steps.every(({ not_run }) => not_run === undefined);
      assert.equal(known !== undefined, built, name);
      if (known === undefined) assert.match(said, /^no(t compared: it is never built| image)$/, name);
      else if (known.length === 0) assert.match(said, /^(match|not compared)\b/, name);
      else for (const differing of known) assert.ok(said.includes(`\`${differing}\``), `${name}: ${differing}`);
    }
  });
});
