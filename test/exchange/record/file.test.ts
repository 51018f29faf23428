import assert from 'node:assert/strict';
import { openRecordFile, recordToJson } from '../../../src/exchange/record/index.ts';
import { at, feed, NETWORK, newAuthor } from './author.ts';

describe('a record in a file', () => {
  const record = at(feed(newAuthor(), 1), 0);

  it('is opened from JSON and as it travels', () => {
    const options = { network: NETWORK };
    assert.deepEqual(openRecordFile(Buffer.from(recordToJson(record)), options), record);
    assert.deepEqual(openRecordFile(Buffer.from(`\n ${recordToJson(record)}`), options), record);
    assert.deepEqual(openRecordFile(record.envelope, options), record);
  });

  it('is told from what is none, with what a record is', () => {
    for (const none of ['hello', '{"a": 1}', 'x'.repeat(200_000)]) {
      assert.throws(() => openRecordFile(Buffer.from(none), { network: NETWORK }), {
        code: 'record/refused',
        hint: /why RECORD --proof FILE .*attestation\.json/,
      });
    }
  });

  it('is refused with exit code 3 and the reason', () => {
    const json = recordToJson(record);
    for (const bytes of [
      Buffer.from('{}'),
      Buffer.from('x'),
      new Uint8Array(0),
      Buffer.from(json.replace(/"sig":"(.)/, (_, first) => `"sig":"${first === 'A' ? 'B' : 'A'}`)),
    ]) {
      assert.throws(() => openRecordFile(bytes, { network: NETWORK }), { code: 'record/refused', exitCode: 3 });
    }
    assert.throws(() => openRecordFile(record.envelope, { network: 'other' }), {
      code: 'record/refused',
      facts: { refused: 'wrong-network' },
    });
  });
});
