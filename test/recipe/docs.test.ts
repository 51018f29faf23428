import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { CLASS_WORDS } from '../../src/recipe/change.ts';
import { classOf } from '../../src/recipe/classify.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { recipeTemplate } from '../../src/recipe/new.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { applyOperations } from '../../src/recipe/patch.ts';
import schema from '../../src/recipe/recipe.schema.json' with { type: 'json' };
import { resolveRecipe } from '../../src/recipe/resolve.ts';
import type { CheckedRecipe, Operation } from '../../src/recipe/types.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): Promise<string> => readFile(new URL(path, root), 'utf8');

function block(page: string, language: string): string {
  return new RegExp(`\`\`\`${language}\n([\\s\\S]*?)\`\`\``).exec(page)?.[1] ?? assert.fail(`no ${language} block`);
}

/** A recipe as it was when the screen said something else. */
async function stale(): Promise<CheckedRecipe> {
  const source = await read('recipes/grub-rescue.yaml');
  return parseRecipe(source.replace('device or file completions', 'device/file completions'));
}

describe('docs/recipe.md', () => {
  it('shows a recipe that is valid and in which lint finds nothing', async () => {
    const recipe = parseRecipe(block(await read('docs/recipe.md'), 'yaml'), 'docs/recipe.md');
    assert.deepEqual(lintRecipe(recipe), []);
  });

  it('names every field of the schema', async () => {
    const page = await read('docs/recipe.md');
    const { properties, $defs } = schema;
    const parts = [
      properties,
      properties.base.properties,
      properties.defaults.properties,
      properties.reproducible.properties,
      properties.archives.items.properties,
      $defs.medium.properties,
      $defs.medium.properties.checksums.properties,
      $defs.param.properties,
      $defs.machine.properties,
      $defs.step.properties,
      $defs.condition.properties,
      $defs.textPattern.properties,
      $defs.act.properties,
      $defs.place.properties,
    ];
    for (const field of new Set(parts.flatMap((part) => Object.keys(part)))) {
      assert.match(page, new RegExp(`\\b${field}\\b`), `docs/recipe.md does not name ${field}`);
    }
  });
});

describe('docs/patches.md', () => {
  it('shows a patch that applies, and describes every class', async () => {
    const page = await read('docs/patches.md');
    const operations = JSON.parse(block(page, 'json')) as readonly Operation[];
    const before = await stale();
    const after = applyOperations(before, operations);
    assert.equal(after.source, await read('recipes/grub-rescue.yaml'));
    assert.equal(classOf(before, operations), 'wording');
    for (const name of Object.keys(CLASS_WORDS)) assert.match(page, new RegExp(`\\| \\*\\*${name}\\*\\* +\\|`));
  });
});

describe('recipes/grub-rescue.yaml', () => {
  it('is valid, has nothing for lint to find, and can be resolved', async () => {
    const recipe = parseRecipe(await read('recipes/grub-rescue.yaml'), 'grub-rescue.yaml');
    assert.deepEqual(lintRecipe(recipe), []);
    assert.equal(resolveRecipe(recipe).params['greeting'], 'portal');
    assert.ok(recipe.recipe.steps.length >= 4 && recipe.recipe.steps.some(({ checkpoint }) => checkpoint === true));
  });
});

describe('the template', () => {
  it('is a valid recipe of the name it is given', () => {
    assert.equal(parseRecipe(recipeTemplate('my-image')).recipe.name, 'my-image');
    assert.throws(() => parseRecipe(recipeTemplate('My image: "x"')), /name: found/);
  });
});
