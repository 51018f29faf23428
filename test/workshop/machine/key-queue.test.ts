/** What may be put into a keyboard's queue, in time of the test's own. */
import assert from 'node:assert/strict';
import { keyEvents } from '../../../src/workshop/input/keyboard.ts';
import { KeyQueue } from '../../../src/workshop/machine/key-queue.ts';
import { KEY_QUEUE_BYTES, KEYS_UNREAD_MS } from '../../../src/workshop/machine/limits.ts';

/** A guest that has read everything from `awakeMs` on. `looks`: how often it was asked. */
function guest(awakeMs: number) {
  let nowMs = 0;
  let looks = 0;
  const time = {
    now: () => nowMs,
    sleep: (ms: number) => {
      nowMs += ms;
      return Promise.resolve();
    },
  };
  const queue = new KeyQueue(() => {
    looks += 1;
    return Promise.resolve(nowMs >= awakeMs);
  }, time);
  return { queue, now: time.now, looks: () => looks };
}

describe('the queue of a keyboard', () => {
  const enter = keyEvents('enter');
  const up = keyEvents('up');

  it('is asked about before the first keys: a restored machine may have brought some along', async () => {
    const { queue, now } = guest(500);
    await queue.room(enter);
    assert.ok(now() >= 500);
  });

  it('takes keys without a question while there is room for them, and then waits until all were read', async () => {
    const { queue, looks } = guest(0);
    // Three bytes each: the sixth has no room.
    for (let count = 0; count < 5; count += 1) await queue.room(enter);
    assert.equal(looks(), 1);
    await queue.room(enter);
    assert.equal(looks(), 2);
    // Five bytes each.
    for (let count = 0; count < 3; count += 1) await queue.room(up);
    assert.equal(looks(), 3);
    assert.ok(5 * 3 <= KEY_QUEUE_BYTES && 3 + 3 * 5 > KEY_QUEUE_BYTES);
  });

  it('is given up, in words, where the guest reads nothing for a minute', async () => {
    const { queue, now } = guest(Number.POSITIVE_INFINITY);
    await assert.rejects(queue.room(enter), { code: 'machine/keys-unread', exitCode: 1 });
    assert.ok(now() >= KEYS_UNREAD_MS);
  });
});
