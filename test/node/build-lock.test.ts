/** One build at a time in one home. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../../src/errors.ts';
import { takeBuildLock } from '../../src/node/build-lock.ts';
import { openHome } from '../../src/node/home.ts';
import { outcomeOf, ROOT } from '../support/cli.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

/** Waits for the starting gun, its standard input, then takes the lock some times; whoever holds it is alone in `held`. */
const CONTENDER = `
import { once } from 'node:events';
import { rm, writeFile } from 'node:fs/promises';
import { takeBuildLock } from './src/node/build-lock.ts';
const [runtime] = process.argv.slice(1);
console.log('ready');
await once(process.stdin, 'data');
let taken = 0;
for (let turn = 0; turn < 20; turn += 1) {
  const release = await takeBuildLock({ runtime }).catch((error) => {
    if (error.code !== 'build/busy') throw error;
  });
  if (release === undefined) continue;
  await writeFile(runtime + '/held', '', { flag: 'wx' }); // fails where somebody else holds it too
  await rm(runtime + '/held');
  await release();
  taken += 1;
}
console.log(taken);
process.exit(0);
`;

describe('the build lock', function () {
  this.timeout(60_000);
  let test: TestHome;
  beforeEach(async () => {
    test = await tempHome();
    await openHome(test.home);
  });
  afterEach(() => test.remove());

  const claim = (pid: number, started: string): string => path.join(test.home.runtime, `build-${pid}-${started}.lock`);

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

  it('is given to exactly one of many in one process who want it at the same moment', async () => {
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => takeBuildLock(test.home)));
    assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1);
    for (const result of results) {
      if (result.status === 'rejected') assert.equal(errnoOf(result.reason), 'build/busy');
    }
    const [name = ''] = await readdir(test.home.runtime);
    assert.match(name, new RegExp(`^build-${process.pid}-[1-9]\\d+\\.lock$`));
    assert.equal((await stat(path.join(test.home.runtime, name))).mode & 0o777, 0o600);
  });

  it('is never held by two processes, though they all find the claim of a dead one', async () => {
    await writeFile(claim(await deadPid(), '1'), '');
    const contenders = Array.from({ length: 5 }, () =>
      spawn(process.execPath, ['--input-type=module', '--eval', CONTENDER, test.home.runtime], { cwd: ROOT }),
    );
    const outcomes = contenders.map(outcomeOf);
    await Promise.all(contenders.map(({ stdout }) => once(stdout, 'data')));
    for (const { stdin } of contenders) stdin.write('go\n');
    let taken = 0;
    for (const { code, stdout, stderr } of await Promise.all(outcomes)) {
      assert.equal(code, 0, stderr);
      taken += Number(stdout.split('\n')[1]);
    }
    assert.ok(taken > 0);
    assert.deepEqual(await readdir(test.home.runtime), []);
  });

  it('of a dead owner keeps nobody out, and is cleared away', async () => {
    await writeFile(claim(await deadPid(), '1'), '');
    await (
      await takeBuildLock(test.home)
    )();
    assert.deepEqual(await readdir(test.home.runtime), []);
  });

  it('of an owner whose process id somebody else has now keeps nobody out', async () => {
    await writeFile(claim(process.pid, '1'), ''); // this process did not start in the first tick after boot
    await (
      await takeBuildLock(test.home)
    )();
    assert.deepEqual(await readdir(test.home.runtime), []);
  });

  it('of a living owner is left where it is', async () => {
    const child = spawn('sleep', ['60']);
    try {
      const file = claim(child.pid!, await startOf(child.pid!));
      await writeFile(file, '');
      await assert.rejects(takeBuildLock(test.home), { code: 'build/busy', facts: { process: child.pid } });
      assert.deepEqual(await readdir(test.home.runtime), [path.basename(file)]);
    } finally {
      child.kill();
    }
  });
});

async function deadPid(): Promise<number> {
  const child = spawn('true');
  await once(child, 'exit');
  return child.pid!;
}

/** Field 22 of /proc/PID/stat; `sleep` has no blanks in its name. */
async function startOf(pid: number): Promise<string> {
  return (await readFile(`/proc/${pid}/stat`, 'utf8')).split(' ')[21] ?? '';
}
