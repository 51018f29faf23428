/** Recipes based on another one, built for real: what the base has done is done once, whoever goes on from it. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { cli, errorOf, json, jsonLines, type Answer } from '../support/cli.ts';
import { needBuilds } from '../support/grub.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const ISO = 'media: { iso: { package: grub-rescue-pc, path: usr/lib/grub-rescue/grub-rescue-cdrom.iso } }';
const DEFAULTS = 'defaults: { timeout: 30s, retries: 1 }';

/** From the menu to the command line. */
const OPENING = `
  - id: menu
    when: { text: 'The highlighted entry will be executed automatically' }
    do: [{ key: down }]
    expect: { gone: { text: 'The highlighted entry will be executed automatically' } }
    checkpoint: true
  - id: command-line
    when: { text: "before booting or \`c' for a command-line" }
    do: [{ key: c }]
    expect: { text: 'device or file completions' }
    checkpoint: true
  - id: word
    when: { text: 'grub>' }
    do: [{ type: 'set word={{word}}; echo $word-gun' }, { key: enter }]
    expect: { text: '{{word}}-gun' }
`;

describe('a recipe with a base', function () {
  this.timeout(600_000);
  let test: TestHome;
  before(async function () {
    await needBuilds(this);
    test = await tempHome();
  });
  after(() => test?.remove());

  const fileOf = (name: string): string => path.join(test.folder, `${name}.yaml`);

  async function write(name: string, body: string): Promise<string> {
    await writeFile(fileOf(name), `recipe: 1\nname: ${name}\nversion: 1.0.0\n${body}\n`);
    return parseRecipe(await readFile(fileOf(name), 'utf8')).digest;
  }

  const build = (name: string, code = 0): Promise<Answer[]> =>
    jsonLines(test, ['build', fileOf(name), '--repair', 'never'], code);
  const done = (events: readonly Answer[]): string[] =>
    events.filter(({ event }) => event === 'step-done').map(({ step }): string => step);

  describe('whose machine runs on', () => {
    let digest: string;
    before(async () => {
      const params = 'params: { word: { type: string, default: portal, pattern: "[a-z]{1,20}" } }';
      digest = await write(
        'opened',
        `${ISO}\n${params}\nmachine: { arch: x86_64, memory: 128M }\n${DEFAULTS}\nsteps:${OPENING}`,
      );
      const says = (word: string): string =>
        `steps:\n  - id: again\n    do: [{ type: 'set more=$word-${word}; echo $more-gate' }, { key: enter }]\n    expect: { text: '{{word}}-${word}-gate' }`;
      await write('first', `base: { recipe: opened, digest: "${digest}" }\n${says('one')}`);
      await write('second', `base: { recipe: opened, digest: "${digest}" }\n${says('two')}`);
      await write(
        'third',
        `base: { recipe: opened, digest: "${digest}", at: command-line }\nsteps:\n  - id: platform\n    when: { text: 'grub>' }\n    do: [{ type: 'echo $grub_cpu/$grub_platform' }, { key: enter }]\n    expect: { text: i386/pc }`,
      );
    });

    it('does the steps of its base, and then its own', async () => {
      const events = await build('first');
      assert.deepEqual(done(events), ['menu', 'command-line', 'word', 'again']);
      const { build: record } = events.at(-1);
      assert.deepEqual([record.recipeName, record.status], ['first', 'done']);
    });

    it('shares with the other recipes of its base what that has done: nothing of it runs twice', async () => {
      assert.deepEqual(done(await build('second')), ['again']);
      assert.deepEqual(done(await build('third')), ['platform']);
    });

    it('shares it with the base itself', async () => {
      const events = await build('opened');
      assert.deepEqual(done(events), []);
      assert.equal(events.find(({ event }) => event === 'resumed')?.step, 'word');
    });

    it('is one branch of a tree', async () => {
      const tree = await json(test, ['checkpoints', 'tree']);
      const drawn = (node: Answer): Answer => [
        `${node.checkpoint.recipe}: ${node.checkpoint.step}`,
        ...node.children.map(drawn),
      ];
      assert.deepEqual(tree.map(drawn), [['opened: menu', ['opened: command-line', ['opened: word']]]]);
    });

    it('fails where its base fails, and says that the base is to be mended', async () => {
      const yaml = await readFile(fileOf('opened'), 'utf8');
      await writeFile(
        fileOf('broken'),
        yaml
          .replace('name: opened', 'name: broken')
          .replace("expect: { text: '{{word}}-gun' }", 'expect: { text: never, timeout: 2s }\n    retries: 0'),
      );
      const broken = parseRecipe(await readFile(fileOf('broken'), 'utf8')).digest;
      await write(
        'on-broken',
        `base: { recipe: broken, digest: "${broken}" }\nsteps:\n  - id: never-reached\n    expect: { text: never }`,
      );
      const { error } = (await build('on-broken', 1)).at(-1);
      assert.equal(error.code, 'provision/base-failed');
      assert.match(error.message, /step "word" of the base broken/);
    });

    it('is resolved and shown with its base', async () => {
      const resolved = await json(test, ['recipe', 'resolve', fileOf('first')]);
      assert.deepEqual(resolved.bases, [{ recipe: 'opened', version: '1.0.0', digest }]);
      assert.deepEqual(resolved.params, { word: 'portal' });
      assert.equal(resolved.recipe.machine.memory, '128M');
      const { stdout } = await cli(test, ['recipe', 'show', fileOf('third')]);
      assert.match(stdout, /^base +opened .*its checkpoint after command-line$/m);
    });

    it('is refused when its base is not the one that it names, or not there', async () => {
      const other = `sha256:${'1'.repeat(64)}`;
      const own = 'steps: [{ id: own, expect: { text: grub } }]';
      await json(test, ['init']);
      await write('changed', `base: { recipe: opened, digest: "${other}" }\n${own}`);
      assert.equal((await errorOf(test, ['build', fileOf('changed')], 2)).code, 'recipe/base-changed');
      await write('lost', `base: { recipe: nowhere, digest: "${other}" }\n${own}`);
      assert.equal((await errorOf(test, ['build', fileOf('lost')], 2)).code, 'recipe/base-not-found');
    });
  });

  describe('that is shared', () => {
    it('is published beside its base, and found with it by whoever has both', async () => {
      const lone = await cli(test, ['publish', fileOf('first')]);
      assert.match(lone.stderr, /Its base opened is not published/);
      await json(test, ['publish', fileOf('opened')]);
      const both = await cli(test, ['publish', fileOf('second')]);
      assert.equal(both.code, 0);
      assert.doesNotMatch(both.stderr, /Its base/);
      const { bases } = await json(test, ['recipe', 'resolve', 'me/first']);
      assert.deepEqual(
        bases.map(({ recipe }: Answer): string => recipe),
        ['opened'],
      );
    });
  });

  describe('whose machine is off', () => {
    const off = `
  - id: off
    do: [{ power: off }]
    expect: { event: shutdown }
provides: [written]`;

    it('begins with a new machine on the disks of the base, which is built once', async () => {
      const params = 'params: { word: { type: string } }';
      const machine = 'machine: { arch: x86_64, memory: 128M, disks: [{ id: root, size: 8M }] }';
      const digest = await write(
        'written',
        `${ISO}\n${params}\n${machine}\n${DEFAULTS}\nsteps:${OPENING.trimEnd()}${off}`,
      );
      const reads = (id: string): string =>
        `requires: [written]\n${ISO}\nsteps:\n  - id: ${id}\n    when: { text: 'The highlighted entry will be executed automatically' }\n    do: [{ key: c }]\n    expect: { text: 'device or file completions' }`;
      await write('reads', `base: { recipe: written, digest: "${digest}", params: { word: first } }\n${reads('look')}`);
      await write(
        'reads-too',
        `base: { recipe: written, digest: "${digest}", params: { word: first } }\n${reads('look-too')}`,
      );
      await write(
        'differs',
        `base: { recipe: written, digest: "${digest}", params: { word: other } }\n${reads('see')}`,
      );
      const opening = ['menu', 'command-line', 'word', 'off'];
      assert.deepEqual(done(await build('reads')), [...opening, 'look']);
      assert.deepEqual(done(await build('reads-too')), ['look-too']);
      // Another word is another end of the base, from the last checkpoint before the word on.
      assert.deepEqual(done(await build('differs')), ['word', 'off', 'see']);
    });

    it('keeps what it rests on while it is in use, and gives it back after that', async () => {
      const { removed } = await json(test, ['checkpoints', 'prune']);
      assert.ok(removed.length > 0);
      assert.deepEqual(await json(test, ['checkpoints', 'list']), []);
    });
  });
});
