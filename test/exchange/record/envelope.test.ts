import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { sha256 } from '../../../src/crypto/digest.ts';
import { generateSeed, sign } from '../../../src/crypto/ed25519.ts';
import { canonicalJson } from '../../../src/crypto/canonical.ts';
import { encodeDsse, preAuthEncoding } from '../../../src/exchange/record/dsse.ts';
import { EnvelopeSchema } from '../../../src/exchange/record/generated/record_pb.ts';
import {
  decodeDsse,
  dsseFromJson,
  dsseToJson,
  ENVELOPE_JSON_MAX_BYTES,
  ENVELOPE_MAX_BYTES,
  isRefusal,
  openEnvelope,
  RECORD_PAYLOAD_TYPE,
  signRecord,
  STATEMENT_MAX_BYTES,
  type FeedLink,
  type RefusalReason,
} from '../../../src/exchange/record/index.ts';
import { at, draft, feed, linkOf, NETWORK, newAuthor } from './author.ts';

const author = newAuthor();
const record = at(feed(author, 1), 0);
const open = (bytes: Uint8Array) => openEnvelope(bytes, { network: NETWORK });

function assertRefused(bytes: Uint8Array, reason: RefusalReason, detail: RegExp): void {
  const result = open(bytes);
  assert.ok(isRefusal(result), 'it was opened');
  assert.equal(result.refused, reason, result.detail);
  assert.match(result.detail, detail);
}

/** What the author signs as a record, whatever it is. */
function seal(
  payload: string | Uint8Array,
  changes: { payloadType?: string; keyid?: string; seed?: Uint8Array } = {},
): Uint8Array {
  const { payloadType = RECORD_PAYLOAD_TYPE, keyid = author.id, seed = author.seed } = changes;
  const bytes = Buffer.from(payload);
  return encodeDsse({ payloadType, payload: bytes, signature: sign(seed, preAuthEncoding(payloadType, bytes)), keyid });
}

function statement(changes: Record<string, unknown> = {}, link: Record<string, unknown> = {}): string {
  return canonicalJson({
    _type: 'https://in-toto.io/Statement/v1',
    ...draft('x'),
    portalgun_feed: { ...linkOf(author, 1, null), ...link },
    ...changes,
  });
}

describe('the pre-authentication encoding', () => {
  it('is DSSE v1, by the example of its protocol.md', () => {
    const encoded = preAuthEncoding('http://example.com/HelloWorld', Buffer.from('hello world'));
    assert.equal(Buffer.from(encoded).toString(), 'DSSEv1 29 http://example.com/HelloWorld 11 hello world');
  });

  it('counts bytes, not characters', () => {
    assert.equal(Buffer.from(preAuthEncoding('é', Buffer.from('é'))).toString(), 'DSSEv1 2 é 2 é');
  });
});

describe('opening an envelope', () => {
  it('gives back what was signed, with an id that anyone can compute', () => {
    const opened = open(record.envelope);
    assert.ok(!isRefusal(opened));
    assert.deepEqual(opened, record);
    assert.deepEqual(opened.link, linkOf(author, 1, null));
    const dsse = decodeDsse(record.envelope, ENVELOPE_MAX_BYTES);
    assert.ok(!isRefusal(dsse));
    assert.equal(
      opened.id,
      sha256(`DSSEv1 28 application/vnd.in-toto+json ${dsse.payload.length} ${Buffer.from(dsse.payload).toString()}`),
    );
  });

  it('shares no memory with the bytes that came in', () => {
    const bytes = Uint8Array.from(record.envelope);
    const opened = open(bytes);
    bytes.fill(0);
    assert.deepEqual(opened, record);
  });

  it('keeps and ignores fields that this version does not know', () => {
    const opened = open(seal(statement({ later: { a: 1 } }, { later: 2 })));
    assert.ok(!isRefusal(opened));
    assert.deepEqual(opened.link, linkOf(author, 1, null));
    assert.deepEqual(
      Object.entries(opened.statement).find(([key]) => key === 'later'),
      ['later', { a: 1 }],
    );
  });

  it('takes an empty keyid: the statement says who signed', () => {
    assert.ok(!isRefusal(open(seal(statement(), { keyid: '' }))));
  });

  it('asks whether the author is followed before it verifies the signature', () => {
    const forged = seal(statement(), { seed: generateSeed() });
    const result = openEnvelope(forged, { network: NETWORK, follows: () => false });
    assert.ok(isRefusal(result) && result.refused === 'unknown-author');
  });

  it('threat 11: the id does not cover the signature, so another signature is no other record', () => {
    const dsse = decodeDsse(record.envelope, ENVELOPE_MAX_BYTES);
    assert.ok(!isRefusal(dsse));
    const opened = open(encodeDsse({ ...dsse, keyid: '' }));
    assert.ok(!isRefusal(opened));
    assert.equal(opened.id, record.id);
  });

  it('threat 11: refuses every envelope with one bit flipped', () => {
    const step = 11;
    for (let bit = 0; bit < record.envelope.length * 8; bit += step) {
      const bytes = Uint8Array.from(record.envelope);
      bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.ok(isRefusal(open(bytes)), `bit ${bit} made no difference`);
    }
  });

  it('threat 11: refuses an author whose key is weak, whatever the signature', () => {
    // Under this key (order 1) the all-zero S with R = A satisfies the equation for every message.
    const weak = `ed25519:01${'00'.repeat(31)}`;
    const payload = Buffer.from(statement({}, { author: weak }));
    const signature = Buffer.concat([Buffer.from(`01${'00'.repeat(31)}`, 'hex'), new Uint8Array(32)]);
    assertRefused(
      encodeDsse({ payloadType: RECORD_PAYLOAD_TYPE, payload, signature, keyid: weak }),
      'bad-signature',
      /small order/,
    );
  });

  it('refuses a signature by somebody else than the author', () => {
    assertRefused(seal(statement(), { seed: generateSeed() }), 'bad-signature', /not by ed25519/);
  });

  it('refuses a keyid that names somebody else', () => {
    assertRefused(seal(statement(), { keyid: newAuthor().id }), 'bad-signature', /keyid names another key/);
  });

  it('refuses a keyid that is no author id', () => {
    assertRefused(seal(statement(), { keyid: 'me' }), 'bad-encoding', /keyid/);
  });

  it('threat 9: refuses a record of another network', () => {
    assertRefused(seal(statement({}, { network: 'other' })), 'wrong-network', /for the network other/);
  });

  it('refuses a record of an epoch that it has not seen opened, and what opens one without saying whose key', () => {
    const later = { epoch: 1, seq: 2, prev: record.id };
    assertRefused(seal(statement({}, later)), 'unknown-key', /opened epoch 1 of recovery 0/);
    assertRefused(seal(statement({}, { ...later, recovery: 1 })), 'unknown-key', /opened epoch 1 of recovery 1/);
    assertRefused(seal(statement({}, { epoch: 1, prev: record.id })), 'bad-link', /no key record/);
    assertRefused(seal(statement({}, { recovery: 2, epoch: 1, prev: record.id })), 'bad-statement', /more recoveries/);
  });

  for (const payloadType of [
    'application/json',
    'application/vnd.portalgun.head.v1+json',
    '',
    'application/vnd.in-toto+json ',
  ]) {
    it(`threat 10: refuses the payload type "${payloadType}" around a good statement`, () => {
      assertRefused(seal(statement(), { payloadType }), 'bad-encoding', /not an in-toto statement/);
    });
  }
});

describe('threat 15: one canonical encoding', () => {
  const signature = { sig: new Uint8Array(64).fill(1), keyid: '' };
  const payload = Buffer.from('{}');

  for (const [what, bytes] of [
    ['nothing', new Uint8Array(0)],
    ['noise', Buffer.from('not protobuf')],
    ['an unknown field behind', Buffer.concat([record.envelope, Buffer.of(0x20, 0x01)])],
    ['an unknown field before', Buffer.concat([Buffer.of(0x20, 0x01), record.envelope])],
    ['a field twice', Buffer.concat([record.envelope, Buffer.of(0x0a, 0x00)])],
    ['a cut-off end', record.envelope.subarray(0, -1)],
    ['two envelopes in a row', Buffer.concat([record.envelope, record.envelope])],
    ['a length in more bytes than it needs', longLength(record.envelope)],
    ['fields in another order', reordered()],
    ['no signature', toBinary(EnvelopeSchema, create(EnvelopeSchema, { payload, payloadType: RECORD_PAYLOAD_TYPE }))],
    [
      'two signatures',
      toBinary(
        EnvelopeSchema,
        create(EnvelopeSchema, { payload, payloadType: RECORD_PAYLOAD_TYPE, signatures: [signature, signature] }),
      ),
    ],
    [
      'a short signature',
      toBinary(
        EnvelopeSchema,
        create(EnvelopeSchema, {
          payload,
          payloadType: RECORD_PAYLOAD_TYPE,
          signatures: [{ sig: new Uint8Array(63), keyid: '' }],
        }),
      ),
    ],
  ] as [string, Uint8Array][]) {
    it(`refuses ${what}`, () => assertRefused(bytes, 'bad-encoding', /./));
  }

  /** The payload's length as three varint bytes instead of two. */
  function longLength(envelope: Uint8Array): Uint8Array {
    const [tag = 0, low = 0, high = 0] = envelope;
    assert.equal(tag, 0x0a);
    assert.ok(low >= 0x80 && high < 0x80);
    return Buffer.concat([Buffer.of(tag, low, high | 0x80, 0), envelope.subarray(3)]);
  }

  function reordered(): Uint8Array {
    const dsse = decodeDsse(record.envelope, ENVELOPE_MAX_BYTES);
    assert.ok(!isRefusal(dsse));
    const part = (fields: Parameters<typeof create<typeof EnvelopeSchema>>[1]) =>
      toBinary(EnvelopeSchema, create(EnvelopeSchema, fields));
    return Buffer.concat([
      part({ payloadType: dsse.payloadType }),
      part({ payload: dsse.payload }),
      part({ signatures: [{ sig: dsse.signature, keyid: dsse.keyid }] }),
    ]);
  }
});

describe('threat 16: caps before parsing', () => {
  const padded = (bytes: number) => {
    const empty = statement({ pad: '' });
    return statement({ pad: 'a'.repeat(bytes - empty.length) });
  };

  it('opens a statement of exactly the largest size, and not one byte more', () => {
    assert.equal(padded(STATEMENT_MAX_BYTES).length, STATEMENT_MAX_BYTES);
    assert.ok(!isRefusal(open(seal(padded(STATEMENT_MAX_BYTES)))));
    assertRefused(seal(padded(STATEMENT_MAX_BYTES + 1)), 'too-large', /65537 bytes/);
  });

  it('refuses a large envelope before it looks inside', () => {
    assertRefused(new Uint8Array(ENVELOPE_MAX_BYTES + 1), 'too-large', /131073 bytes/);
    assertRefused(new Uint8Array(ENVELOPE_MAX_BYTES), 'bad-encoding', /./);
  });

  for (const [what, json, detail] of [
    ['what is not JSON', 'hello', /no value/],
    ['a list', '[]', /not a JSON object/],
    ['duplicate keys', statement().replace('"_type"', '"_type":"x","_type"'), /stands twice/],
    ['__proto__', statement().replace('{"_type"', '{"__proto__":{},"_type"'), /__proto__/],
    ['a fraction', statement({ later: 12345 }).replace('12345', '1.5'), /only integers/],
    ['trailing data', `${statement()} `.concat('x'), /follows after the end/],
    ['33 levels', statement({ a: JSON.parse('['.repeat(32) + ']'.repeat(32)) as unknown }), /32 levels/],
  ] as const) {
    it(`refuses ${what} in a signed statement`, () => assertRefused(seal(json), 'bad-statement', detail));
  }

  it('reads 32 levels', () => {
    assert.ok(!isRefusal(open(seal(statement({ a: JSON.parse('['.repeat(31) + ']'.repeat(31)) as unknown })))));
  });
});

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
  ] as const) {
    it(`refuses ${what}`, () => assertRefused(seal(statement({}, changes)), 'bad-statement', detail));
  }

  it("takes a private group's scope", () => {
    assert.ok(!isRefusal(open(seal(statement({}, { scope: '0123456789abcdef0123456789abcdef' })))));
  });
});

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

describe('threat 16: fuzzing the decoders', () => {
  it('any bytes are refused or opened, never thrown at', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => assert.ok(isRefusal(open(bytes)))),
      { numRuns: 2000 },
    );
  });

  it('a good envelope with bytes changed, cut out or put in is refused', () => {
    const change = fc.tuple(fc.nat(record.envelope.length - 1), fc.nat(3), fc.uint8Array({ maxLength: 4 }));
    fc.assert(
      fc.property(change, ([where, length, insert]) => {
        const bytes = Buffer.concat([
          record.envelope.subarray(0, where),
          insert,
          record.envelope.subarray(where + length),
        ]);
        const opened = open(bytes);
        assert.ok(isRefusal(opened) || bytes.equals(record.envelope));
      }),
      { numRuns: 2000 },
    );
  });

  it('any JSON, signed, is refused or opened, never thrown at', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        open(seal(JSON.stringify(value)));
        open(seal(statementWith(value)));
      }),
      { numRuns: 150 },
    );
  });

  function statementWith(value: unknown): string {
    return JSON.stringify({ ...parsed(statement()), predicate: value, subject: value });
  }
});

function parsed(json: string): object {
  const value: unknown = JSON.parse(json);
  assert.ok(typeof value === 'object' && value !== null);
  return value;
}
