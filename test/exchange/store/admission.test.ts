import assert from 'node:assert/strict';
import { generateSeed } from '../../../src/crypto/ed25519.ts';
import {
  freshnessOf,
  signHead,
  signRecord,
  verifyForkProof,
  type Admission,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { HOLD_MAX_RECORDS_PER_FEED, type OwnStore } from '../../../src/exchange/store/index.ts';
import { at, draft, feed, linkOf, NETWORK, newAuthor } from '../record/author.ts';
import { temporaryStores } from './folder.ts';

const everybody = { follows: () => true };
const bytes = (records: readonly VerifiedRecord[]) => records.map(({ envelope }) => envelope);
const results = (admissions: readonly Admission[]) => admissions.map(({ result }) => result);

/** All that a peer could see of a feed. */
async function stateOf(store: OwnStore, author: ReturnType<typeof newAuthor>): Promise<unknown> {
  const records = await store.range(author.id, 'public', 0, 10_000);
  return {
    head: await store.head(author.id, 'public'),
    ids: records.map(({ id }) => id),
    frozen: await store.frozen(),
  };
}

function assertRefused(admission: Admission, reason: string): void {
  assert.equal(admission.result, 'refused', JSON.stringify(admission));
  assert.equal(admission.result === 'refused' ? admission.reason : '', reason);
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

describe('signed heads', () => {
  const stores = temporaryStores();
  const now = new Date('2026-11-23T06:00:00Z');
  const options = { ...everybody, now };
  const headFor = (author: ReturnType<typeof newAuthor>, { link, id }: VerifiedRecord, at_ = now) =>
    signHead(author.seed, NETWORK, { ...link, id }, { now: at_ });

  it('are kept, newest first, across a restart', async () => {
    const path = await stores.path();
    const store = await stores.openAt(path);
    const author = newAuthor();
    const records = feed(author, 3);
    await store.admitAll(bytes(records), everybody);
    assert.equal(await store.headOf(author.id, 'public'), undefined);
    const second = headFor(author, at(records, 1));
    assert.deepEqual(await store.putHead(second.envelope, options), { result: 'kept', head: second });
    const third = headFor(author, at(records, 2));
    assert.equal((await store.putHead(third.envelope, options)).result, 'kept');
    await store.close();
    const again = await stores.openAt(path);
    assert.deepEqual(await again.headOf(author.id, 'public'), third);
    assert.equal(freshnessOf(third, await again.head(author.id, 'public'), now).state, 'fresh');
  });

  it('threat 5: an older one, replayed, is not taken for the newest', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = feed(author, 2);
    const renewed = headFor(author, at(records, 1), new Date(now.getTime() + 60_000));
    await store.putHead(renewed.envelope, options);
    for (const old of [headFor(author, at(records, 1)), headFor(author, at(records, 0)), renewed]) {
      assert.deepEqual(await store.putHead(old.envelope, options), { result: 'older', head: renewed });
    }
  });

  it('threat 18: from the future are refused', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const early = headFor(author, at(feed(author, 1), 0), new Date('2027-01-01T00:00:00Z'));
    const admission = await store.putHead(early.envelope, options);
    assert.ok(admission.result === 'refused' && /still to come/.test(admission.detail));
    assert.deepEqual(store.refusals(), { 'bad-statement': 1 });
  });

  it('of strangers are refused', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const signed = headFor(author, at(feed(author, 1), 0));
    const admission = await store.putHead(signed.envelope, { now, follows: () => false });
    assert.ok(admission.result === 'refused' && admission.reason === 'unknown-author');
  });

  it('threat 7: that contradict a stored record, or one another, freeze the feed', async () => {
    const store = await stores.open();
    const [alice, bob] = [newAuthor(), newAuthor()];
    const records = feed(alice, 2);
    await store.admitAll(bytes(records), everybody);
    const lie = headFor(alice, at(feed(alice, 2, 'other'), 1));
    const admission = await store.putHead(lie.envelope, options);
    assert.ok(admission.result === 'refused' && admission.reason === 'fork');
    await store.putHead(headFor(bob, at(feed(bob, 2, 'one'), 1)).envelope, options);
    const second = await store.putHead(headFor(bob, at(feed(bob, 2, 'two'), 1)).envelope, options);
    assert.ok(second.result === 'refused' && second.reason === 'fork');
    const frozen = await store.frozen();
    assert.equal(frozen.length, 2);
    for (const { proof } of frozen) assert.ok(!('refused' in verifyForkProof(...proof, { network: NETWORK })));
    assertRefused(await store.admit(at(feed(alice, 1, 'next', at(records, 1)), 0).envelope, everybody), 'frozen');
  });

  it('threat 7: that tell again of a fork that is known are no news, and an earlier one is', async () => {
    const store = await stores.open();
    const alice = newAuthor();
    await store.admitAll(bytes(feed(alice, 3)), everybody);
    const others = feed(alice, 3, 'other');
    const reasons = [];
    for (const index of [2, 2, 1, 1, 2]) {
      const admission = await store.putHead(headFor(alice, at(others, index)).envelope, options);
      reasons.push(admission.result === 'refused' ? admission.reason : admission.result);
    }
    assert.deepEqual(reasons, ['fork', 'frozen', 'fork', 'frozen', 'frozen']);
    assert.equal((await store.frozen())[0]?.at.seq, 2);
  });
});

describe('appending to our own feed', () => {
  const stores = temporaryStores();

  it('threat 17: opens a new public feed with the recovery key, once', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const first = await store.append(author, 'public', draft('first'));
    const second = await store.append(author, 'public', draft('second'));
    const records = await store.range(author.id, 'public', 0, 10);
    assert.deepEqual(records.slice(1), [first, second]);
    const opening = at(records, 0);
    assert.equal(opening.statement.predicateType, 'urn:portalgun:key:v1');
    assert.deepEqual(
      records.map(({ link }) => link.seq),
      [1, 2, 3],
    );
  });

  it('opens no feed where there is no recovery key, and none in a private group', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const group = 'f'.repeat(32);
    assert.equal((await store.append({ seed: generateSeed() }, 'public', draft('x'))).link.seq, 1);
    assert.equal((await store.append(author, group, draft('x'))).link.seq, 1);
  });

  it('gives every caller a place of its own when many append at once', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const records = await Promise.all(
      Array.from({ length: 20 }, (_, index) => store.append(author, 'public', draft(`${index}`))),
    );
    assert.deepEqual(
      records.map(({ link }) => link.seq).toSorted((a, b) => a - b),
      Array.from({ length: 20 }, (_, index) => index + 2),
    );
    assert.equal((await store.frozen()).length, 0);
  });

  it('makes nothing, not even the opening, of a draft that cannot be signed', async () => {
    const store = await stores.open();
    const author = newAuthor();
    await assert.rejects(store.append(author, 'public', draft('a'.repeat(70_000))), { code: 'record/cannot-sign' });
    assert.deepEqual(await store.heads(), []);
    assert.equal((await store.append(author, 'public', draft('small'))).link.seq, 2);
  });

  it('continues after records that came back from a peer', async () => {
    const author = newAuthor();
    const store = await stores.open();
    await store.admitAll(bytes(feed(author, 3)), everybody);
    assert.equal((await store.append(author, 'public', draft('next'))).link.seq, 4);
  });
});
