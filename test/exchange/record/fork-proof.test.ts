import assert from 'node:assert/strict';
import {
  isRefusal,
  signHead,
  signRecord,
  verifyForkProof,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { at, draft, feed, linkOf, NETWORK, newAuthor } from './author.ts';

const author = newAuthor();
const chain = feed(author, 4);
const branch = feed(author, 2, 'other', at(chain, 1));
const now = new Date('2026-11-23T06:00:00Z');
const verify = (a: Uint8Array, b: Uint8Array) => verifyForkProof(a, b, { network: NETWORK });
const headOf = ({ link, id }: VerifiedRecord) => signHead(author.seed, NETWORK, { ...link, id }, { now }).envelope;
const fork = { author: author.id, scope: 'public', recovery: 0, epoch: 0, seq: 3 };

describe('threat 7: a fork proof', () => {
  const third = at(chain, 2);
  const otherThird = at(branch, 0);

  it('is two records for one place, in any order', () => {
    assert.deepEqual(verify(third.envelope, otherThird.envelope), fork);
    assert.deepEqual(verify(otherThird.envelope, third.envelope), fork);
  });

  it('is a record whose prev is not the record before it', () => {
    assert.deepEqual(verify(third.envelope, at(branch, 1).envelope), fork);
    assert.deepEqual(verify(at(branch, 1).envelope, third.envelope), fork);
  });

  it('is a signed head and a record, or two heads, that contradict each other', () => {
    assert.deepEqual(verify(headOf(otherThird), third.envelope), fork);
    assert.deepEqual(verify(headOf(third), at(branch, 1).envelope), fork);
    assert.deepEqual(verify(headOf(third), headOf(otherThird)), fork);
  });

  const stranger = newAuthor();
  const elsewhere = signRecord(author.seed, { ...linkOf(author, 1, null), scope: 'f'.repeat(32) }, draft('group'));
  for (const [what, a, b] of [
    ['twice the same record', third.envelope, third.envelope],
    ['two records of one chain', third.envelope, at(chain, 3).envelope],
    ['two records far apart', at(chain, 0).envelope, at(branch, 1).envelope],
    ['a record and the head that names it', third.envelope, headOf(third)],
    ['two authors', at(feed(stranger, 3), 2).envelope, third.envelope],
    ['two feeds of one author', at(chain, 0).envelope, elsewhere.envelope],
    ['noise', third.envelope, Buffer.from('noise')],
    ['nothing', new Uint8Array(0), new Uint8Array(0)],
  ] as [string, Uint8Array, Uint8Array][]) {
    it(`is not ${what}`, () => assert.ok(isRefusal(verify(a, b))));
  }

  it('is not made of a record that somebody else signed', () => {
    const forged = Uint8Array.from(otherThird.envelope);
    // The last bytes are the keyid; the signature lies before it.
    forged[forged.length - 80] = (forged[forged.length - 80] ?? 0) ^ 1;
    const result = verify(third.envelope, forged);
    assert.ok(isRefusal(result) && result.refused === 'bad-signature', JSON.stringify(result));
  });

  it('is not made of records of another network', () => {
    assert.ok(isRefusal(verifyForkProof(third.envelope, otherThird.envelope, { network: 'other' })));
  });
});
