import assert from 'node:assert/strict';
import { signRecord, STATEMENT_MAX_BYTES, type FeedLink } from '../../../src/exchange/record/index.ts';
import { draft, linkOf, newAuthor } from './author.ts';
import { author } from './sealed.ts';

describe('signing', () => {
  it('refuses to sign for another author', () => {
    const other: FeedLink = linkOf(newAuthor(), 1, null);
    assert.throws(() => signRecord(author.seed, other, draft('x')), { code: 'record/not-yours' });
  });

  it('refuses what every reader would refuse, and says why', () => {
    const large = draft('a'.repeat(STATEMENT_MAX_BYTES));
    assert.throws(() => signRecord(author.seed, linkOf(author, 1, null), large), {
      code: 'record/cannot-sign',
      facts: { refused: 'too-large', predicateType: large.predicateType },
    });
    const nameless = { ...draft('x'), subject: [] };
    assert.throws(() => signRecord(author.seed, linkOf(author, 1, null), nameless), { code: 'record/cannot-sign' });
  });

  it('gives the same bytes for the same words, whatever the order of fields', () => {
    const { subject, predicateType, predicate } = draft('x');
    const again = signRecord(author.seed, linkOf(author, 1, null), { predicate, predicateType, subject });
    assert.deepEqual(again.envelope, signRecord(author.seed, linkOf(author, 1, null), draft('x')).envelope);
  });
});
