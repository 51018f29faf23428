import assert from 'node:assert/strict';
import { createTurns } from '../../../src/exchange/p2p/turns.ts';

describe('createTurns', () => {
  it('runs one at a time, and lets all who wait share the next run', async () => {
    const turns = createTurns();
    const gates: (() => void)[] = [];
    let runs = 0;
    const work = async (): Promise<number> => {
      runs += 1;
      const run = runs;
      await new Promise<void>((resolve) => gates.push(resolve));
      return run;
    };
    const first = turns('a', work);
    const [second, third] = [turns('a', work), turns('a', work)];
    const other = turns('b', work);
    assert.equal(runs, 2);
    gates[0]?.();
    assert.equal(await first, 1);
    await Promise.resolve();
    gates[1]?.();
    assert.equal(await other, 2);
    while (gates.length < 3) await new Promise((resolve) => setImmediate(resolve));
    gates[2]?.();
    assert.deepEqual(await Promise.all([second, third]), [3, 3]);
    assert.equal(runs, 3);
    await turns.idle();
  });

  it('runs again after a run that failed, and tells only who asked for that one', async () => {
    const turns = createTurns();
    const failing = turns('a', async () => {
      throw new Error('no');
    });
    const next = turns('a', async () => 'yes');
    await assert.rejects(failing, /no/);
    assert.equal(await next, 'yes');
    assert.equal(await turns('a', async () => 'again'), 'again');
  });
});
