import assert from 'node:assert/strict';
import { soakTyping } from '../workshop/input/soak-typing.ts';

describe('a million characters over a modelled keyboard that loses a tenth of all key events', function () {
  this.timeout(3_600_000);

  it('arrive, not one of them wrong', async () => {
    const { wrong, givenUp, injected } = await soakTyping(1_000_000, { drop: 0.1, seed: 4 });
    assert.deepEqual([wrong, givenUp], [[], []]);
    assert.ok(injected.lost > 100_000);
  });
});
