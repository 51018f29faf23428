import assert from 'node:assert/strict';
import { createSyncs } from '../../../src/exchange/p2p/libp2p/syncs.ts';

describe('those who wait for a sync', () => {
  function controlled() {
    const begun: PromiseWithResolvers<void>[] = [];
    const syncs = createSyncs(() => {
      const one = Promise.withResolvers<void>();
      begun.push(one);
      return one.promise;
    });
    return { begun, syncs };
  }

  it('share the next that begins, not the one that runs', async () => {
    const { begun, syncs } = controlled();
    const first = syncs.run('bob');
    const order: string[] = [];
    const wait = async (): Promise<void> => {
      await syncs.next('bob');
      order.push('waiter');
    };
    const waiters = [wait(), wait()];
    begun[0]?.resolve();
    await first;
    order.push('first');
    const second = syncs.run('bob');
    begun[1]?.resolve();
    await Promise.all([second, ...waiters]);
    assert.deepEqual(order, ['first', 'waiter', 'waiter']);
    assert.equal(begun.length, 2);
  });

  it('are told of its failure, and so is who runs it', async () => {
    const { begun, syncs } = controlled();
    const waiter = syncs.next('bob');
    const run = syncs.run('bob');
    begun[0]?.reject(new Error('broken'));
    await assert.rejects(waiter, { message: 'broken' });
    await assert.rejects(run, { message: 'broken' });
    await syncs.idle();
  });

  it('do not wait for a peer that has gone', async () => {
    const { syncs } = controlled();
    const waiter = syncs.next('bob');
    syncs.forget('bob', new Error('gone'));
    await assert.rejects(waiter, { message: 'gone' });
  });
});
