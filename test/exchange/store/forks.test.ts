import assert from 'node:assert/strict';
import { verifyForkProof } from '../../../src/exchange/record/index.ts';
import { at, draft, feed, NETWORK, newAuthor } from '../record/author.ts';
import { assertRefused, bytes, everybody, results } from './admissions.ts';
import { temporaryStores } from './folder.ts';

describe('threat 7: forks', () => {
  const stores = temporaryStores();

  it('give a proof that anyone can check, and freeze the feed there for ever', async () => {
    const path = await stores.path();
    const store = await stores.openAt(path);
    const author = newAuthor();
    const records = feed(author, 4);
    const branch = feed(author, 2, 'branch', at(records, 1));
    await store.admitAll(bytes(records), everybody);
    assertRefused(await store.admit(at(branch, 0).envelope, everybody), 'fork');

    const [frozen, second] = await store.frozen();
    assert.ok(frozen && !second);
    assert.equal(frozen.author, author.id);
    const fork = { author: author.id, scope: 'public', recovery: 0, epoch: 0, seq: 3 };
    assert.deepEqual(verifyForkProof(...frozen.proof, { network: NETWORK }), fork);

    await store.close();
    const again = await stores.openAt(path);
    assert.deepEqual(await again.frozen(), [frozen]);
    assertRefused(await again.admit(at(feed(author, 1, 'next', at(records, 3)), 0).envelope, everybody), 'frozen');
    assertRefused(await again.admit(at(branch, 1).envelope, everybody), 'frozen');
    assert.deepEqual(await again.range(author.id, 'public', 0, 10), records, 'what was admitted stays');
    assert.equal((await again.admit(at(records, 2).envelope, everybody)).result, 'known');
  });

  it('are seen when the next record names another one before it', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 2);
    const branch = feed(author, 2, 'branch', at(records, 0));
    await store.admitAll(bytes(records), everybody);
    assertRefused(await store.admit(at(branch, 1).envelope, everybody), 'fork');
    const [frozen] = await store.frozen();
    assert.ok(frozen);
    assert.ok(!('refused' in verifyForkProof(...frozen.proof, { network: NETWORK })));
  });

  it('are seen within one batch, and among records that wait', async () => {
    const store = await stores.open();
    const [alice, bob] = [newAuthor(), newAuthor()];
    const [one, two] = [feed(alice, 1, 'one'), feed(alice, 1, 'two')];
    assert.deepEqual(results(await store.admitAll(bytes([...one, ...two]), everybody)), ['admitted', 'refused']);
    const [left, right] = [feed(bob, 3, 'left'), feed(bob, 3, 'right')];
    const admissions = await store.admitAll(bytes([at(left, 2), at(right, 2)]), everybody);
    assert.deepEqual(results(admissions), ['held', 'refused']);
    const frozen = await store.frozen();
    assert.deepEqual(frozen.map(({ author }) => author).toSorted(), [alice.id, bob.id].toSorted());
    for (const { proof } of frozen) assert.ok(!('refused' in verifyForkProof(...proof, { network: NETWORK })));
    // What lies before the fork may still come; what waited behind it is gone.
    assert.deepEqual(results(await store.admitAll(bytes(left.slice(0, 2)), everybody)), ['admitted', 'admitted']);
    assertRefused(await store.admit(at(left, 2).envelope, everybody), 'frozen');
  });

  it('leave other feeds alone', async () => {
    const store = await stores.open();
    const [alice, bob] = [newAuthor(), newAuthor()];
    await store.admitAll(bytes([...feed(alice, 1, 'one'), ...feed(alice, 1, 'two')]), everybody);
    assert.equal((await store.admit(at(feed(bob, 1), 0).envelope, everybody)).result, 'admitted');
  });

  it('are taken from others with their proof, checked', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 4);
    const other = at(feed(author, 1, 'other', at(records, 1)), 0).envelope;
    await store.admitAll(bytes(records.slice(0, 2)), everybody);

    const innocent = await store.putProof(at(records, 0).envelope, at(records, 1).envelope, everybody);
    assert.equal(innocent.result, 'refused');
    const unasked = await store.putProof(at(records, 2).envelope, other, { follows: () => false });
    assert.ok(unasked.result === 'refused' && unasked.reason === 'unknown-author');
    assert.deepEqual(await store.frozen(), []);

    assert.equal((await store.putProof(at(records, 2).envelope, other, everybody)).result, 'frozen');
    assert.equal((await store.putProof(other, at(records, 2).envelope, everybody)).result, 'known');
    assertRefused(await store.admit(at(records, 2).envelope, everybody), 'frozen');
    assert.equal((await store.frozen()).length, 1);
  });

  it('threat 8: a frozen feed of our own is not continued, and the owner hears what to do', async () => {
    const store = await stores.open();
    const author = newAuthor();
    await store.append(author, 'public', draft('mine'));
    const mark = await store.head(author.id, 'public');
    assert.ok(mark);
    // The same key on another machine, or in a restored backup.
    const elsewhere = await stores.open();
    await elsewhere.append(author, 'public', draft('also mine'));
    const [, theirs] = await elsewhere.range(author.id, 'public', 0, 2);
    assert.ok(theirs);
    assertRefused(await store.admit(theirs.envelope, everybody), 'fork');
    await assert.rejects(store.append(author, 'public', draft('more')), { code: 'store/feed-frozen', hint: /recover/ });
  });
});
