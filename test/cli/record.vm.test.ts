/** Recording a recipe from nothing, on GRUB's rescue CD, by a person at a real terminal. */
import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { argvOf, errorOf, json } from '../support/cli.ts';
import { GRUB_RECIPE, needBuilds } from '../support/grub.ts';
import { underTerminal } from '../support/person.ts';
import { needPrograms } from '../support/skip.ts';
import { withHomes } from '../support/temp-home.ts';

const HOT_KEY = '\u001d';
/** Typed where GRUB shows nothing: it must be nowhere afterwards. */
const CANARY = 'tr0ub4dor';
const ISO = 'grub-rescue-pc:usr/lib/grub-rescue/grub-rescue-cdrom.iso';

describe('portalgun recipe record', function () {
  this.timeout(600_000);

  before(async function () {
    await needBuilds(this);
    needPrograms(this, 'script');
  });

  it('threat 39: makes a recipe of what was done, replays it untouched, and keeps nothing that was typed unseen', () =>
    withHomes(1, async (home) => {
      const file = path.join(home.folder, 'by-hand.yaml');
      const person = underTerminal(
        argvOf(['recipe', 'record', file, '--iso-package', ISO, '--memory', '128M']),
        home.environment,
      );
      try {
        await person.reads('highlighted entry will be executed');
        person.types('c');
        await person.reads('grub>');
        person.types('echo on-$grub_platform\r');
        await person.reads('on-pc');
        person.types('set superusers=root; password root x; set root_pw=known\r');
        await person.reads('known');
        person.types('echo $root_pw-pw\r');
        await person.reads('known-pw');
        // Back in the menu a command line is now for superusers only: the password is not shown.
        person.types('\u001b');
        await person.reads('before booting');
        person.types('c');
        await person.reads('Enter username:');
        person.types('root\r');
        await person.reads('Enter password:');
        person.types(`${CANARY}\r`);
        await person.reads('before booting');
        person.types(`${HOT_KEY}d`);
        await person.reads('public text> ');
        person.types('public-password\n');
        await person.reads('drop them> ');
        person.types('y\n');

        assert.match(await person.reads('passed by itself'), /✓ on-pc/);
        await person.ends();
      } finally {
        person.leave();
      }
      const checked = parseRecipe(await readFile(file, 'utf8'), file);
      assert.deepEqual(lintRecipe(checked), []);
      const { steps } = checked.recipe;
      assert.ok(steps.every((step) => step.expect !== undefined));
      assert.deepEqual(steps[1]?.do, [{ type: 'echo on-$grub_platform' }, { key: 'enter' }]);
      assert.deepEqual(steps[1]?.expect, { text: 'on-pc' });
      assert.deepEqual(steps.at(-1)?.do, [{ type: 'public-password', echo: false }, { key: 'enter' }]);
      const [build] = await json(home, ['builds', 'list']);
      assert.partialDeepStrictEqual(build, { status: 'done', repairs: [], finalRecipe: checked.digest });
      await assertNowhere(home.folder, CANARY);
      assert.ok(!person.shown.includes(CANARY));
    }));

  it('wants a person at a terminal, one thing to boot, and a file that is not there yet', () =>
    withHomes(1, async (home) => {
      const file = path.join(home.folder, 'new.yaml');
      const error = await errorOf(home, ['recipe', 'record', file, '--iso-package', ISO], 2);
      assert.equal(error.code, 'record/no-terminal');
      const child = path.join(home.folder, 'child.yaml');
      const base = `base: { recipe: x, digest: "sha256:${'0'.repeat(64)}" }`;
      await writeFile(child, `recipe: 1\nname: child\nversion: 1.0.0\n${base}\n`);
      const wrong: readonly (readonly [readonly string[], RegExp])[] = [
        [[file], /something to boot/],
        [[file, '--iso-package', 'grub'], /expected PACKAGE:PATH/],
        [[file, '--iso-package', ISO, '--iso', file], /boots from one of them/],
        [[file, '--iso-package', ISO, '--from', GRUB_RECIPE], /its own media/],
        [[file, '--iso', '/etc/hostname'], /must lie beside the recipe/],
        [[file, '--from', child], /a recipe with a base \(x\) cannot be recorded yet/],
        [[GRUB_RECIPE, '--iso-package', ISO], /exists already/],
        [[`${file}.txt`, '--iso-package', ISO], /ends in \.yaml/],
      ];
      for (const [args, message] of wrong) {
        const person = underTerminal(argvOf(['recipe', 'record', ...args]), home.environment);
        try {
          await person.ends();
          assert.match(person.shown.replaceAll(/\s+/g, ' '), message);
        } finally {
          person.leave();
        }
      }
    }));
});

/** Reads every file below the folder. */
async function assertNowhere(folder: string, secret: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = path.join(entry.parentPath, entry.name);
    assert.ok(!(await readFile(file)).includes(secret), file);
  }
}
