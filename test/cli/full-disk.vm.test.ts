/** A disk that is full: said so, with what to do, and nothing lost. A small tmpfs plays the disk; only root can mount one. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, rm, statfs, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { openSession } from '../../src/node/session.ts';
import { homeAt } from '../../src/node/home.ts';
import { SOURCE } from '../recipe/fixtures.ts';
import { cli, errorOf, eventOf, json, jsonLines, outcomeOf, startCli, type Answer } from '../support/cli.ts';
import { fillDisk, mountSmallDisk } from '../support/full-disk.ts';
import { GRUB_RECIPE, needBuilds } from '../support/grub.ts';
import { settle } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const run = promisify(execFile);

const SMALL = '8m';

describe('a full disk', function () {
  this.timeout(600_000);
  let test: TestHome;
  let mounted: string | undefined;
  let filler: string;

  before(async function () {
    const base = await tempHome();
    const disk = path.join(base.folder, 'disk');
    await mkdir(disk);
    const environment = { ...base.environment, PORTALGUN_HOME: path.join(disk, 'home') };
    test = { ...base, environment, home: homeAt(environment) };
    filler = path.join(disk, 'filler');
    await mountSmallDisk(this, disk, SMALL);
    mounted = disk;
    await settle(test);
  });
  after(async () => {
    if (mounted !== undefined) await run('umount', [mounted]);
    await test.remove();
  });

  it('is found before a machine starts: exit code 5, with how much is wanted', async function () {
    await needBuilds(this);
    const error = await errorOf(test, ['build', GRUB_RECIPE], 5);
    assert.equal(error.code, 'machine/too-little-disk');
    assert.match(error.message, /needs 1024 MiB free, it has \d+ MiB/);
    assert.match(error.hint, /checkpoints|home/);
    assert.equal((await json(test, ['builds', 'list'])).at(-1).status, 'failed');
  });

  it('in the middle of a build is exit code 1; with room again the build goes on from its last checkpoint', async function () {
    await needBuilds(this);
    await run('mount', ['-o', 'remount,size=2g', mounted!]);
    const args = ['build', GRUB_RECIPE, '--repair', 'never'];
    const child = startCli(test, [...args, '--json']);
    const outcome = outcomeOf(child);
    await eventOf(child, ({ event, step }) => event === 'checkpoint' && step === 'menu');
    // It waits meanwhile: what it goes on to write would not be counted.
    process.kill(-child.pid!, 'SIGSTOP');
    try {
      const { blocks, bfree, bsize } = await statfs(mounted!);
      await run('mount', ['-o', `remount,size=${(blocks - bfree) * bsize}`, mounted!]); // nothing more goes in
    } finally {
      process.kill(-child.pid!, 'SIGCONT');
    }
    const { code, stdout, stderr } = await outcome;
    const { error } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '');
    assert.deepEqual([code, error.code], [1, 'disk/full'], stderr);
    assert.match(error.hint, /Free some space/);
    await run('mount', ['-o', 'remount,size=2g', mounted!]);
    const events = await jsonLines(test, args);
    assert.equal(events.find(({ event }) => event === 'resumed')?.step, 'menu', JSON.stringify(events));
    assert.equal(events.at(-1).build.status, 'done');
    const states = (await json(test, ['builds', 'list'])).map(({ status }: Answer) => status);
    assert.ok(!states.includes('running'), JSON.stringify(states));
    await rm(test.home.checkpointsDir, { recursive: true });
    await run('mount', ['-o', `remount,size=${SMALL}`, mounted!]);
  });

  it('in the middle of publishing is exit code 1, and what was acknowledged before is there after', async () => {
    const recipe = async (number: number): Promise<string> => {
      const file = path.join(test.folder, `recipe-${number}.yaml`);
      await writeFile(file, SOURCE.replace('version: 1.0.0', `version: 1.0.${number}`));
      return file;
    };
    const [{ record }]: Answer[] = await json(test, ['publish', await recipe(1)]);
    await fillDisk(filler);
    const said = await cli(test, ['publish', await recipe(2)]);
    assert.equal(said.code, 1);
    assert.match(said.stderr, /^error: .*(full|space)/i);
    assert.doesNotMatch(said.stderr, /fault of portalgun/);
    await rm(filler);
    const [again]: Answer[] = await json(test, ['publish', await recipe(2)]);
    const session = await openSession(test.home);
    try {
      const feed = await session.store.range(session.identity.author, 'public', 0, 100);
      const ids = feed.map(({ id }) => id);
      assert.ok(ids.includes(record) && ids.includes(again.record));
      assert.deepEqual(
        feed.map(({ link }) => link.seq),
        feed.map((_, at) => at + 1),
      );
    } finally {
      await session.close();
    }
  });
});
