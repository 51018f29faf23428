/** One build at a time in one home. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../../src/errors.ts';
import { takeBuildLock } from '../../src/node/build-lock.ts';
import { openHome } from '../../src/node/home.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

describe('the build lock', function () {
  this.timeout(30_000);
  let test: TestHome;
  let file: string;
  beforeEach(async () => {
    test = await tempHome();
    await openHome(test.home);
    file = path.join(test.home.runtime, 'build.lock');
  });
  afterEach(() => test.remove());

  it('is held by one, and names who holds it', async () => {
    const release = await takeBuildLock(test.home);
    await assert.rejects(takeBuildLock(test.home), {
      code: 'build/busy',
      exitCode: 1,
      message: new RegExp(`process ${process.pid}`),
      hint: /Wait for it/,
    });
    await release();
    await (
      await takeBuildLock(test.home)
    )();
    assert.deepEqual(await readdir(test.home.runtime), []);
  });

  it('is given to exactly one of many who want it at the same moment', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => takeBuildLock(test.home)));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results) {
      if (result.status === 'rejected') assert.equal(errnoOf(result.reason), 'build/busy');
    }
    assert.equal((await stat(file)).mode & 0o777, 0o600);
  });

  it('of a dead owner is taken over', async () => {
    const child = spawn('true');
    await once(child, 'exit');
    await writeFile(file, `${child.pid} 1`);
    await (
      await takeBuildLock(test.home)
    )();
  });

  it('of an owner whose process id somebody else has now is taken over', async () => {
    await writeFile(file, `${process.pid} 1`); // this process did not start in the first tick after boot
    const release = await takeBuildLock(test.home);
    assert.match(await readFile(file, 'utf8'), new RegExp(`^${process.pid} [0-9]{2,}$`));
    await release();
  });

  it('that is damaged is taken over', async () => {
    await writeFile(file, 'garbage');
    await (
      await takeBuildLock(test.home)
    )();
  });
});
