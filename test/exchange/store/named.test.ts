import assert from 'node:assert/strict';
import { Level } from 'level';
import { sha256 } from '../../../src/crypto/digest.ts';
import {
  attestationDraft,
  patchDraft,
  signRecord,
  type Draft,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { NAMED_MAX_OF_AUTHOR } from '../../../src/exchange/store/index.ts';
import { attestationOf } from '../record/attested.ts';
import { at, draft, linkOf, newAuthor, type Author } from '../record/author.ts';
import { Chain } from '../record/keys.ts';
import { everybody } from './admissions.ts';
import { temporaryStores } from './folder.ts';
import { ids, namedKeysIn } from './named-keys.ts';

const [symptom, before, after, manifest] = [sha256('symptom'), sha256('before'), sha256('after'), sha256('manifest')];
const anybody = () => true;

function aPatch(fields: Partial<Parameters<typeof patchDraft>[0]> = {}): Draft {
  return patchDraft({
    recipeName: 'small',
    base: sha256('base'),
    result: sha256('result'),
    operations: [{ op: 'remove-step', id: 'one', was: sha256('step') }],
    symptom,
    origin: 'human',
    summary: 'It has another name.',
    verifiedBy: null,
    supersedes: null,
    ...fields,
  });
}

/** Drafts as an author's feed, in a scope. */
function feedOf(author: Author, drafts: readonly Draft[], scope = 'public') {
  const records: ReturnType<typeof signRecord>[] = [];
  for (const one of drafts) {
    const link = { ...linkOf(author, records.length + 1, records.at(-1)?.id ?? null), scope };
    records.push(signRecord(author.seed, link, one));
  }
  return records;
}

function headIn({ id, link }: VerifiedRecord) {
  const { author, scope, recovery, epoch, seq } = link;
  return { author, scope, recovery, epoch, seq, id };
}

describe('records by the digests that they name', () => {
  const stores = temporaryStores();

  it('are found by manifest, symptom and screens, by those who pass, and by nothing else in them', async () => {
    const store = await stores.open();
    const [alice, bob] = [newAuthor(), newAuthor()];
    const [patch, build] = feedOf(alice, [aPatch({ evidence: { before, after } }), attestationDraft(attestationOf())]);
    const [same] = feedOf(bob, [aPatch()]);
    assert.ok(patch && build && same);
    await store.admitAll(
      [patch, build, same].map(({ envelope }) => envelope),
      everybody,
    );
    assert.deepEqual(await ids(store.naming(manifest, anybody)), [build.id]);
    for (const screen of [before, after]) assert.deepEqual(await ids(store.naming(screen, anybody)), [patch.id]);
    assert.deepEqual(new Set(await ids(store.naming(symptom, anybody))), new Set([patch.id, same.id]));
    assert.deepEqual(await ids(store.naming(symptom, (author) => author === bob.id)), [same.id]);
    assert.deepEqual(await ids(store.naming(symptom, () => false)), []);
    for (const other of [sha256('base'), sha256('result'), sha256('step'), patch.id]) {
      assert.deepEqual(await ids(store.naming(other, anybody)), []);
    }
  });

  it('are not found where they are of a private group, or say something else than a digest there', async () => {
    const store = await stores.open();
    const author = newAuthor();
    const group = '0123456789abcdef0123456789abcdef';
    const odd = {
      ...draft('x', 'urn:portalgun:recipe-patch:v1'),
      predicate: { symptom: [symptom], evidence: symptom },
    };
    const records = [...feedOf(author, [aPatch()], group), ...feedOf(author, [odd])];
    for (const { envelope } of records) assert.equal((await store.admit(envelope, everybody)).result, 'admitted');
    assert.deepEqual(await ids(store.naming(symptom, anybody)), []);
  });

  it('threat 22: are read no more often for an author who names one thing again and again', async () => {
    const store = await stores.open();
    const authors = [newAuthor(), newAuthor(), newAuthor()].sort((a, b) => (a.id < b.id ? -1 : 1));
    const many = Array.from({ length: NAMED_MAX_OF_AUTHOR + 5 }, (_, index) => aPatch({ summary: `Number ${index}.` }));
    const [one, two, three] = authors.map((author, index) => feedOf(author, index === 1 ? many : [aPatch()]));
    assert.ok(one && two && three);
    await store.admitAll(
      [...one, ...two, ...three].map(({ envelope }) => envelope),
      everybody,
    );
    const found = await ids(store.naming(symptom, anybody));
    assert.equal(found.length, NAMED_MAX_OF_AUTHOR + 2);
    assert.deepEqual([found.at(0), found.at(-1)], [at(one, 0).id, at(three, 0).id]);
  });

  it('are not found any more when a recovery has left them behind', async () => {
    const path = await stores.path();
    const store = await stores.openAt(path);
    const chain = new Chain().write('a');
    await store.admitAll(chain.envelopes, everybody);
    const patch = signRecord(
      chain.seed,
      { ...chain.last.link, seq: chain.last.link.seq + 1, prev: chain.last.id },
      aPatch({ evidence: { before } }),
      chain.keys,
    );
    assert.equal((await store.admit(patch.envelope, everybody)).result, 'admitted');
    assert.deepEqual(await ids(store.naming(before, anybody)), [patch.id]);
    chain.recover(2);
    assert.equal((await store.admit(chain.last.envelope, everybody)).result, 'admitted');
    assert.deepEqual(await ids(store.naming(before, anybody)), []);
    await store.close();
    assert.deepEqual(await namedKeysIn(path), []);
  });

  it('are looked up anew, with nothing lost, in a store of a version that did not, or that was cut off while it did', async () => {
    const path = await stores.path();
    const author = newAuthor();
    const records = feedOf(author, [aPatch({ evidence: { before, after } }), attestationDraft(attestationOf())]);
    const store = await stores.openAt(path);
    await store.admitAll(
      records.map(({ envelope }) => envelope),
      everybody,
    );
    await store.close();
    const keys = await namedKeysIn(path);
    assert.equal(keys.length, 4);
    // Each as some earlier version left it: look-ups that it did not write, and some of another meaning.
    for (const meta of [
      { named: '' },
      { named: '0' },
      { version: '1', named: '' },
      { version: '1' },
      { version: '2' },
    ]) {
      const raw = new Level(path);
      for (const [name, version] of Object.entries(meta)) {
        if (version === '') await raw.del(`meta\0${name}`);
        else await raw.put(`meta\0${name}`, version);
      }
      await raw.del(at(keys, 0));
      await raw.put(`named\0${sha256('of another version')}\0${author.id}\0${at(records, 0).id}`, '');
      await raw.close();
      const again = await stores.openAt(path);
      for (const { id, envelope } of records) assert.deepEqual((await again.get(id))?.envelope, envelope);
      assert.deepEqual(await again.head(author.id, 'public'), headIn(at(records, 1)));
      await again.close();
      assert.deepEqual(await namedKeysIn(path), keys);
      const after = new Level(path);
      assert.deepEqual([await after.get('meta\0version'), await after.get('meta\0named')], ['3', '1']);
      await after.close();
    }
  });
});
