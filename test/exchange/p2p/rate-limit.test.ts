import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { createRateLimiter, describeLimit } from '../../../src/exchange/p2p/rate-limit.ts';

describe('createRateLimiter', () => {
  function clocked(limit: { burst: number; intervalMs: number }, maxKeys = 100) {
    let time = 1_000_000;
    const take = createRateLimiter(limit, () => time, maxKeys);
    return {
      take,
      pass: (ms: number) => {
        time += ms;
      },
    };
  }

  it('allows a burst, then one each interval, and says when', () => {
    const { take, pass } = clocked({ burst: 3, intervalMs: 100 });
    for (let n = 0; n < 3; n += 1) assert.deepEqual(take('a'), { allowed: true });
    assert.deepEqual(take('a'), { allowed: false, retryAfterMs: 100 });
    pass(99);
    assert.deepEqual(take('a'), { allowed: false, retryAfterMs: 1 });
    pass(1);
    assert.deepEqual(take('a'), { allowed: true });
    assert.deepEqual(take('a'), { allowed: false, retryAfterMs: 100 });
    pass(10_000);
    for (let n = 0; n < 3; n += 1) assert.deepEqual(take('a'), { allowed: true });
    assert.equal(take('a').allowed, false);
  });

  it('limits each peer by itself', () => {
    const { take } = clocked({ burst: 1, intervalMs: 100 });
    assert.equal(take('a').allowed, true);
    assert.equal(take('b').allowed, true);
    assert.equal(take('a').allowed, false);
  });

  it('remembers a bounded number of peers', () => {
    const { take } = clocked({ burst: 1, intervalMs: 100 }, 2);
    take('a');
    take('b');
    take('c');
    assert.equal(take('c').allowed, false);
    assert.equal(take('a').allowed, true, 'the peer that was silent longest is forgotten');
  });

  it('never allows more than burst + time / interval, whatever the pattern', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(250), { maxLength: 200 }), (waits) => {
        const { take, pass } = clocked({ burst: 4, intervalMs: 100 });
        let [elapsed, allowed] = [0, 0];
        for (const wait of waits) {
          pass(wait);
          elapsed += wait;
          if (take('a').allowed) allowed += 1;
          assert.ok(allowed <= 4 + elapsed / 100);
        }
      }),
      { seed: 20261123 },
    );
  });

  it('states the limit', () => {
    assert.equal(describeLimit({ burst: 3, intervalMs: 100 }), 'at most 3 requests at once, one more each 100 ms');
  });
});
