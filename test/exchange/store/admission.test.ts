import assert from 'node:assert/strict';
import { signRecord } from '../../../src/exchange/record/index.ts';
import { HOLD_MAX_RECORDS_PER_FEED, type OwnStore } from '../../../src/exchange/store/index.ts';
import { at, draft, feed, linkOf, newAuthor } from '../record/author.ts';
import { assertRefused, bytes, everybody, results } from './admissions.ts';
import { temporaryStores } from './folder.ts';

/** All that a peer could see of a feed. */
async function stateOf(store: OwnStore, author: ReturnType<typeof newAuthor>): Promise<unknown> {
  const records = await store.range(author.id, 'public', 0, 10_000);
  return {
    head: await store.head(author.id, 'public'),
    ids: records.map(({ id }) => id),
    frozen: await store.frozen(),
  };
}

describe('admitting records', () => {
  const stores = temporaryStores();

  it('takes a feed in order, and gives it back', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 5);
    for (const record of records) {
      assert.deepEqual(await store.admit(record.envelope, everybody), { result: 'admitted', record });
    }
    assert.deepEqual(await store.range(author.id, 'public', 0, 100), records);
    assert.deepEqual(await store.range(author.id, 'public', 2, 2), records.slice(2, 4));
    assert.deepEqual(await store.range(author.id, 'public', 5, 10), []);
    assert.deepEqual(await store.range(author.id, 'public', 0, 0), []);
    const last = at(records, 4);
    const head = { author: author.id, scope: 'public', recovery: 0, epoch: 0, seq: 5, id: last.id };
    assert.deepEqual(await store.head(author.id, 'public'), head);
    assert.deepEqual(await store.heads(), [head]);
    assert.deepEqual(await store.get(last.id), last);
  });

  it('still has everything when it is opened again', async () => {
    const path = await stores.path();
    const author = newAuthor();
    const records = feed(author, 5);
    const before = await stores.openAt(path);
    await before.admitAll(bytes(records), everybody);
    const state = await stateOf(before, author);
    await before.close();
    const after = await stores.openAt(path);
    assert.deepEqual(await stateOf(after, author), state);
    assertRefused(await after.admit(at(feed(author, 5, 'another'), 4).envelope, everybody), 'fork');
  });

  it('keeps the feeds of several authors and scopes apart', async () => {
    const store = await stores.open();
    const [alice, bob] = [newAuthor(), newAuthor()];
    const group = '0123456789abcdef0123456789abcdef';
    const secret = signRecord(alice.seed, { ...linkOf(alice, 1, null), scope: group }, draft('group'));
    await store.admitAll(bytes([...feed(alice, 2), secret, ...feed(bob, 3)]), everybody);
    assert.equal((await store.range(alice.id, 'public', 0, 10)).length, 2);
    assert.deepEqual(await store.range(alice.id, group, 0, 10), [secret]);
    assert.equal((await store.range(bob.id, 'public', 0, 10)).length, 3);
    assert.equal((await store.heads()).length, 3);
  });

  it('gives all records of a kind, whatever the feed', async () => {
    const store = await stores.open();
    const records = [...feed(newAuthor(), 2), ...feed(newAuthor(), 1)];
    const other = newAuthor();
    const unlike = signRecord(other.seed, linkOf(other, 1, null), draft('x', 'urn:portalgun:endorsement:v1'));
    await store.admitAll(bytes([...records, unlike]), everybody);
    const ids: string[] = [];
    for await (const { id } of store.all('withdrawal')) ids.push(id);
    assert.deepEqual(ids.toSorted(), records.map(({ id }) => id).toSorted());
  });

  it('threat 1: replaying every prefix and every single record of a feed changes nothing', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 8);
    await store.admitAll(bytes(records), everybody);
    const state = await stateOf(store, author);
    for (let length = 1; length <= records.length; length++) {
      const prefix = records.slice(0, length);
      assert.deepEqual(
        results(await store.admitAll(bytes(prefix), everybody)),
        prefix.map(() => 'known'),
      );
    }
    for (const record of records.toReversed())
      assert.equal((await store.admit(record.envelope, everybody)).result, 'known');
    assert.deepEqual(await stateOf(store, author), state);
  });

  it('threat 15: a known record with another signature or keyid is ignored before it is verified', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const record = at(feed(author, 1), 0);
    await store.admit(record.envelope, everybody);
    const spoilt = Uint8Array.from(record.envelope);
    spoilt[spoilt.length - 80] = (spoilt[spoilt.length - 80] ?? 0) ^ 1;
    assert.deepEqual(await store.admit(spoilt, everybody), { result: 'known', id: record.id });
    assert.deepEqual(await store.get(record.id), record);
  });

  it('threat 15: a kind from the future is admitted, and the feed goes on', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const future = signRecord(author.seed, linkOf(author, 1, null), draft('x', 'urn:portalgun:teleport:v9'));
    const next = feed(author, 1, 'next', future);
    assert.deepEqual(results(await store.admitAll(bytes([future, ...next]), everybody)), ['admitted', 'admitted']);
  });

  it('threat 4: a record with the last possible seq waits, and takes nothing over', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 2);
    await store.admitAll(bytes(records), everybody);
    const thief = signRecord(
      author.seed,
      linkOf(author, Number.MAX_SAFE_INTEGER, at(records, 1).id),
      draft('mine now'),
    );
    assert.deepEqual(await store.admit(thief.envelope, everybody), { result: 'held', id: thief.id, missingFrom: 3 });
    assert.equal((await store.head(author.id, 'public'))?.seq, 2);
    assert.deepEqual(results(await store.admitAll(bytes(feed(author, 2, 'honest', at(records, 1))), everybody)), [
      'admitted',
      'admitted',
    ]);
  });

  it('one bad record never stops the others, and is counted', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const [first, second, third] = [0, 1, 2].map((index) => at(feedOfThree, index).envelope);
    assert.ok(first && second && third);
    const stranger = at(feed(newAuthor(), 1), 0).envelope;
    const elsewhere = signRecord(author.seed, { ...linkOf(author, 1, null), network: 'other' }, draft('x')).envelope;
    const follows = (candidate: string) => candidate === threeAuthor.id;
    const admissions = await store.admitAll(
      [Buffer.from('noise'), first, new Uint8Array(200_000), stranger, second, elsewhere, new Uint8Array(0), third],
      { follows },
    );
    assert.deepEqual(results(admissions), [
      'refused',
      'admitted',
      'refused',
      'refused',
      'admitted',
      'refused',
      'refused',
      'admitted',
    ]);
    assert.deepEqual(store.refusals(), { 'bad-encoding': 2, 'too-large': 1, 'unknown-author': 1, 'wrong-network': 1 });
  });
  const threeAuthor = newAuthor();
  const feedOfThree = feed(threeAuthor, 3);

  it('a forged record of a followed author is refused, and the true one still welcome', async () => {
    const store = await stores.open();
    const record = at(feed(newAuthor(), 1), 0);
    const forged = Uint8Array.from(record.envelope);
    forged[forged.length - 80] = (forged[forged.length - 80] ?? 0) ^ 1;
    assertRefused(await store.admit(forged, everybody), 'bad-signature');
    assert.equal((await store.admit(record.envelope, everybody)).result, 'admitted');
  });
});

describe('gaps', () => {
  const stores = temporaryStores();

  it('threat 6: are visible, are waited for, and close when what was missing comes', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 5);
    const [first, second, ...rest] = records;
    assert.ok(first && second);
    await store.admit(first.envelope, everybody);
    for (const record of rest) {
      assert.deepEqual(await store.admit(record.envelope, everybody), {
        result: 'held',
        id: record.id,
        missingFrom: 2,
      });
    }
    assert.equal((await store.head(author.id, 'public'))?.seq, 1);
    assert.deepEqual(await store.admit(second.envelope, everybody), {
      result: 'admitted',
      record: second,
      released: rest,
    });
    assert.deepEqual(await store.range(author.id, 'public', 0, 10), records);
  });

  it('close in whatever order records arrive', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 6);
    await store.admitAll(
      [5, 2, 4, 0, 3, 1].map((index) => at(records, index).envelope),
      everybody,
    );
    assert.deepEqual(await store.range(author.id, 'public', 0, 10), records);
  });

  it('hold no more than their limit, and what fell out is admitted when it comes again', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, HOLD_MAX_RECORDS_PER_FEED + 3);
    assert.ok(results(await store.admitAll(bytes(records.slice(1)), everybody)).every((result) => result === 'held'));
    const admission = await store.admit(at(records, 0).envelope, everybody);
    assert.ok(admission.result === 'admitted');
    assert.equal(admission.released?.length, HOLD_MAX_RECORDS_PER_FEED);
    const rest = records.slice(HOLD_MAX_RECORDS_PER_FEED + 1);
    assert.deepEqual(results(await store.admitAll(bytes(rest), everybody)), ['admitted', 'admitted']);
  });
});
