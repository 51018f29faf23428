import assert from 'node:assert/strict';
import { isRefusal } from '../../../src/exchange/record/index.ts';
import { assertRefused, author, open, record, seal, statement } from './sealed.ts';
import { at, draft } from './author.ts';

describe('the statement', () => {
  const subject = (changes: Record<string, unknown>) => ({ subject: [{ ...at(draft('x').subject, 0), ...changes }] });
  const many = Array.from({ length: 65 }, (_, index) => ({ name: `f${index}`, digest: { sha256: '0'.repeat(64) } }));

  for (const [what, changes, detail] of [
    ['another _type', { _type: 'https://in-toto.io/Statement/v0.1' }, /Statement v1/],
    ['no subject', { subject: [] }, /no subject/],
    ['too many subjects', { subject: many }, /65 subjects/],
    ['a subject without a name', { subject: [{ digest: { sha256: '0'.repeat(64) } }] }, /proper name/],
    ['threat 36: an escape sequence in a name', subject({ name: 'a\u001b[31m' }), /proper name/],
    ['threat 36: a bidi override in a name', subject({ name: 'a\u202eb' }), /proper name/],
    ['an over-long name', subject({ name: 'a'.repeat(201) }), /proper name/],
    ['threat 31: a subject without sha256', subject({ digest: { sha512: '0'.repeat(128) } }), /sha256/],
    ['a short sha256', subject({ digest: { sha256: '0'.repeat(62) } }), /sha256/],
    ['an upper-case sha256', subject({ digest: { sha256: 'A'.repeat(64) } }), /sha256/],
    ['a digest that is no string', subject({ digest: { sha256: '0'.repeat(64), md5: 1 } }), /sha256/],
    ['no predicateType', { predicateType: 1 }, /predicateType/],
    ['a predicateType that is no URI', { predicateType: 'recipe' }, /predicateType/],
    ['a control character in the predicateType', { predicateType: 'urn:a\u001bb' }, /predicateType/],
    ['an over-long predicateType', { predicateType: `urn:${'a'.repeat(253)}` }, /predicateType/],
    ['a predicate that is a list', { predicate: [] }, /no predicate/],
    ['no feed link', { portalgun_feed: null }, /not an object/],
  ] as const) {
    it(`refuses ${what}`, () => assertRefused(seal(statement(changes)), 'bad-statement', detail));
  }

  it('takes the largest number of subjects', () => {
    assert.ok(!isRefusal(open(seal(statement({ subject: many.slice(1) })))));
  });
});

const inGroup = { scope: '0123456789abcdef0123456789abcdef' };

describe('the feed link', () => {
  for (const [what, changes, detail] of [
    ['no network', { network: null }, /network/],
    ['a network with odd characters', { network: 'a/b' }, /network/],
    ['an author in upper case', { author: author.id.toUpperCase() }, /author/],
    ['a scope of its own invention', { scope: 'friends' }, /scope/],
    ['a negative epoch', { epoch: -1 }, /epoch/],
    ['a recovery that is a string', { recovery: '0' }, /recovery/],
    ['seq 0', { seq: 0 }, /seq/],
    ['a prev that is no digest', { seq: 2, prev: 'x' }, /prev/],
    ['a second record without prev', { seq: 2, prev: null }, /prev that does not fit/],
    ['a first record with prev', { seq: 1, prev: record.id }, /prev that does not fit/],
    ['a public epoch that begins with nothing', { epoch: 1, seq: 1, prev: null }, /prev that does not fit/],
    ['a second record of a group without prev', { ...inGroup, seq: 2, prev: null }, /prev that does not fit/],
    ['a first record of a group with prev', { ...inGroup, seq: 1, prev: record.id }, /prev that does not fit/],
  ] as const) {
    it(`refuses ${what}`, () => assertRefused(seal(statement({}, changes)), 'bad-statement', detail));
  }

  it("takes a private group's scope", () => {
    assert.ok(!isRefusal(open(seal(statement({}, inGroup)))));
  });
});
