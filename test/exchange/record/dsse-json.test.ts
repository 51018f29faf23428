import assert from 'node:assert/strict';
import {
  decodeDsse,
  dsseFromJson,
  dsseToJson,
  ENVELOPE_JSON_MAX_BYTES,
  ENVELOPE_MAX_BYTES,
  isRefusal,
  type RefusalReason,
} from '../../../src/exchange/record/index.ts';
import { assertRefused, record, parsed } from './sealed.ts';

describe("DSSE's JSON form", () => {
  const dsse = decodeDsse(record.envelope, ENVELOPE_MAX_BYTES);
  assert.ok(!isRefusal(dsse));
  const json = dsseToJson(dsse);
  const form = (changes: Record<string, unknown>) => Buffer.from(JSON.stringify({ ...parsed(json), ...changes }));

  it('goes there and back', () => {
    assert.deepEqual(Object.keys(parsed(json)), ['payload', 'payloadType', 'signatures']);
    assert.deepEqual(dsseFromJson(Buffer.from(json)), record.envelope);
  });

  it('leaves out what DSSE does not know, as it asks', () => {
    assert.deepEqual(dsseFromJson(form({ extra: 1 })), record.envelope);
  });

  for (const [what, bytes, reason] of [
    ['stray bits in base64', form({ payload: 'Zh==' }), 'bad-encoding'],
    ['the URL alphabet', form({ payload: '-_-_' }), 'bad-encoding'],
    ['two signatures', form({ signatures: [{ sig: 'AA==' }, { sig: 'AA==' }] }), 'bad-encoding'],
    ['no signatures', form({ signatures: [] }), 'bad-encoding'],
    ['a signature without sig', form({ signatures: [{}] }), 'bad-encoding'],
    ['a keyid that is no string', form({ signatures: [{ sig: 'AA==', keyid: 1 }] }), 'bad-encoding'],
    ['no payload', form({ payload: null }), 'bad-encoding'],
    ['a list', Buffer.from('[]'), 'bad-encoding'],
    ['duplicate keys', Buffer.from(json.replace('{', '{"payloadType":"x",')), 'bad-encoding'],
    ['too many bytes', new Uint8Array(ENVELOPE_JSON_MAX_BYTES + 1), 'too-large'],
  ] as [string, Uint8Array, RefusalReason][]) {
    it(`refuses ${what}`, () => {
      const result = dsseFromJson(bytes);
      assert.ok('refused' in result);
      assert.equal(result.refused, reason, result.detail);
    });
  }

  it('what it gives still has to be opened: a short signature is refused there', () => {
    const bytes = dsseFromJson(form({ signatures: [{ sig: 'AA==' }] }));
    assert.ok(!('refused' in bytes));
    assertRefused(bytes, 'bad-encoding', /1 bytes instead of 64/);
  });
});
