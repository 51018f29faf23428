import assert from 'node:assert/strict';
import { canonicalJson } from '../../../src/crypto/canonical.ts';
import { encodeDsse } from '../../../src/exchange/record/dsse.ts';
import { sealPayload } from '../../../src/exchange/record/sign.ts';
import {
  CLOCK_TOLERANCE_MS,
  decodeDsse,
  freshnessOf,
  HEAD_DEFAULT_LIFETIME_MS,
  HEAD_MAX_BYTES,
  HEAD_MAX_LIFETIME_MS,
  HEAD_PAYLOAD_TYPE,
  isRefusal,
  openEnvelope,
  openHead,
  readHead,
  RECORD_PAYLOAD_TYPE,
  signHead,
  type FeedHead,
  type RefusalReason,
} from '../../../src/exchange/record/index.ts';
import { at, feed, NETWORK, newAuthor } from './author.ts';

const author = newAuthor();
const last = at(feed(author, 3), 2);
const head: FeedHead = { author: author.id, scope: 'public', recovery: 0, epoch: 0, seq: 3, id: last.id };
const now = new Date('2026-11-23T06:00:00Z');
const later = (ms: number) => new Date(now.getTime() + ms);
const signed = signHead(author.seed, NETWORK, head, { now });

function content(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { network: NETWORK, ...head, issuedAt: '2026-11-23T06:00:00Z', expiresAt: '2026-12-07T06:00:00Z', ...changes };
}

function assertRefused(bytes: Uint8Array, reason: RefusalReason, detail: RegExp): void {
  const result = openHead(bytes, { network: NETWORK, now });
  assert.ok(isRefusal(result), 'it was opened');
  assert.equal(result.refused, reason, result.detail);
  assert.match(result.detail, detail);
}

const seal = (changes: Record<string, unknown>, seed = author.seed) =>
  sealPayload(seed, HEAD_PAYLOAD_TYPE, Buffer.from(canonicalJson(content(changes))));

describe('a signed head', () => {
  it('says where the feed ends and lasts 14 days', () => {
    const opened = openHead(signed.envelope, { network: NETWORK, now });
    assert.deepEqual(opened, signed);
    assert.deepEqual(signed.head, head);
    assert.deepEqual(signed.issuedAt, now);
    assert.deepEqual(signed.expiresAt, later(HEAD_DEFAULT_LIFETIME_MS));
  });

  it('lasts at most 30 days', () => {
    signHead(author.seed, NETWORK, head, { now, lifetimeMs: HEAD_MAX_LIFETIME_MS });
    for (const lifetimeMs of [HEAD_MAX_LIFETIME_MS + 1, 0, -1, Number.NaN]) {
      assert.throws(() => signHead(author.seed, NETWORK, head, { now, lifetimeMs }), { code: 'record/bad-lifetime' });
    }
    assertRefused(seal({ expiresAt: '2026-12-23T06:00:01Z' }), 'bad-statement', /30 days/);
    assertRefused(seal({ expiresAt: '2026-11-23T06:00:00Z' }), 'bad-statement', /30 days/);
  });

  it("is not signed for another author's feed", () => {
    assert.throws(() => signHead(newAuthor().seed, NETWORK, head, { now }), { code: 'record/not-yours' });
    assertRefused(seal({}, newAuthor().seed), 'bad-signature', /keyid/);
  });

  it('threat 18: is refused when dated further ahead than clocks may differ, but for a proof the date is nothing', () => {
    const early = later(-CLOCK_TOLERANCE_MS);
    assert.ok(!isRefusal(openHead(signed.envelope, { network: NETWORK, now: early })));
    const tooEarly = openHead(signed.envelope, { network: NETWORK, now: new Date(early.getTime() - 1) });
    assert.ok(isRefusal(tooEarly) && /still to come/.test(tooEarly.detail));
    assert.deepEqual(readHead(signed.envelope, { network: NETWORK }), signed);
  });

  it('threat 10: is never taken for a record, nor a record for a head', () => {
    const asRecord = openEnvelope(signed.envelope, { network: NETWORK });
    assert.ok(isRefusal(asRecord) && asRecord.refused === 'bad-encoding');
    assertRefused(last.envelope, 'bad-encoding', /not a signed head/);
    const relabelled = decodeDsse(signed.envelope, HEAD_MAX_BYTES);
    assert.ok(!isRefusal(relabelled));
    const record = openEnvelope(encodeDsse({ ...relabelled, payloadType: RECORD_PAYLOAD_TYPE }), { network: NETWORK });
    assert.ok(isRefusal(record) && record.refused === 'bad-statement');
  });

  it('threat 16: has a size limit of its own', () => {
    assertRefused(new Uint8Array(HEAD_MAX_BYTES + 1), 'too-large', /4097 bytes/);
    assertRefused(seal({ pad: 'a'.repeat(HEAD_MAX_BYTES) }), 'too-large', /bytes/);
  });

  for (const [what, changes, reason, detail] of [
    ['another network', { network: 'other' }, 'wrong-network', /network other/],
    ['no author', { author: 'me' }, 'bad-statement', /no feed/],
    ['an unknown scope', { scope: 'x' }, 'bad-statement', /no feed/],
    ['seq 0', { seq: 0 }, 'bad-statement', /no record/],
    ['an id that is no digest', { id: 'x' }, 'bad-statement', /no record/],
    ['an epoch that was not seen opened', { epoch: 1 }, 'unknown-key', /opened epoch 1/],
    ['more recoveries than epochs', { recovery: 1 }, 'bad-statement', /no record/],
    ['a time with milliseconds', { issuedAt: '2026-11-23T06:00:00.000Z' }, 'bad-statement', /times/],
    ['a time with an offset', { issuedAt: '2026-11-23T06:00:00+00:00' }, 'bad-statement', /times/],
    ['a day that does not exist', { issuedAt: '2026-11-31T06:00:00Z' }, 'bad-statement', /times/],
    ['a time that is a number', { expiresAt: 1 }, 'bad-statement', /times/],
  ] as [string, Record<string, unknown>, RefusalReason, RegExp][]) {
    it(`is refused with ${what}`, () => assertRefused(seal(changes), reason, detail));
  }

  it('is refused when a bit of the signature is flipped', () => {
    const dsse = decodeDsse(signed.envelope, HEAD_MAX_BYTES);
    assert.ok(!isRefusal(dsse));
    const signature = Uint8Array.from(dsse.signature);
    signature[0] = (signature[0] ?? 0) ^ 1;
    assertRefused(encodeDsse({ ...dsse, signature }), 'bad-signature', /not by/);
  });
});

describe('threat 5: freshness', () => {
  const stored = head;

  it('is fresh until it expires, with tolerance for clocks', () => {
    assert.deepEqual(freshnessOf(signed, stored, now), { state: 'fresh', until: signed.expiresAt });
    assert.equal(freshnessOf(signed, stored, later(HEAD_DEFAULT_LIFETIME_MS + CLOCK_TOLERANCE_MS)).state, 'fresh');
  });

  it('is stale from then on, and says since when', () => {
    const after = later(HEAD_DEFAULT_LIFETIME_MS + CLOCK_TOLERANCE_MS + 1);
    assert.deepEqual(freshnessOf(signed, stored, after), { state: 'stale', since: signed.expiresAt });
  });

  it('threat 2: is unknown where no head was ever seen', () => {
    assert.deepEqual(freshnessOf(undefined, stored, now), { state: 'unknown' });
  });

  it('threat 6: is behind where the author has signed more than is stored', () => {
    assert.deepEqual(freshnessOf(signed, { ...head, seq: 1 }, now), { state: 'behind', missingFrom: 2, upTo: 3 });
    assert.deepEqual(freshnessOf(signed, undefined, now), { state: 'behind', missingFrom: 1, upTo: 3 });
  });

  it('is fresh where more is stored than the head speaks of', () => {
    assert.equal(freshnessOf(signed, { ...head, seq: 9 }, now).state, 'fresh');
  });
});
