import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { sha256, type Digest } from '../../../src/crypto/digest.ts';
import {
  comparePositions,
  judgeLink,
  type FeedHead,
  type FeedLink,
  type LinkVerdict,
} from '../../../src/exchange/record/index.ts';
import { linkOf, newAuthor } from './author.ts';

const author = newAuthor();
const id = sha256('this');
const other = sha256('another');
const headId = sha256('head');
const head: FeedHead = { author: author.id, scope: 'public', recovery: 1, epoch: 2, seq: 5, id: headId };
const link = (changes: Partial<FeedLink>): FeedLink => ({
  ...linkOf(author, 6, headId),
  recovery: 1,
  epoch: 2,
  ...changes,
});

describe('judging a link', () => {
  const table: [string, Partial<FeedLink>, FeedHead | undefined, Digest | undefined, LinkVerdict['verdict']][] = [
    ['the next record', {}, head, undefined, 'next'],
    ['the very first record of a feed', { recovery: 0, epoch: 0, seq: 1, prev: null }, undefined, undefined, 'next'],
    ['a record that is stored', { seq: 3 }, head, id, 'known'],
    ['another record for a place that is stored', { seq: 3 }, head, other, 'fork'],
    ['another record for the newest place', { seq: 5 }, head, headId, 'fork'],
    ['a next record that names another one before it', { prev: other }, head, undefined, 'fork'],
    ['threat 1: an old record that is not stored any more', { seq: 3 }, head, undefined, 'replayed'],
    ['threat 1: a record of an epoch left behind', { epoch: 1, seq: 9 }, head, undefined, 'replayed'],
    [
      'threat 17: a later epoch of a recovery left behind',
      { recovery: 0, epoch: 9, seq: 1 },
      head,
      undefined,
      'replayed',
    ],
    ['a record after a gap', { seq: 8 }, head, undefined, 'gap'],
    ['a later record of an unknown feed', { recovery: 0, epoch: 0, seq: 4 }, undefined, undefined, 'gap'],
    ['threat 4: the last possible seq', { seq: Number.MAX_SAFE_INTEGER }, head, undefined, 'gap'],
    ['threat 4: an epoch that no key change opened', { epoch: 3, seq: 1 }, head, undefined, 'bad-link'],
    ['an epoch before any record', { seq: 1 }, undefined, undefined, 'bad-link'],
    ['a recovery that nobody made', { recovery: 2, epoch: 3, seq: 1 }, head, undefined, 'bad-link'],
  ];
  for (const [what, changes, state, idAt, verdict] of table) {
    it(`${what}: ${verdict}`, () => assert.equal(judgeLink(id, link(changes), { head: state, idAt }).verdict, verdict));
  }

  it('says from where a gap is missing', () => {
    assert.deepEqual(judgeLink(id, link({ seq: 8 }), { head, idAt: undefined }), { verdict: 'gap', missingFrom: 6 });
    const early = linkOf(author, 8, other);
    assert.deepEqual(judgeLink(id, early, { head: undefined, idAt: undefined }), { verdict: 'gap', missingFrom: 1 });
  });

  it('says at which place a fork is', () => {
    const place = (seq: number) => ({ recovery: 1, epoch: 2, seq });
    const fork = (seq: number) => ({ verdict: 'fork', at: place(seq), against: place(seq) });
    assert.deepEqual(judgeLink(id, link({ seq: 3 }), { head, idAt: other }), fork(3));
    assert.deepEqual(judgeLink(id, link({ prev: other }), { head, idAt: undefined }), fork(5));
  });
});

describe('the order of places', () => {
  const place = fc.record({ recovery: fc.nat(2), epoch: fc.nat(2), seq: fc.nat(2) });

  it('is total: by recovery, then epoch, then seq', () => {
    const number = (p: { recovery: number; epoch: number; seq: number }) => p.recovery * 9 + p.epoch * 3 + p.seq;
    fc.assert(
      fc.property(place, place, (a, b) =>
        assert.equal(Math.sign(comparePositions(a, b)), Math.sign(number(a) - number(b))),
      ),
    );
  });
});
