/** debian-12-netinst: as far as it can be run, and that it says itself where that ends. */
import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { jsonLines, ROOT } from './cli.ts';
import { needBuilds } from './grub.ts';
import { tempHome, type TestHome } from './temp-home.ts';

const RECIPE = path.join(ROOT, 'recipes/debian-12-netinst.yaml');

export function describeNetinst(): void {
  describe('recipes/debian-12-netinst.yaml', function () {
    this.timeout(1_800_000);
    let test: TestHome;
    before(async function () {
      await needBuilds(this);
      test = await tempHome();
    });
    after(() => test?.remove());

    it('runs every step that is not marked, then ends because there is no network, and says so', async () => {
      const checked = parseRecipe(await readFile(RECIPE, 'utf8'));
      const { steps } = checked.recipe;
      const unmarked = steps.filter(({ not_run }) => not_run === undefined).map(({ id }) => id);
      assert.deepEqual(
        steps.slice(0, unmarked.length).map(({ id }) => id),
        unmarked,
      );
      assert.ok(lintRecipe(checked).every(({ message }) => message.includes('never run')));
      const recipe = path.join(test.folder, 'debian-12-netinst.yaml');
      await copyFile(RECIPE, recipe);
      const events = await jsonLines(test, ['build', recipe, '--repair', 'never'], 1);
      const done = events.filter(({ event }) => event === 'step-done').map(({ step }) => step as string);
      assert.deepEqual([...new Set(done)], unmarked);
      assert.match(JSON.stringify(events.at(-1).error), /this version gives a build no network/);
    });
  });
}
