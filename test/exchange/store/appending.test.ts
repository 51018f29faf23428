import assert from 'node:assert/strict';
import { generateSeed } from '../../../src/crypto/ed25519.ts';
import { at, draft, feed, newAuthor } from '../record/author.ts';
import { bytes, everybody } from './admissions.ts';
import { temporaryStores } from './folder.ts';

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
