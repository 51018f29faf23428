import assert from 'node:assert/strict';
import { parseForwards } from '../../src/run/index.ts';

describe('ports that lead into a guest', () => {
  it('are given as HOST:GUEST', () => {
    assert.deepEqual(parseForwards(['2222:22', '65535:1']), [
      { hostPort: 2222, guestPort: 22 },
      { hostPort: 65_535, guestPort: 1 },
    ]);
  });

  for (const text of [
    '22',
    '2222:',
    ':22',
    '0:22',
    '2222:65536',
    '2222:22:1',
    '0.0.0.0:2222:22',
    '2222:22,x=y',
    '-1:22',
    ' 1:2',
  ])
    it(`refuses ${JSON.stringify(text)}`, () =>
      assert.throws(() => parseForwards([text]), { code: 'run/bad-forward', exitCode: 2 }));

  it('refuses one port for two places, and more than 16', () => {
    assert.throws(() => parseForwards(['2222:22', '2222:23']), /2222 cannot lead to two places/);
    const many = Array.from({ length: 17 }, (_, index) => `${2000 + index}:22`);
    assert.throws(() => parseForwards(many), /17 ports are too many/);
    assert.equal(parseForwards(many.slice(1)).length, 16);
  });
});
