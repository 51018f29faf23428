/** Recipes that can be run in part: as far as that, and that they say themselves where it ends. */
import assert from 'node:assert/strict';
import { copyFile, readFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { jsonLines, ROOT } from './cli.ts';
import { needBuilds } from './grub.ts';
import { tempHome, type TestHome } from './temp-home.ts';

export const describeNetinst = (): void => describePart('debian-12-netinst', /this recipe gives its build no network/);

export const describeGraphical = (): void => describePart('debian-12-graphical', /the step \\"hostname\\" failed/);

function describePart(name: string, end: RegExp): void {
  const shipped = path.join(ROOT, `recipes/${name}.yaml`);
  describe(`recipes/${name}.yaml`, function () {
    this.timeout(1_800_000);
    let test: TestHome;
    before(async function () {
      await needBuilds(this);
      test = await tempHome();
    });
    after(() => test?.remove());

    it('runs every step that is not marked, then ends where the marked ones begin, and says so', async () => {
      const checked = parseRecipe(await readFile(shipped, 'utf8'));
      const { steps } = checked.recipe;
      const unmarked = steps.filter(({ not_run }) => not_run === undefined).map(({ id }) => id);
      assert.deepEqual(
        steps.slice(0, unmarked.length).map(({ id }) => id),
        unmarked,
      );
      assert.ok(lintRecipe(checked).every(({ message }) => message.includes('never run')));
      const recipe = path.join(test.folder, `${name}.yaml`);
      await copyFile(shipped, recipe);
      const events = await jsonLines(test, ['build', recipe, '--repair', 'never'], 1);
      const done = events.filter(({ event }) => event === 'step-done').map(({ step }) => step as string);
      assert.deepEqual([...new Set(done)], unmarked);
      assert.match(JSON.stringify(events.at(-1).error), end);
    });
  });
}
