import assert from 'node:assert/strict';
import { createBudgets } from '../../../src/exchange/p2p/budgets.ts';
import { createGossipJudge } from '../../../src/exchange/p2p/gossip-judge.ts';
import { LevelStore } from '../../../src/exchange/store/level-store.ts';
import { Disk } from '../../simulator/disk.ts';
import { feed, NETWORK, newAuthor } from '../record/author.ts';

/** A judge over a disk whose writes wait until they are let through, or fail, and that can be read until it is `broken`. */
async function judge() {
  const state = { broken: false, isOpen: false };
  const disk = new Disk();
  const heard: string[] = [];
  const { promise: mayWrite, resolve: letWrite, reject: failToWrite } = Promise.withResolvers<void>();
  const store = await LevelStore.over(
    {
      get: (key) => disk.get(key),
      has: (keys) => (state.broken ? Promise.reject(new Error('cannot read')) : disk.has(keys)),
      entries: (range) => disk.entries(range),
      write: async (batch) => {
        // A store that is opened writes its layout first.
        if (state.isOpen) await mayWrite;
        await disk.write(batch);
      },
      close: () => disk.close(),
    },
    NETWORK,
  );
  state.isOpen = true;
  const judgeGossip = createGossipJudge({
    store,
    carries: () => true,
    budgets: createBudgets(() => true, Date.now),
    now: Date.now,
    onAdmission: ({ result }) => heard.push(result),
    onGap: () => heard.push('gap'),
    onTrouble: (what, peer, error) => heard.push(`${what}, ${peer}: ${error.message}`),
  });
  return { store, judgeGossip, heard, state, letWrite, failToWrite };
}

describe('a record that comes by gossip', () => {
  const author = newAuthor();
  const [record] = feed(author, 1);
  assert.ok(record);

  it('is passed on before it is on the disk, and counts only then', async () => {
    const { store, judgeGossip, heard, letWrite } = await judge();
    const { verdict, stored } = judgeGossip('peer', author.id, record.envelope);
    assert.equal(await verdict, 'accept');
    assert.deepEqual(heard, []);
    assert.equal(await store.head(author.id, 'public'), undefined);
    letWrite();
    await stored;
    assert.deepEqual(heard, ['admitted']);
    assert.equal((await store.head(author.id, 'public'))?.id, record.id);
  });

  it('is not here where the disk failed, and comes again', async () => {
    const { store, judgeGossip, heard, failToWrite } = await judge();
    const { verdict, stored } = judgeGossip('peer', author.id, record.envelope);
    assert.equal(await verdict, 'accept');
    failToWrite(new Error('no space left'));
    await stored;
    assert.deepEqual(heard, ['storing what came by gossip, peer: no space left']);
    assert.equal(await store.head(author.id, 'public'), undefined);
  });

  it('is not passed on where it cannot be judged', async () => {
    const { judgeGossip, heard, state, letWrite } = await judge();
    letWrite();
    await judgeGossip('peer', author.id, record.envelope).stored;
    state.broken = true;
    const { verdict, stored } = judgeGossip('peer', author.id, record.envelope);
    assert.equal(await verdict, 'ignore');
    await stored;
    assert.deepEqual(heard, ['admitted', 'storing what came by gossip, peer: cannot read']);
  });

  it('is passed on without the disk being asked, where it is the next of its feed', async () => {
    const { judgeGossip, state } = await judge();
    state.broken = true;
    assert.equal(await judgeGossip('peer', author.id, record.envelope).verdict, 'accept');
  });
});
