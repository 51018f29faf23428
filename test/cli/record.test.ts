/** Recording a recipe from nothing, by a person at a real terminal. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { argvOf, errorOf } from '../support/cli.ts';
import { GRUB_RECIPE, skip } from '../support/grub.ts';
import { underTerminal } from '../support/person.ts';
import { withHomes } from '../support/temp-home.ts';

const ISO = 'grub-rescue-pc:usr/lib/grub-rescue/grub-rescue-cdrom.iso';

describe('portalgun recipe record', function () {
  this.timeout(240_000);

  before(function () {
    if (spawnSync('script', ['--version']).error) skip(this, '`script` is missing (Debian package bsdutils)');
  });

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
