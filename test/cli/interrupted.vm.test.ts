/** Builds that end in the middle, one after another in one home: nothing is lost, and the next one goes on. Real VMs. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { cp, open, readdir, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import {
  cli,
  errorOf,
  eventOf,
  json,
  jsonLines,
  outcomeOf,
  startCli,
  type Answer,
  type Outcome,
} from '../support/cli.ts';
import { errnoOf } from '../../src/errors.ts';
import { isRunning } from '../../src/running.ts';
import { grubRecipe, needBuilds, STALE } from '../support/grub.ts';
import { eventually } from '../support/node.ts';
import { TEST_CACHE } from '../support/test-cache.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

/** The recipe waits here for ever, well after its checkpoints: long enough for anything to happen to it. */
const WAITS = 'loop';

describe('a build', function () {
  this.timeout(600_000);
  let test: TestHome;
  let waiting: string;

  before(async function () {
    await needBuilds(this);
    test = await tempHome();
    waiting = await grubRecipe(
      test,
      [['expect: { text: all-123 }', 'expect: { text: this-is-never-there, timeout: 1h }']],
      'waiting.yaml',
    );
  });
  after(() => test?.remove());

  interface Started {
    readonly child: ChildProcess;
    readonly events: Answer[];
    readonly outcome: Promise<Outcome>;
  }

  /** A build that has come to the step at which it waits. */
  async function atItsWait(): Promise<Started> {
    const child = startCli(test, ['build', waiting, '--repair', 'never', '--json']);
    const outcome = outcomeOf(child);
    const events: Answer[] = [];
    try {
      await eventOf(child, (event) => events.push(event) > 0 && event.event === 'step-start' && event.step === WAITS);
    } catch (error) {
      throw new Error(`${String(error)}: ${JSON.stringify(events.at(-1))}`, { cause: error });
    }
    return { child, events, outcome };
  }

  const resumedAfter = (events: readonly Answer[]): string | undefined =>
    events.find(({ event }) => event === 'resumed')?.step;

  it('whose QEMU is killed fails with exit code 1 and says so', async () => {
    const { child, events, outcome } = await atItsWait();
    assert.equal(resumedAfter(events), undefined);
    const qemu = await qemuOf(child.pid!);
    process.kill(qemu, 'SIGKILL');
    const { code, stdout } = await outcome;
    const { error } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    assert.deepEqual([code, error.code], [1, 'provision/machine-died']);
    assert.match(error.message, /QEMU|machine/);
  });

  it('goes on from its checkpoint after that; a second one in the same home is refused meanwhile', async () => {
    const { child, events, outcome } = await atItsWait();
    try {
      assert.equal(resumedAfter(events), 'command-line', JSON.stringify(events));
      const busy = await errorOf(test, ['build', waiting], 1);
      assert.equal(busy.code, 'build/busy');
      assert.equal(busy.facts.process, child.pid);
    } finally {
      const qemu = await qemuOf(child.pid!);
      child.kill('SIGKILL'); // the build process itself, in the middle, for the next test
      await outcome;
      await eventually(
        async () => isRunning(qemu),
        (running) => !running,
      ); // its machine goes with it
    }
  });

  it('killed with SIGKILL goes on when it is run again, and is told from a running one', async () => {
    const { child, events, outcome } = await atItsWait();
    try {
      assert.equal(resumedAfter(events), 'command-line', JSON.stringify(events));
      const states = (await json(test, ['builds', 'list'])).map(({ status }: Answer) => status);
      assert.deepEqual(states, ['failed', 'interrupted', 'running']);
    } finally {
      process.kill(-child.pid!, 'SIGINT'); // as Ctrl-C at a terminal does: to QEMU too
    }
    const { code, stdout } = await outcome;
    const { error } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    assert.deepEqual([code, error.code], [130, 'interrupted']);
    assert.equal((await json(test, ['builds', 'list'])).at(-1).status, 'interrupted');
  });

  it('stopped with Ctrl-C goes on too, and ends well once its recipe is mended', async () => {
    const recipe = await grubRecipe(test, [], 'waiting.yaml');
    const events = await jsonLines(test, ['build', recipe]);
    assert.equal(resumedAfter(events), 'command-line', JSON.stringify(events));
    const { build } = events.at(-1);
    assert.equal(build.status, 'done');
    const shown = await json(test, ['builds', 'show', build.id]);
    assert.deepEqual(
      shown.steps.map(({ step }: Answer) => step),
      ['variable', 'platform', 'medium', 'loop', 'clear'],
    );
    assert.ok((await json(test, ['checkpoints', 'list'])).length >= 2);
    assert.deepEqual(
      (await readdir(test.home.imagesDir)).filter((name) => name.includes('making')),
      [],
    );
  });

  it('with a step that can never match fails with exit code 1, saying what it expected and what it saw', async () => {
    const recipe = await grubRecipe(test, STALE, 'stale.yaml');
    const error = await errorOf(test, ['build', recipe, '--repair', 'never'], 1);
    assert.equal(error.code, 'provision/step-failed');
    assert.match(error.message, /command-line/);
    const build = (await json(test, ['builds', 'list'])).at(-1);
    assert.deepEqual([build.status, build.failure.step], ['failed', 'command-line']);
    const { stdout } = await cli(test, ['builds', 'show', build.id]);
    assert.match(stdout, /\n   seen\n[\s\S]*device or file completions/);
    await readFile(path.join(test.home.buildsDir, build.id, 'recipe-' + build.startedRecipe.slice(7) + '.yaml'));
    // Nobody sits at this standard input: it is told, and not waited for.
    const asked = await cli(test, ['build', recipe]);
    assert.equal(asked.code, 1);
    assert.match(asked.stdout, /Nobody can be asked: this is not a terminal/);
  });

  it('refuses a medium with one flipped bit in the cache: exit code 3', async () => {
    const cache = path.join(test.folder, 'cache');
    await copyCache(cache);
    const files = path.join(cache, 'files');
    const iso = (await readdir(files)).find((name) => name.endsWith('-grub-rescue-cdrom.iso'));
    assert.ok(iso !== undefined);
    await flipBit(path.join(files, iso), 100_000);
    const person = { environment: { ...test.environment, PORTALGUN_CACHE: cache } };
    const recipe = await grubRecipe(test, [], 'flipped.yaml');
    for (const command of ['build', 'media']) {
      const args = command === 'media' ? ['media', 'verify', recipe] : ['build', recipe, '--fresh'];
      const error = await errorOf(person, args, 3);
      assert.match(error.code, /^media\//);
      assert.match(error.message, /grub-rescue/);
    }
    assert.equal((await json(test, ['builds', 'list'])).at(-1).status, 'failed');
  });
});

/** Other tests write into it meanwhile: where something has gone under the copy, it is made once more. */
async function copyCache(to: string): Promise<void> {
  const filter = (from: string): boolean => !path.relative(TEST_CACHE, from).startsWith('compile');
  for (;;) {
    try {
      return await cp(TEST_CACHE, to, { recursive: true, filter });
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      await rm(to, { recursive: true, force: true });
    }
  }
}

async function flipBit(file: string, offset: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, offset);
    byte[0]! ^= 1;
    await handle.write(byte, 0, 1, offset);
  } finally {
    await handle.close();
  }
}

/** The QEMU that a build process has started: found among its children. */
async function qemuOf(pid: number): Promise<number> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8');
  for (const child of children.split(' ').filter((one) => one !== '')) {
    const command = await readFile(`/proc/${child}/cmdline`, 'utf8').catch(() => ''); // one that has ended meanwhile
    if (command.includes('qemu-system')) return Number(child);
  }
  throw new Error(`process ${pid} has no QEMU`);
}
