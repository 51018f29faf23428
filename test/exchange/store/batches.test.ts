import assert from 'node:assert/strict';
import { JUDGED_PER_TURN, VERIFIED_ASIDE_FROM } from '../../../src/exchange/store/index.ts';
import { feed, newAuthor } from '../record/author.ts';
import { Chain } from '../record/keys.ts';
import { createRandom } from '../../simulator/random.ts';
import { bytes, contents, everybody, reasons, results } from './admissions.ts';
import { temporaryStores } from './folder.ts';

/** The same statement under a signature that does not hold. */
function spoilt(envelope: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(envelope);
  copy[copy.length - 80] = (copy[copy.length - 80] ?? 0) ^ 1;
  return copy;
}

/** Records are read ahead, and their signatures checked on other threads: none of that may show. */
describe('a batch', () => {
  const stores = temporaryStores();

  it('is judged as its records would be one by one, through key changes, copies, forgeries and gaps', async () => {
    const chain = new Chain().write('a', 20).rotate(2).write('b', 20);
    const thief = chain.branch().write('stolen', 3).envelopes.slice(-3);
    chain.rotate(3).write('c', JUDGED_PER_TURN);
    for (const seed of [1, 2, 3]) {
      const random = createRandom(seed, 'batches');
      const offered = chain.envelopes.flatMap((envelope) => {
        if (random.chance(0.1)) return [spoilt(envelope), envelope];
        if (random.chance(0.1)) return [envelope, envelope, spoilt(envelope)];
        return random.chance(0.05) ? [random.bytes(50), envelope] : [envelope];
      });
      // One that comes late, and one that comes early.
      offered.splice(random.int(offered.length), 0, ...offered.splice(random.int(offered.length), 1));
      if (seed === 3) offered.push(...thief);
      const [together, apart] = [await stores.open(), await stores.open()];
      const answers = [];
      for (const envelope of offered) answers.push(await apart.admit(envelope, everybody));
      assert.deepEqual(await together.admitAll(offered, everybody), answers, `seed ${seed}`);
      assert.deepEqual(await contents(together, chain), await contents(apart, chain), `seed ${seed}`);
      assert.deepEqual(together.refusals(), apart.refusals(), `seed ${seed}`);
    }
  });

  it('with a forged copy of each record, before it or after it, admits the true ones alone', async () => {
    const author = newAuthor();
    const records = bytes(feed(author, VERIFIED_ASIDE_FROM));
    const before = await stores.open();
    assert.deepEqual(
      reasons(
        await before.admitAll(
          records.flatMap((one) => [spoilt(one), one]),
          everybody,
        ),
      ),
      records.flatMap(() => ['bad-signature', 'admitted']),
    );
    const after = await stores.open();
    assert.deepEqual(
      reasons(
        await after.admitAll(
          records.flatMap((one) => [one, spoilt(one)]),
          everybody,
        ),
      ),
      records.flatMap(() => ['admitted', 'known']),
    );
    assert.deepEqual(await after.range(author.id, 'public', 0, 100), await before.range(author.id, 'public', 0, 100));
  });

  it('ends with the mark of its last record, also after a restart', async () => {
    const path = await stores.path();
    const author = newAuthor();
    const records = feed(author, JUDGED_PER_TURN + 1);
    const store = await stores.openAt(path);
    assert.deepEqual(new Set(results(await store.admitAll(bytes(records), everybody))), new Set(['admitted']));
    const head = await store.head(author.id, 'public');
    assert.equal(head?.seq, records.length);
    await store.close();
    assert.deepEqual(await (await stores.openAt(path)).head(author.id, 'public'), head);
  });
});
