/** A real build that lacks a step, taken over at a real terminal: what was done by hand is replayed, and explained later. */
import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { decodePng } from '../../../src/picture/index.ts';
import { argvOf, cli, json } from '../../support/cli.ts';
import { grubRecipe, needBuilds, STALE } from '../../support/grub.ts';
import { settle } from '../../support/node.ts';
import { underTerminal } from '../../support/person.ts';
import { needPrograms } from '../../support/skip.ts';
import { withHomes } from '../../support/temp-home.ts';

/** Without it the recipe waits for a command line that nobody opened. */
const MISSING_STEP = `  - id: command-line
    when: { text: "before booting or \`c' for a command-line" }
    do: [{ key: c }]
    expect: { text: 'device or file completions' }
    checkpoint: true
`;

describe('taking GRUB over', function () {
  this.timeout(600_000);

  before(async function () {
    await needBuilds(this);
    needPrograms(this, 'script');
  });

  it('puts in the step that was missing, and tells afterwards what happened', () =>
    withHomes(1, async (home) => {
      const recipe = await grubRecipe(home, [[MISSING_STEP, ''], ...STALE.slice(1)]);
      const person = underTerminal(argvOf(['build', recipe]), home.environment);
      try {
        const shown = await person.reads('? help');
        assert.match(shown, /The step "variable" failed/);
        assert.match(shown, /picture {3}\S+\.png/);
        person.types('t\n');
        await person.reads('before booting');
        person.types('c');
        await person.reads('grub>');
        person.types('\u001dd');
        assert.match(await person.reads('drop them> '), /do +press c/);
        person.types('y\n');
        await person.reads('every expectation was met');
        await person.reads('Publish your mended step');
        person.types('n\n');
        await person.ends();
      } finally {
        person.leave();
      }
      const { build, troubles } = await json(home, ['builds', 'show', 'latest']);
      assert.partialDeepStrictEqual(build, { status: 'done', repairs: [{ step: 'variable', origin: 'human' }] });
      const [repair] = build.repairs;
      assert.deepEqual(
        repair.operations.map(({ op, after }: { op: string; after?: string }) => [op, after]),
        [['insert-step', 'menu']],
      );
      assert.deepEqual(repair.operations[0].step.do, [{ key: 'c' }]);
      const [trouble] = troubles;
      assert.partialDeepStrictEqual(trouble, { step: 'variable', phase: 'when', cured: true });
      const folder = path.join(home.home.buildsDir, build.id);
      const picture = path.join(folder, trouble.picture);
      assert.equal((await stat(picture)).mode & 0o777, 0o600);
      assert.ok(decodePng(await readFile(picture), picture).width >= 640);
      // The screen with which the patch goes out as evidence, as text.
      const before = await readFile(path.join(folder, 'screens', `${repair.evidence.before.slice(7)}.txt`), 'utf8');
      assert.match(before, /for a command-line/);
      const after = await readFile(path.join(folder, 'screens', `${repair.evidence.after.slice(7)}.txt`), 'utf8');
      assert.match(after, /portal-gun/);
      // Who does not want to show them publishes the patch without.
      await settle(home);
      const published = await json(home, ['publish', build.id, '--no-screens']);
      const { record } = published.find(({ what }: { what: string }) => what.startsWith('patch'));
      assert.deepEqual((await json(home, ['inbox', 'show', record])).evidence, {});
    }));

  it('explains a failure that nobody mended, from what is kept alone', () =>
    withHomes(1, async (home) => {
      const recipe = await grubRecipe(home, STALE);
      assert.equal((await cli(home, ['build', recipe, '--repair', 'never'])).code, 1);
      const { stdout } = await cli(home, ['builds', 'show', 'latest']);
      assert.match(stdout, /the step "command-line" failed once/);
      assert.match(stdout, /expected {2}after acting, the text "device\/file completions"/);
      assert.match(stdout, / ▸ │ .*device or file completions/);
      assert.match(stdout, /tried {5}nothing/);
      for (const line of stdout.split('\n')) assert.ok(line.length <= 80 || line.includes('picture'), line);
      const { build } = await json(home, ['builds', 'show', 'latest']);
      const bundle = path.join(home.home.buildsDir, build.id, 'failure');
      for (const name of ['failure.json', 'screen.txt', 'screen.png', 'steps.jsonl']) {
        assert.equal((await stat(path.join(bundle, name))).mode & 0o777, 0o600, name);
      }
    }));
});
