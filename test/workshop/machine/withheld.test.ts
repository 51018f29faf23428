import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { measureWithheld } from '../../../src/workshop/machine/withheld.ts';
import { firstCpu } from '../../support/cpus.ts';
import { skip } from '../../support/skip.ts';

describe('what a host withholds from a guest', () => {
  it('is at each time what the processor that waited most waited, from when it was first asked', () => {
    const waited = new Map([
      [1, 5e9],
      [2, 0],
    ]);
    const withheldMs = measureWithheld([1, 2], (thread) => waited.get(thread) ?? 0);
    assert.equal(withheldMs(), 0);
    waited.set(1, 5.003e9).set(2, 0.002e9);
    assert.equal(Math.round(withheldMs()), 3);
    waited.set(2, 0.012e9);
    assert.equal(Math.round(withheldMs()), 13);
  });

  it('is told by Linux of a thread that waits, and grows no more once it is gone', async function () {
    if (!existsSync('/proc/self/schedstat')) skip(this, 'this kernel keeps no scheduler statistics');
    // Two that want one processor: each waits while the other has it.
    const rivals = [1, 2].map(() =>
      spawn('sh', ['-c', 'taskset -cp "$0" $$ >/dev/null; while :; do :; done', String(firstCpu())], {
        stdio: 'ignore',
      }),
    );
    try {
      const withheldMs = measureWithheld(rivals.map(({ pid = 0 }) => pid));
      while (withheldMs() < 20) await pause(5);
      for (const rival of rivals) {
        rival.kill('SIGKILL');
        await once(rival, 'exit');
      }
      const before = withheldMs();
      assert.ok(before >= 20);
      assert.equal(withheldMs(), before);
    } finally {
      for (const rival of rivals) rival.kill('SIGKILL');
    }
  });
});
