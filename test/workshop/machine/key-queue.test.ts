/** What may be put into a keyboard's queue, in time of the test's own. */
import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { KEY_NAMES } from '../../../src/recipe/keys.ts';
import { keyEvents } from '../../../src/workshop/input/keyboard.ts';
import { KeyQueue, keyboardBytes } from '../../../src/workshop/machine/key-queue.ts';
import { KEY_QUEUE_BYTES, KEYS_UNREAD_MS } from '../../../src/workshop/machine/limits.ts';
import type { KeyEvent } from '../../../src/workshop/machine/types.ts';
import { ps2Guest, type Ps2Options } from '../input/ps2-guest.ts';

/** A guest that has read everything from `awakeMs` on. `looks`: how often it was asked. */
function guest(awakeMs: number, onLook: (looks: number) => void = () => undefined) {
  let nowMs = 0;
  let looks = 0;
  const puts: KeyEvent[][] = [];
  const time = {
    now: () => nowMs,
    sleep: (ms: number) => {
      nowMs += ms;
      return Promise.resolve();
    },
  };
  const keyboard = {
    isEmpty: () => {
      onLook(++looks);
      return Promise.resolve(nowMs >= awakeMs);
    },
    put: (keys: readonly KeyEvent[]) => Promise.resolve(puts.push([...keys])),
  };
  return { queue: new KeyQueue(keyboard, time), now: time.now, looks: () => looks, puts };
}

/** A queue before the model of a keyboard, and what the guest behind it has read. */
function before(options: Ps2Options) {
  const read: KeyEvent[] = [];
  const model = ps2Guest({ ...options, onKey: (key) => read.push(key) });
  const keyboard = {
    isEmpty: () => Promise.resolve(model.unread() === 0),
    put: (keys: readonly KeyEvent[]) => model.machine.sendKeys(keys),
  };
  return { queue: new KeyQueue(keyboard, model.clock), model, read };
}

describe('the queue of a keyboard', () => {
  const enter = keyEvents('enter');
  const up = keyEvents('up');
  const fiveKeys = keyEvents('ctrl-alt-shift-super-f1');

  it('is asked about before the first keys: a restored machine may have brought some along', async () => {
    const { queue, now } = guest(500);
    await queue.send(enter);
    assert.ok(now() >= 500);
  });

  it('takes keys without a question while there is room for them, and then waits until all were read', async () => {
    const { queue, looks } = guest(0);
    // Three bytes each: the sixth has no room.
    for (let count = 0; count < 5; count += 1) await queue.send(enter);
    assert.equal(looks(), 1);
    await queue.send(enter);
    assert.equal(looks(), 2);
    // Five bytes each.
    for (let count = 0; count < 3; count += 1) await queue.send(up);
    assert.equal(looks(), 3);
    assert.ok(5 * 3 <= KEY_QUEUE_BYTES && 3 + 3 * 5 > KEY_QUEUE_BYTES);
  });

  it('is given up, in words, where the guest reads nothing for a minute', async () => {
    const { queue, now, puts } = guest(Number.POSITIVE_INFINITY);
    await assert.rejects(queue.send(enter), { code: 'machine/keys-unread', exitCode: 1 });
    assert.ok(now() >= KEYS_UNREAD_MS);
    assert.deepEqual(puts, []);
  });

  it('gets what is more than it holds in pieces, each once there is room', async () => {
    const { queue, looks, puts } = guest(0);
    await queue.send(fiveKeys);
    assert.equal(looks(), 2);
    assert.deepEqual(puts, [fiveKeys.slice(0, -1), fiveKeys.slice(-1)]);
  });

  it('gets no other keys between the pieces', async () => {
    const { queue, puts } = guest(100);
    await Promise.all([queue.send(fiveKeys), queue.send(enter)]);
    assert.deepEqual(puts.flat(), [...fiveKeys, ...enter]);
  });

  it('is not waited for any more once that is called off, and takes the next keys all the same', async () => {
    const controller = new AbortController();
    const stop = new Error('stop');
    const { queue, now, puts } = guest(1_000, (looks) => looks === 3 && controller.abort(stop));
    await assert.rejects(queue.send(enter, controller.signal), stop);
    assert.ok(now() < 1_000);
    await queue.send(up);
    assert.deepEqual(puts, [up]);
  });

  it('lets go of what is held, where there is room, for whoever was called off', async () => {
    const { queue, puts } = guest(0);
    await queue.send(enter);
    await queue.send(up, AbortSignal.abort(new Error('stop')));
    assert.deepEqual(puts, [enter, up]);
  });

  it('never overflows in the model of a keyboard, whatever is pressed and however late the guest reads', async () => {
    const modifiers = ['ctrl', 'alt', 'shift', 'super', 'altgr'];
    const chord = fc
      .tuple(fc.subarray(modifiers), fc.constantFrom(...KEY_NAMES.filter((name) => !modifiers.includes(name))))
      .map(([held, key]) => keyEvents([...held, key].join('-')));
    await fc.assert(
      fc.asyncProperty(fc.array(chord, { maxLength: 12 }), fc.nat(3_000), async (chords, asleepMs) => {
        const { queue, model, read } = before({ asleepMs });
        for (const keys of chords) await queue.send(keys);
        model.text();
        assert.deepEqual(read, chords.flat());
        assert.deepEqual([model.overflowed(), model.held()], [0, []]);
      }),
      { seed: 20, numRuns: 300 },
    );
  });
});

describe('the bytes of a key', () => {
  const most: readonly [string, number, string][] = [
    ['a', 3, '1c, f0 1c'],
    ['up', 5, 'e0 75, e0 f0 75'],
    ['pause', 8, 'e1 14 77 e1 f0 14 f0 77, and nothing when it is let go'],
    ['print', 13, 'e0 f0 11 e0 11 84, f0 84 e0 f0 11 e0 11 with AltGr; e0 12 e0 7c, e0 f0 7c e0 f0 12 without'],
    ['ctrl-alt-shift-super-f1', 17, 'one more than the queue holds'],
  ];
  for (const [name, bytes, codes] of most) {
    it(`${name}: at most ${bytes} (${codes})`, () => assert.equal(keyboardBytes(keyEvents(name)), bytes));
  }
});
