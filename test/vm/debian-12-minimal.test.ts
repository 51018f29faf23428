/**
 * debian-12-minimal: a real Debian, built by two people on two hosts, who compare it; booted by itself, reached by ssh; and what
 * a change in its last step costs.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { jsonLines, ROOT, type Answer } from '../support/cli.ts';
import { runConsole } from '../support/console.ts';
import { needBuilds } from '../support/grub.ts';
import { needPrograms } from '../support/skip.ts';
import { copyRecipe } from '../support/elsewhere.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { buildByTwo, buildTwice, itIsAlike, type BuiltTwice } from '../support/twice.ts';

const run = promisify(execFile);
const RECIPE = path.join(ROOT, 'recipes/debian-12-minimal.yaml');
const PASSWORD = 'Through-3-gates';

describe('recipes/debian-12-minimal.yaml', function () {
  this.timeout(0);
  let test: TestHome;
  let bob: TestHome;
  let keys: string;
  let flags: readonly string[];
  let recipe: string;
  let twice: BuiltTwice;
  let events: readonly Answer[];

  before(async function () {
    await needBuilds(this);
    needPrograms(this, 'ssh', 'faketime');
    [test, bob] = [await tempHome(), await tempHome()];
    keys = await mkdtemp(path.join(tmpdir(), 'pg-ssh-'));
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path.join(keys, 'key')]);
    await writeFile(path.join(keys, 'password'), `${PASSWORD}\n`, { mode: 0o600 });
    recipe = await copyRecipe(test, RECIPE);
    const secrets = [`root_password=${path.join(keys, 'password')}`, `ssh_key=${path.join(keys, 'key.pub')}`];
    flags = secrets.flatMap((secret) => ['--secret', secret]);
    twice = await buildByTwo({ alice: test, bob }, recipe, flags);
    events = twice.first;
  });
  after(async () => {
    for (const home of [test, bob]) await home?.remove();
    if (keys !== undefined) await rm(keys, { recursive: true, force: true });
  });

  const image = (): string => events.at(-1).build.image;

  it('passes lint without a finding, and is built, every step seen to have worked', async () => {
    const checked = parseRecipe(await readFile(RECIPE, 'utf8'));
    assert.deepEqual(lintRecipe(checked), []);
    const done = events.filter(({ event }) => event === 'step-done').map(({ step }) => step as string);
    const { steps, personalise = [] } = checked.recipe;
    assert.deepEqual(
      done,
      [...steps, ...personalise].map(({ id }) => id),
    );
  });

  itIsAlike('debian-12-minimal', () => twice);

  describe('run with --forward', () => {
    let port: number;
    let terminal: ReturnType<typeof runConsole>;
    let host: Server;
    before(async () => {
      port = await freePort();
      host = createServer((socket) => socket.end('the host\n')).listen(0, '127.0.0.1');
      await once(host, 'listening');
      terminal = runConsole(test, image(), ['--forward', `${port}:22`]);
      await terminal.until('portal login:');
    });
    after(async () => {
      host?.close();
      await terminal?.leave();
    });

    const ssh = async (command: string): Promise<string> => {
      const options = ['StrictHostKeyChecking=no', 'UserKnownHostsFile=/dev/null', 'LogLevel=ERROR', 'BatchMode=yes'];
      const flags = ['-F', 'none', '-i', path.join(keys, 'key'), '-p', String(port)];
      const args = [...flags, ...options.flatMap((option) => ['-o', option]), 'root@127.0.0.1', command];
      return (await run('ssh', args)).stdout;
    };

    it('lets the owner of the key in', async () => {
      // The server may come up a little after the console: each try is answered, or refused at once.
      let answer: string | undefined;
      while (answer === undefined) answer = await ssh('cat /etc/hostname').catch(() => undefined);
      assert.equal(answer, 'portal\n');
    });

    it('is a whole Debian: every package is configured, and dpkg finds every file as it was', async () => {
      assert.match(await ssh('. /etc/os-release; echo $PRETTY_NAME'), /^Debian GNU\/Linux 12/);
      assert.equal(await ssh('dpkg --audit'), '');
      assert.equal(await ssh("dpkg-query -f '${db:Status-Abbrev}\\n' -W | sort -u"), 'ii \n');
      assert.equal(await ssh('dpkg --verify'), '');
      assert.equal(await ssh('systemctl --failed --plain --no-legend'), '');
    });

    it('leads in and not out: the guest reaches nothing of the host', async () => {
      const address = host.address();
      assert.ok(typeof address === 'object' && address !== null);
      const reached = await ssh(`timeout 10 bash -c 'cat < /dev/tcp/10.0.2.2/${address.port}' || echo refused`);
      assert.equal(reached, 'refused\n');
    });
  });

  describe('as the base of debian-12-minimal-web', () => {
    let again: BuiltTwice;
    let web: readonly Answer[];
    before(async () => {
      const child = await copyRecipe(test, path.join(ROOT, 'recipes/debian-12-minimal-web.yaml'));
      const secret = `root_password=${path.join(keys, 'password')}`;
      again = await buildTwice(test, ['build', child, '--repair', 'never', '--secret', secret]);
      web = again.first;
    });

    it('is not built again', () => {
      const { steps } = parseRecipe(readFileSync(RECIPE, 'utf8')).recipe;
      const done = web.filter(({ event }) => event === 'step-done').map(({ step }) => step as string);
      const again = steps.map(({ id }) => id).filter((id) => done.includes(id));
      assert.ok(again.length <= 1, `built again: ${again.join(', ')}`);
      assert.ok(done.includes('answers'));
    });

    it('answers with the page of the recipe, through --forward', async () => {
      const port = await freePort();
      const terminal = runConsole(test, web.at(-1).build.image, ['--forward', `${port}:80`]);
      try {
        await terminal.until('portal login:');
        let page: string | undefined;
        while (page === undefined)
          page = await fetch(`http://127.0.0.1:${port}/`).then(
            (answer) => answer.text(),
            () => undefined, // not yet: the server comes up beside the console
          );
        assert.match(page, /This page comes out of a recipe/);
      } finally {
        await terminal.leave();
      }
    });

    itIsAlike('debian-12-minimal-web', () => again);
  });

  // Last, and so in a suite of its own: mocha runs a suite's tests before the suites in it, and those above need the base as it is.
  describe('changed in its last step', () => {
    it('costs that step alone', async () => {
      const source = await readFile(recipe, 'utf8');
      assert.ok(source.includes('sync; poweroff -f'));
      await writeFile(recipe, source.replace('sync; poweroff -f', 'sync; sync; poweroff -f'));
      const again = await jsonLines(test, ['build', recipe, '--repair', 'never', ...flags]);
      assert.equal(again.find(({ event }) => event === 'resumed')?.step, 'check');
      const steps = again.filter(({ event }) => event === 'step-done').map(({ step }) => step as string);
      assert.equal(steps[0], 'power-off');
      const [whole, changed] = [events, again].map((told) => told.at(-1).build);
      assert.equal(changed.manifest, whole.manifest);
      const seconds = [whole, changed].map(({ tookMs }) => `${Math.round(tookMs / 1000)} s`);
      console.log(`      from power-on and after the change: ${seconds.join(' and ')}`);
    });
  });
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  assert.ok(typeof address === 'object' && address !== null);
  server.close();
  await once(server, 'close');
  return address.port;
}
