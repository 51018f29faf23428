/** docs/cli.md says what the program has: every command, flag, event and field, and no other. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { runCommandLine } from '../../src/cli/program.ts';
import { assertDocumented, code, COMMANDS, PAGE, rowsOf } from './documented.ts';
import { author } from '../heal/patches.ts';
import { json, ROOT, type Answer } from '../support/cli.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { startNode } from '../support/node.ts';
import { tempHome, withHomes, type TestHome } from '../support/temp-home.ts';

/** Runs in this process: help needs no home. */
async function help(words: readonly string[]): Promise<string> {
  const stdout = new PassThrough();
  let text = '';
  stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
  await runCommandLine([...words, '--help'], { stdin: stdout, stdout, stderr: stdout, environment: {} });
  return text;
}

/** Every command that does something, in the order of the help. */
async function programCommands(words: readonly string[] = []): Promise<{ usage: string; flags: string[] }[]> {
  const text = await help(words);
  const names = [...(text.split('Commands:\n')[1] ?? '').matchAll(/^ {2}([a-z]+)/gm)].map(([, name = '']) => name);
  if (names.length === 0) {
    const usage = /^Usage: portalgun (.*)$/m.exec(text)?.[1] ?? assert.fail(text);
    const flags = [...text.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+(?: <[^>]+>)?)/gm)].map(([, flag = '']) => flag);
    return [{ usage: usage.replace(' [options]', ''), flags }];
  }
  const lists = [];
  for (const name of names) if (name !== 'help') lists.push(await programCommands([...words, name]));
  return lists.flat();
}

describe('docs/cli.md', () => {
  it('lists every command with its arguments, in the order of the help, and no other', async () => {
    const commands = await programCommands();
    assert.ok(commands.length > 40);
    assert.deepEqual(
      COMMANDS.map(({ usage }) => usage),
      commands.map(({ usage }) => usage),
    );
  });

  it('lists every flag of each command, and no other', async () => {
    for (const { usage, flags } of await programCommands()) {
      const documented = COMMANDS.find((command) => command.usage === usage)?.flags ?? [];
      assert.deepEqual([...documented, '--json', '--verbose', '--help'].sort(), flags.sort(), usage);
      for (const common of ['--json', '--verbose', '--help']) assert.ok(PAGE.includes(`\`${common}\``));
    }
  });

  it('lists every event of a build with its fields, and no other', async () => {
    const source = await readFile(path.join(ROOT, 'src/workshop/provision/types.ts'), 'utf8');
    const union = source.slice(
      source.indexOf('export type BuildEvent ='),
      source.indexOf('export type BuildEventBody'),
    );
    const kinds = new Map(
      union
        .split("readonly event: '")
        .slice(1)
        .map((variant) => {
          const [kind = '', rest = ''] = variant.split(/'(.*)/s);
          const fields = rest.slice(0, rest.indexOf('}')).matchAll(/readonly (\w+\??):/g);
          return [kind, [...fields].map(([, name = '']) => name)];
        }),
    );
    assert.ok(kinds.size > 10);
    // src/cli/commands/build.ts
    kinds.set('secret-generated', ['name', 'file']).set('build', ['build']);
    kinds.set('twice', ['first', 'second', 'equal', 'varied', 'kept', 'differences']);
    const section = PAGE.slice(PAGE.indexOf('## Events of `build'), PAGE.indexOf('## Events of `node'));
    const documented = rowsOf('`event`', section).map(
      ([kind, fields]) => [code(kind), code(fields).split(', ')] as const,
    );
    assert.deepEqual(new Map(documented), kinds);
    assert.equal(documented.length, kinds.size);
  });

  it('lists every event of a node', async () => {
    const source = await readFile(path.join(ROOT, 'src/exchange/record/types.ts'), 'utf8');
    const union = source.slice(source.indexOf('export type Admission ='), source.indexOf('export type RefusalReason'));
    const kinds = [...union.matchAll(/readonly result: '(\w+)'/g)].map(([, kind]) => kind);
    assert.equal(kinds.length, 4);
    const section = PAGE.slice(PAGE.indexOf('## Events of `node'));
    const documented = rowsOf('`event`', section).map(([kind]) => code(kind));
    assert.deepEqual(new Set(documented), new Set(['ready', 'alert', ...kinds]));
  });
});

describe('the documents that docs/cli.md describes', function () {
  this.timeout(180_000);
  let test: TestHome;
  before(async () => {
    test = await tempHome();
  });
  after(() => test.remove());

  /** Compares with what the page says of the command, for one document or each of a list. */
  async function isAsDocumented(...args: string[]): Promise<void> {
    const answer = await json(test, args);
    assertDocumented(args, answer);
  }

  it('have the fields that it names', async () => {
    const file = path.join(test.folder, 'mine.yaml');
    await isAsDocumented('init');
    await isAsDocumented('id');
    await isAsDocumented('key', 'show');
    await isAsDocumented('key', 'backup', path.join(test.folder, 'backup'));
    await isAsDocumented('key', 'passphrase', '--remove');
    await isAsDocumented('key', 'rotate');
    await isAsDocumented('recipe', 'lint', GRUB_RECIPE);
    await isAsDocumented('recipe', 'show', GRUB_RECIPE);
    await isAsDocumented('recipe', 'resolve', GRUB_RECIPE);
    await isAsDocumented('recipe', 'diff', GRUB_RECIPE, GRUB_RECIPE);
    await isAsDocumented('publish', GRUB_RECIPE);
    await isAsDocumented('recipe', 'list');
    await isAsDocumented('recipe', 'get', 'me/grub-rescue', '--out', file);
    await isAsDocumented('checkpoints', 'prune');
    await isAsDocumented('media', 'list');
    await isAsDocumented('peer', 'add', author(7).id, '--name', 'alice');
    await isAsDocumented('peer', 'list');
    await isAsDocumented('peer', 'show', 'alice');
    await isAsDocumented('unfollow', 'alice');
    await isAsDocumented('follow', 'alice');
    await isAsDocumented('peer', 'remove', 'alice');
    await isAsDocumented('policy', 'show');
    await isAsDocumented('policy', 'check');
    const [{ record }] = await json(test, ['recipe', 'list']);
    await isAsDocumented('why', record);
    await isAsDocumented('withdraw', record, '--why', 'a test');
    await isAsDocumented('node', 'status');
  });

  it('have the fields that it names, of keys', () =>
    withHomes(3, async (owner, restored, begun) => {
      const asDocumented = async (home: TestHome, ...args: string[]): Promise<Answer> => {
        const answer = await json(home, args);
        assertDocumented(args, answer);
        return answer;
      };
      const { author: self, recoveryKey } = await json(owner, ['init']);
      const [paper, backup] = [path.join(owner.folder, 'paper'), path.join(owner.folder, 'backup')];
      await writeFile(paper, recoveryKey);
      await json(owner, ['key', 'rotate', '--offline']);
      await json(owner, ['key', 'backup', backup]);
      await asDocumented(owner, 'key', 'recover', '--key-file', paper, '--offline', '--new-recovery-key');
      await asDocumented(owner, 'key', 'revoke', '--why', 'a test', '--offline');
      await asDocumented(restored, 'key', 'restore', backup);
      const answer = await json(begun, ['key', 'recover', '--author', self, '--key-file', paper]);
      assert.ok(PAGE.includes(`or \`{${Object.keys(answer).join(', ')}}\``), JSON.stringify(answer));
    }));

  it('have the fields that it names, of a running node', async () => {
    const node = await startNode(test);
    try {
      await isAsDocumented('node', 'status');
      await isAsDocumented('node', 'sync');
      await isAsDocumented('node', 'stop');
      assert.equal(await node.ended(), 0);
    } finally {
      await node.stop();
    }
  });
});
