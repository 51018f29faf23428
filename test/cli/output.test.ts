/** What commands print: for people without colour codes where no terminal is, for programs one JSON document. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { shortDigest } from '../../src/crypto/digest.ts';
import { openSession } from '../../src/node/session.ts';
import { author, patchBy } from '../heal/patches.ts';
import type { Operation } from '../../src/recipe/types.ts';
import { digestOf } from '../../src/crypto/canonical.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { contextFor } from '../../src/cli/context.ts';
import { bytes, folded, paint, seconds, table } from '../../src/cli/output.ts';
import { runCommandLine } from '../../src/cli/program.ts';
import { cli, json } from '../support/cli.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { settle } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

/** Runs in this process: help needs no home. */
async function help(...args: string[]): Promise<string> {
  const stdout = new PassThrough();
  let text = '';
  stdout.on('data', (chunk: Buffer) => (text += String(chunk)));
  const code = await runCommandLine([...args, '--help'], { stdin: stdout, stdout, stderr: stdout, environment: {} });
  assert.equal(code, 0);
  return text;
}

/** Names of the commands that a help text lists. */
function commandsIn(text: string): string[] {
  const list = text.split('Commands:\n')[1] ?? '';
  return [...list.matchAll(/^ {2}([a-z]+)/gm)].map(([, name]) => name ?? '').filter((name) => name !== 'help');
}

/** Every command by its words, and its help: groups too. */
async function allHelp(...words: string[]): Promise<[words: string[], text: string][]> {
  const text = await help(...words);
  const all: [string[], string][] = [[words, text]];
  for (const name of commandsIn(text)) all.push(...(await allHelp(...words, name)));
  return all;
}

describe('help', () => {
  it('fits into 80 columns, for every command and its commands', async () => {
    const all = await allHelp();
    assert.ok(all.length > 50);
    for (const [words, text] of all) {
      assert.match(text, /^Usage: portalgun/);
      for (const line of text.split('\n')) assert.ok(line.length <= 80, `${words.join(' ')}: ${line}`);
    }
  });

  it('is offered by every command that does something, with --json', async () => {
    for (const [words, text] of await allHelp())
      if (commandsIn(text).length === 0) assert.match(text, /--json/, words.join(' '));
  });
});

describe('output', function () {
  this.timeout(120_000);
  let test: TestHome;
  before(async () => {
    test = await tempHome();
    await settle(test);
    await json(test, ['publish', GRUB_RECIPE]);
  });
  after(() => test.remove());

  const commands: readonly (readonly string[])[] = [
    ['id'],
    ['recipe', 'lint', GRUB_RECIPE],
    ['recipe', 'show', GRUB_RECIPE],
    ['recipe', 'diff', GRUB_RECIPE, GRUB_RECIPE],
    ['recipe', 'list'],
    ['builds', 'list'],
    ['checkpoints', 'list'],
    ['checkpoints', 'tree'],
    ['checkpoints', 'prune'],
    ['images', 'list'],
    ['inbox', 'list'],
    ['peer', 'list'],
    ['policy', 'show'],
    ['policy', 'check'],
    ['node', 'status'],
  ];
  for (const args of commands) {
    it(`of ${args.slice(0, 2).join(' ')} is one JSON document with --json, and plain text without a terminal`, async () => {
      const machine = await cli(test, [...args, '--json']);
      assert.deepEqual([machine.code, machine.stderr], [0, '']);
      assert.equal(machine.stdout.trimEnd().split('\n').length, 1);
      JSON.parse(machine.stdout);
      const person = await cli(test, args);
      assert.equal(person.code, 0);
      assert.notEqual(person.stdout.trim(), '');
      // oxlint-disable-next-line no-control-regex -- escape sequences are what must not be there
      assert.doesNotMatch(person.stdout + person.stderr, /\u001b/);
    });
  }

  it('marks the steps that a recipe’s author has never run, and counts them', async () => {
    const recipe = path.join(test.folder, 'never-run.yaml');
    const source = await readFile(GRUB_RECIPE, 'utf8');
    await writeFile(
      recipe,
      source.replace('  - id: command-line\n', '  - id: command-line\n    not_run: no CD drive\n'),
    );
    const { code, stdout } = await cli(test, ['recipe', 'show', recipe]);
    assert.equal(code, 0);
    assert.match(stdout, /^NOT RUN 1 of \d+ steps were never run by the author/m);
    assert.match(stdout, /^command-line.*\n {4}NOT RUN: no CD drive$/m);
    assert.ok(!(await cli(test, ['recipe', 'show', GRUB_RECIPE])).stdout.includes('NOT RUN'));
  });

  it('names a peer’s patch shortly where the short name can be given, and keeps its review to 80 columns', async () => {
    const { id } = author(7);
    await json(test, ['peer', 'add', id, '--name', 'alice']);
    const [offered] = await json(test, ['recipe', 'list']);
    const summary = 'a remark that is much longer than anybody needs to say what a patch is good for in a build';
    const before = parseRecipe(await readFile(GRUB_RECIPE, 'utf8')).recipe.summary;
    const operations: Operation[] = [{ op: 'set', path: ['summary'], was: digestOf(before), value: 'x' }];
    const { record } = patchBy(
      author(7),
      { recipeName: 'grub-rescue', base: offered.digest, operations, summary },
      { network: 'portalgun' },
    );
    const session = await openSession(test.home);
    assert.equal((await session.store.admit(record.envelope, { follows: () => true })).result, 'admitted');
    await session.close();
    const short = shortDigest(record.id);
    const list = await cli(test, ['inbox', 'list']);
    assert.match(list.stdout, new RegExp(`^${short} +alice +grub-rescue +wording +ask +a remark`, 'm'));
    for (const command of [['inbox', 'show'], ['why']]) {
      const { code, stdout } = await cli(test, [...command, short]);
      assert.equal(code, 0);
      assert.match(stdout, new RegExp(`^${command[0] === 'why' ? 'record ' : 'patch  '} ${record.id}$`, 'm'));
      assert.match(stdout, new RegExp(`patch ${short} by alice for me/grub-rescue, class wording`));
      for (const line of stdout.split('\n')) assert.ok(line.length <= 80, line);
    }
    assert.match((await cli(test, ['recipe', 'list'])).stdout, new RegExp(`${shortDigest(offered.record)}$`, 'm'));
    assert.equal((await json(test, ['why', shortDigest(offered.record)])).record, offered.record);
  });

  it('is coloured at a terminal only, and never where NO_COLOR is set', () => {
    const at = (isTTY: boolean, environment = {}): string => {
      const stdout = Object.assign(new PassThrough(), { isTTY });
      const streams = { stdin: stdout, stdout, stderr: stdout, environment: { PORTALGUN_HOME: '/x', ...environment } };
      return paint(contextFor(streams, {}, new AbortController().signal), 'stdout', 'red', 'word');
    };
    assert.equal(at(true), '\u001b[31mword\u001b[0m');
    assert.equal(at(false), 'word');
    assert.equal(at(true, { NO_COLOR: '1' }), 'word');
    assert.equal(at(true, { NO_COLOR: '' }), '\u001b[31mword\u001b[0m'); // no-color.org: when not empty
  });

  it('breaks a line that is too long at its blanks, what goes on further in, and leaves whole what cannot be broken', () => {
    assert.deepEqual(folded('    type "one two three"', 24), ['    type "one two three"']);
    assert.deepEqual(folded('    type "one two three"', 17), ['    type "one', '      two three"']);
    assert.deepEqual(folded('kernel: a/very/long/path of it', 12), ['kernel:', '  a/very/long/path', '  of it']);
    assert.deepEqual(folded('', 10), ['']);
  });

  it('is aligned, and speaks in units', () => {
    assert.deepEqual(
      table(
        ['a', 'long'],
        [
          ['xyz', '1'],
          ['', '2'],
        ],
      ),
      ['a    long', 'xyz  1', '     2'],
    );
    const [row] = [['row', 'a last cell that is longer than the line, with averyveryverylongword in it']];
    assert.deepEqual(table(['a', 'what'], [row], 40).slice(1), [
      'row  a last cell that is longer than the\n     line, with averyveryverylongword in\n     it',
    ]);
    assert.deepEqual(table(['a', 'what'], [row], 34).slice(1), [
      'row\n    a last cell that is longer\n    than the line, with\n    averyveryverylongword in it',
    ]);
    assert.deepEqual(table(['a', 'what'], [row]).slice(1), [row.join('  ')]);
    const digest = 'f'.repeat(64);
    assert.deepEqual(table(['key', 'fingerprint'], [['openbsd-72, signify', digest]], 80).slice(1), [
      `openbsd-72, signify\n    ${digest}`,
    ]);
    assert.deepEqual([0, 1023, 1024, 1.5 * 2 ** 30].map(bytes), ['0 B', '1023 B', '1.0 KiB', '1.5 GiB']);
    assert.deepEqual([0, 1500, 59_900, 61_000, 119_700].map(seconds), [
      '0.0 s',
      '1.5 s',
      '59.9 s',
      '1 min 1 s',
      '2 min 0 s',
    ]);
  });
});
