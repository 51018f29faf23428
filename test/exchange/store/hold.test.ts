import assert from 'node:assert/strict';
import { Hold } from '../../../src/exchange/store/hold.ts';
import { at, feed, newAuthor } from '../record/author.ts';

describe('the hold', () => {
  const author = newAuthor();
  const records = feed(author, 6);
  const size = at(records, 0).envelope.length;

  it('gives each record back once', () => {
    const hold = new Hold({ maxRecordsPerFeed: 10, maxBytes: 1e6 });
    const record = at(records, 2);
    hold.put(record);
    hold.put(record);
    assert.equal(hold.bytes, record.envelope.length);
    assert.equal(hold.at(record.link, 3), record);
    assert.equal(hold.take(record.link, 3), record);
    assert.equal(hold.take(record.link, 3), undefined);
    assert.equal(hold.bytes, 0);
  });

  it('lets go of what is farthest from the gap when a feed has too many', () => {
    const hold = new Hold({ maxRecordsPerFeed: 2, maxBytes: 1e6 });
    for (const index of [5, 1, 3]) hold.put(at(records, index));
    assert.equal(hold.at(at(records, 0).link, 6), undefined);
    assert.ok(hold.at(at(records, 0).link, 2) && hold.at(at(records, 0).link, 4));
  });

  it('lets go of the feed that waits most when all is too much', () => {
    const hold = new Hold({ maxRecordsPerFeed: 100, maxBytes: Math.floor(size * 3.5) });
    const other = at(feed(newAuthor(), 2), 1);
    hold.put(other);
    for (const index of [1, 2, 3, 4]) hold.put(at(records, index));
    assert.ok(hold.bytes <= size * 3.5);
    assert.equal(hold.at(other.link, 2), other);
    assert.equal(hold.at(at(records, 0).link, 2), at(records, 1));
    assert.equal(hold.at(at(records, 0).link, 5), undefined);
  });

  it('forgets what lies behind a fork', () => {
    const hold = new Hold({ maxRecordsPerFeed: 100, maxBytes: 1e6 });
    for (const record of records) hold.put(record);
    hold.dropFrom(at(records, 0).link, 3);
    assert.equal(hold.at(at(records, 0).link, 3), undefined);
    assert.equal(hold.at(at(records, 0).link, 2), at(records, 1));
  });
});
