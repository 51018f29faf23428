import assert from 'node:assert/strict';
import { once } from 'node:events';
import { bothOf, unlessStopped } from '../../../src/workshop/build/side-by-side.ts';

/** A work that ends when it is told to, or stopped; what becomes of it is written down. */
function work(name: string, told: string[]) {
  const ending = Promise.withResolvers<string>();
  const begun = Promise.withResolvers<void>();
  return {
    begun: begun.promise,
    end: () => ending.resolve(name),
    fail: (error: Error) => ending.reject(error),
    run: async (signal: AbortSignal) => {
      told.push(`${name} begins`);
      begun.resolve();
      const stopped = once(signal, 'abort').then(() => {
        throw new Error(`${name} was stopped`, { cause: signal.reason });
      });
      try {
        if (signal.aborted) throw new Error(`${name} was not begun`);
        return await Promise.race([ending.promise, stopped]);
      } finally {
        await Promise.resolve(); // what is put away takes its time
        told.push(`${name} is over`);
      }
    },
  };
}

describe('two works', () => {
  const signal = new AbortController().signal;
  let told: string[];
  let one: ReturnType<typeof work>;
  let other: ReturnType<typeof work>;
  beforeEach(() => {
    told = [];
    [one, other] = [work('one', told), work('other', told)];
  });

  it('are done at once where there is room, and give both results', async () => {
    const both = bothOf(one.run, other.run, { atOnce: true, signal });
    await Promise.all([one.begun, other.begun]);
    other.end();
    one.end();
    assert.deepEqual(await both, ['one', 'other']);
    assert.deepEqual(told.slice(0, 2), ['one begins', 'other begins']);
  });

  it('are done one behind the other where there is none; nothing is begun behind one that failed', async () => {
    one.end();
    other.end();
    assert.deepEqual(await bothOf(one.run, other.run, { atOnce: false, signal }), ['one', 'other']);
    assert.deepEqual(told, ['one begins', 'one is over', 'other begins', 'other is over']);
    told.length = 0;
    const failing = work('failing', told);
    failing.fail(new Error('no'));
    await assert.rejects(bothOf(failing.run, other.run, { atOnce: false, signal }), { message: 'no' });
    assert.deepEqual(told, ['failing begins', 'failing is over']);
  });

  for (const which of ['first', 'second'] as const) {
    it(`stop when the ${which} fails, which is what is told, once both are over`, async () => {
      const both = bothOf(one.run, other.run, { atOnce: true, signal });
      await Promise.all([one.begun, other.begun]);
      (which === 'first' ? one : other).fail(new Error('it broke'));
      await assert.rejects(both, { message: 'it broke' });
      assert.deepEqual(told.slice(2).toSorted(), ['one is over', 'other is over']);
    });
  }

  it('are both stopped by a person, and over before that is told', async () => {
    const person = new AbortController();
    const both = bothOf(one.run, other.run, { atOnce: true, signal: person.signal });
    await Promise.all([one.begun, other.begun]);
    const stop = new Error('interrupted');
    person.abort(stop);
    await assert.rejects(both, { message: 'one was stopped', cause: stop });
    assert.deepEqual(told.slice(2).toSorted(), ['one is over', 'other is over']);
  });
});

describe('something that others have begun', () => {
  it('is waited for until one is stopped', async () => {
    const stop = new AbortController();
    assert.equal(await unlessStopped(Promise.resolve(1), stop.signal), 1);
    await assert.rejects(unlessStopped(Promise.reject(new Error('it broke')), stop.signal), { message: 'it broke' });
    const waiting = unlessStopped(new Promise(() => undefined), stop.signal);
    stop.abort(new Error('interrupted'));
    await assert.rejects(waiting, { message: 'interrupted' });
    await assert.rejects(unlessStopped(Promise.resolve(1), stop.signal), { message: 'interrupted' });
  });
});
