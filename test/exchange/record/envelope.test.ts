import assert from 'node:assert/strict';
import { create, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { sha256 } from '../../../src/crypto/digest.ts';
import { generateSeed } from '../../../src/crypto/ed25519.ts';
import { encodeDsse, preAuthEncoding } from '../../../src/exchange/record/dsse.ts';
import { EnvelopeSchema } from '../../../src/exchange/record/generated/record_pb.ts';
import {
  decodeDsse,
  ENVELOPE_MAX_BYTES,
  isRefusal,
  openEnvelope,
  RECORD_PAYLOAD_TYPE,
  STATEMENT_MAX_BYTES,
} from '../../../src/exchange/record/index.ts';
import { assertRefused, author, open, record, seal, statement, parsed } from './sealed.ts';
import { linkOf, NETWORK, newAuthor } from './author.ts';

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
