/** A disk that is full: said so, with what to do, and nothing lost. A small tmpfs plays the disk; only root can mount one. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, open, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '../../src/errors.ts';
import { openSession } from '../../src/node/session.ts';
import { homeAt } from '../../src/node/home.ts';
import { SOURCE } from '../recipe/fixtures.ts';
import { cli, errorOf, json, type Answer } from '../support/cli.ts';
import { GRUB_RECIPE, needBuilds, skip } from '../support/grub.ts';
import { settle } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const run = promisify(execFile);

describe('a full disk', function () {
  this.timeout(120_000);
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
    try {
      await run('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', disk]);
    } catch {
      return skip(this, 'only root can mount a tmpfs here');
    }
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

  it('in the middle of publishing is exit code 1, and what was acknowledged before is there after', async () => {
    const recipe = async (number: number): Promise<string> => {
      const file = path.join(test.folder, `recipe-${number}.yaml`);
      await writeFile(file, SOURCE.replace('version: 1.0.0', `version: 1.0.${number}`));
      return file;
    };
    const [{ record }]: Answer[] = await json(test, ['publish', await recipe(1)]);
    await fill(filler);
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

/** Writes until nothing more goes in. */
async function fill(file: string): Promise<void> {
  const handle = await open(file, 'w');
  try {
    for (;;) await handle.write(Buffer.alloc(4096));
  } catch (error) {
    assert.equal(errnoOf(error), 'ENOSPC');
  } finally {
    await handle.close();
  }
}
