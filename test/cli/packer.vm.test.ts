/** A Packer template for GRUB's rescue CD: imported, run once with its waits, and then by what was seen. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { cli, errorOf, json, jsonLines } from '../support/cli.ts';
import { GRUB_RECIPE, needBuilds } from '../support/grub.ts';
import { withHomes, type TestHome } from '../support/temp-home.ts';

/** Everything that it types it sleeps after, as templates do. */
const TEMPLATE = `
variable "word" {
  type = string
}

source "qemu" "rescue" {
  iso_url      = "grub.iso"
  iso_checksum = "sha256:DIGEST"
  memory       = 128
  disk_size    = "16M"
  headless     = true
  communicator = "none"
  boot_wait    = "2s"
  boot_command = [
    "c<wait>",
    "set w=\${var.word}; echo $w-$grub_platform<enter><wait>",
    "halt<enter><wait2s>"
  ]
}

build {
  sources = ["source.qemu.rescue"]
  post-processor "vagrant" {
  }
}
`;

describe('portalgun recipe import packer', function () {
  this.timeout(600_000);

  it('makes a recipe without a sleep of a template full of them, which passes by itself', async function () {
    await needBuilds(this);
    await withHomes(1, async (home) => {
      const folder = await templateFolder(home);
      const file = path.join(folder, 'rescue.yaml');
      const imported = await json(home, ['recipe', 'import', 'packer', folder, '--out', file]);
      assert.partialDeepStrictEqual(imported, {
        file,
        builder: 'qemu.rescue',
        iso: { url: 'grub.iso', file: 'grub.iso' },
      });
      const draft = parseRecipe(await readFile(file, 'utf8')).recipe;
      assert.deepEqual(draft.steps[2]?.do, [{ type: 'set w={{word}}; echo $w-$grub_platform' }, { key: 'enter' }]);

      const early = path.join(folder, 'early.yaml');
      const halting = (await readFile(file, 'utf8')).replace(/"set w=.*?"/, 'halt');
      await writeFile(early, halting);
      const off = await errorOf(home, ['recipe', 'harvest', early, '--param', 'word=portal', '--yes'], 1);
      assert.deepEqual([off.code, off.message], ['harvest/switched-off', 'the machine went off after boot-3']);
      assert.equal(await readFile(early, 'utf8'), halting);

      const args = ['recipe', 'harvest', file, '--param', 'word=portal', '--yes'];
      const harvested = (await jsonLines(home, args)).at(-1);
      assert.partialDeepStrictEqual(harvested, { file, blind: 0, findings: [] });
      const source = await readFile(file, 'utf8');
      const checked = parseRecipe(source, file);
      assert.deepEqual(lintRecipe(checked), []);
      assert.doesNotMatch(source, /still|not_run/);
      const { steps } = checked.recipe;
      assert.ok(steps.every(({ expect }) => expect !== undefined && !('changed' in expect)));
      assert.deepEqual(steps[0]?.when, { text: 'The highlighted entry will be executed automatically in' });
      assert.deepEqual(steps[1]?.do, [{ type: 'set w={{word}}; echo $w-$grub_platform' }, { key: 'enter' }]);
      assert.match(JSON.stringify(steps[1]?.expect), /\{\{word\}\}-pc/);
      assert.deepEqual(steps.at(-1)?.expect, { event: 'shutdown' });

      await jsonLines(home, ['build', file, '--param', 'word=another', '--repair', 'never']);
      const [build] = await json(home, ['builds', 'list']);
      assert.partialDeepStrictEqual(build, { status: 'done', repairs: [] });
    });
  });

  it('says in 80 columns what became of each part, writes over nothing, and harvests only what is blind', () =>
    withHomes(1, async (home) => {
      const folder = await templateFolder(home, Buffer.from('no ISO'));
      const file = path.join(folder, 'rescue.yaml');
      const { code, stdout } = await cli(home, ['recipe', 'import', 'packer', folder, '--out', file]);
      assert.equal(code, 0);
      const [table = ''] = stdout.split(' is written');
      for (const line of table.split('\n').slice(0, -1)) assert.ok(line.length <= 80, line);
      assert.match(stdout, /^partly +boot_command +every wait is still blind/m);
      assert.match(stdout, /^refused +post-processor vagrant +no image is made for others/m);
      assert.match(stdout.replaceAll(/\s+/g, ' '), /bare checksum .* nobody has signed for it/);
      assert.equal(
        (await errorOf(home, ['recipe', 'import', 'packer', folder, '--out', file], 2)).code,
        'recipe/exists',
      );
      assert.equal(
        (await errorOf(home, ['recipe', 'import', 'packer', folder, '--out', 'x.txt'], 2)).code,
        'record/not-yaml',
      );
      assert.equal((await errorOf(home, ['recipe', 'harvest', GRUB_RECIPE], 2)).code, 'harvest/nothing-blind');
      const clicks = path.join(folder, 'clicks.yaml');
      await writeFile(clicks, (await readFile(file, 'utf8')).replace('{ key: c }', '{ menu: GRUB }'));
      assert.equal(
        (await errorOf(home, ['recipe', 'harvest', clicks, '--param', 'word=x'], 2)).code,
        'harvest/cannot-play',
      );
      const nothing = path.join(folder, 'nothing.json');
      await writeFile(nothing, '{"builders": [{"type": "qemu", "boot_command": ["x"]}]}');
      const left = await json(home, ['recipe', 'import', 'packer', nothing], 1);
      assert.equal(left.file, undefined);
      assert.match(JSON.stringify(left.parts), /the template names no ISO/);
    }));
});

async function templateFolder(home: TestHome, iso?: Uint8Array): Promise<string> {
  const { folder } = home;
  const to = path.join(folder, 'grub.iso');
  if (iso !== undefined) await writeFile(to, iso);
  else {
    const { files } = await json(home, ['media', 'fetch', GRUB_RECIPE]);
    await copyFile(files[0].path, to);
  }
  const digest = createHash('sha256')
    .update(await readFile(to))
    .digest('hex');
  await writeFile(path.join(folder, 'rescue.pkr.hcl'), TEMPLATE.replace('DIGEST', digest));
  return folder;
}
