/** What the README says works, as it says it: its commands are run, its links lead somewhere. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { access, readFile } from 'node:fs/promises';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { promisify } from 'node:util';
import { runCommandLine } from '../src/cli/program.ts';
import { json, ROOT } from './support/cli.ts';
import { needBuilds } from './support/grub.ts';
import { startNode } from './support/node.ts';
import { tempHome, type TestHome } from './support/temp-home.ts';

const README = await readFile(path.join(ROOT, 'README.md'), 'utf8');
const COMMANDS = [...README.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
  .flatMap(([, block = '']) => block.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, '').trim())
  .filter((line) => line !== '');

/** Not run as they stand, and why. */
const SKIPPED: Readonly<Record<string, string>> = {
  'npm start': 'test/main-job.vm.test.ts runs it, with --exit',
  'npm test': 'it would run this test again',
  './portalgun node start': 'it runs until Ctrl-C: started below, and asked whether it runs',
};

describe('the README', function () {
  this.timeout(600_000);
  let test: TestHome;
  before(async () => {
    test = await tempHome();
  });
  after(() => test.remove());

  it('has commands to run, and those that are skipped are in it', () => {
    assert.ok(COMMANDS.length >= 8);
    for (const skipped of Object.keys(SKIPPED)) assert.ok(COMMANDS.includes(skipped), skipped);
  });

  for (const command of COMMANDS) {
    const skipped = SKIPPED[command];
    if (skipped !== undefined) {
      console.log(`      README: \`${command}\` is not run as it stands: ${skipped}`);
      continue;
    }
    it(`tells to run ${command}`, async function () {
      if (/portalgun (build|doctor)/.test(command)) await needBuilds(this);
      await promisify(execFile)('sh', ['-c', command], { cwd: ROOT, env: { ...test.environment } });
    });
  }

  it('tells to run ./portalgun node start, which answers until it is stopped', async () => {
    const node = await startNode(test);
    try {
      assert.equal((await json(test, ['node', 'status'])).running, true);
    } finally {
      assert.equal(await node.stop(), 0);
    }
  });

  it('names no command and no flag that there is not', async () => {
    const code = [...README.matchAll(/`([^`\n]+(?:\n[^`\n]+)?)`/g)].map(([, text = '']) => text.replace('\n', ' '));
    const lines = [...COMMANDS, ...code].filter((line) => /^(\.\/)?portalgun [a-z]/.test(line));
    assert.ok(lines.length >= 9);
    for (const line of lines) {
      const words = line.split(' ').slice(1);
      const text = await helpFor(words.filter((word) => /^[a-z]+$/.test(word)).slice(0, 2));
      for (const flag of words.filter((word) => word.startsWith('--'))) assert.ok(text.includes(flag), line);
    }
  });

  it('links to files that are there', async () => {
    const links = [...README.matchAll(/\]\(([^)#]+)[^)]*\)/g)].map(([, link = '']) => link);
    assert.ok(links.length >= 5);
    for (const link of links) if (!/^https?:/.test(link)) await access(path.join(ROOT, link));
  });
});

/** Help of `portalgun a b`, or of `portalgun a` where `b` is an argument. Fails where there is no such command. */
async function helpFor(words: readonly string[]): Promise<string> {
  for (const args of [words, words.slice(0, 1)]) {
    const out = new PassThrough();
    let text = '';
    out.on('data', (chunk: Buffer) => (text += String(chunk)));
    const streams = { stdin: out, stdout: out, stderr: out, environment: {} };
    const code = await runCommandLine([...args, '--help'], streams);
    if (code === 0 && text.startsWith(`Usage: portalgun ${args.join(' ')} `)) return text;
  }
  throw new Error(`there is no command portalgun ${words.join(' ')}`);
}
