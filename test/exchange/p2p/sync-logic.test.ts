import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { sha256 } from '../../../src/crypto/digest.ts';
import { SYNC_FRAME_BYTES } from '../../../src/exchange/p2p/limits.ts';
import { marksFor, packFrames, planShipments, sameMark } from '../../../src/exchange/p2p/sync/logic.ts';
import type { Holdings, Mark, Shipment } from '../../../src/exchange/p2p/sync/logic.ts';
import type { AuthorId, FeedHead } from '../../../src/exchange/record/index.ts';

const author = (number: number): AuthorId => `ed25519:${number.toString(16).padStart(64, '0')}`;
const [ALICE, BOB] = [author(1), author(2)];

function head(changes: Partial<FeedHead> = {}): FeedHead {
  const seq = changes.seq ?? 5;
  return { author: ALICE, scope: 'public', recovery: 0, epoch: 0, seq, id: sha256(`record ${seq}`), ...changes };
}

function holding(...heads: FeedHead[]): Holdings {
  return { heads, signed: new Map(), frozen: new Map(), settled: new Map() };
}

function mark(changes: Partial<Mark> = {}): Mark {
  const seq = changes.seq ?? 3;
  const id = seq === 0 ? null : sha256(`record ${seq}`);
  return { author: ALICE, recovery: 0, epoch: 0, seq, id, signed: null, frozen: false, rivals: 0, ...changes };
}

/** Where a signed head is, and when it was issued. */
const at = (seq: number, issuedAt: number, epoch = 0) => ({ recovery: 0, epoch, seq, issuedAt });

/** What a shipment to somebody with this mark says. */
function shipment(seq: number, known: Mark['id'], changes: Partial<Shipment> = {}): Shipment {
  return { author: ALICE, at: { recovery: 0, epoch: 0, seq }, before: null, known, recovery: null, ...changes };
}

const all = (): boolean => true;
const FORK = { recovery: 0, epoch: 0, seq: 5 };

describe('what to ask for', () => {
  it('is one mark for each carried author, those without a record included', () => {
    assert.deepEqual(marksFor([ALICE, BOB, ALICE], holding(head())), [mark({ seq: 5 }), mark({ author: BOB, seq: 0 })]);
  });

  it('says nothing of a private scope', () => {
    assert.deepEqual(marksFor([ALICE], holding(head({ scope: 'c0ffee' }))), [mark({ seq: 0 })]);
  });

  it('says nothing of feeds that are stored but not carried any more', () => {
    assert.deepEqual(marksFor([BOB], holding(head())), [mark({ author: BOB, seq: 0 })]);
  });

  it('leaves out what was said before, whatever of it has changed since', () => {
    const signed = at(3, 7);
    const before = new Map([[ALICE, mark({ signed })]]);
    assert.equal(sameMark(before, mark({ signed: { ...signed } })), true);
    assert.equal(sameMark(before, mark({ author: BOB, signed })), false);
    for (const change of [
      { seq: 4 },
      { epoch: 1 },
      { recovery: 1 },
      { id: sha256('other') },
      { frozen: true },
      { signed: null },
      { signed: at(4, 7) },
      { signed: at(3, 8) },
    ]) {
      assert.equal(sameMark(before, mark({ signed, ...change })), false, JSON.stringify(change));
    }
  });
});

describe('what to send', () => {
  it('is what follows the mark, and the record at the mark where it is another', () => {
    const { shipments, behind } = planShipments([mark()], holding(head()), all);
    assert.deepEqual(shipments, [shipment(3, sha256('record 3'))]);
    assert.deepEqual(behind, []);
  });

  it('is everything for who has nothing', () => {
    const { shipments } = planShipments([mark({ seq: 0 })], holding(head()), all);
    assert.deepEqual(shipments, [shipment(0, null)]);
  });

  it('is nothing for who has the same, and the record itself for who has another at the same place', () => {
    assert.deepEqual(planShipments([mark({ seq: 5 })], holding(head()), all).shipments, []);
    const forked = planShipments([mark({ seq: 5, id: sha256('other') })], holding(head()), all);
    assert.deepEqual(forked.shipments, [shipment(5, sha256('other'))]);
  });

  it('is nothing for who has more, which is a reason to ask in turn', () => {
    assert.deepEqual(planShipments([mark({ seq: 9 })], holding(head()), all), {
      shipments: [],
      behind: [ALICE],
      newerHeads: [],
      proofs: [],
    });
    assert.deepEqual(planShipments([mark()], holding(), all).behind, [ALICE]);
    assert.deepEqual(planShipments([mark({ seq: 0 })], holding(), all).behind, []);
  });

  it('goes by epoch before seq', () => {
    const later = planShipments([mark({ seq: 9 })], holding(head({ epoch: 1, seq: 1 })), all);
    assert.deepEqual(later.shipments, [shipment(9, sha256('record 9'))], 'from the mark on, into the next epoch');
    assert.deepEqual(planShipments([mark({ epoch: 1, seq: 1 })], holding(head()), all).behind, [ALICE]);
  });

  it('passes over private scopes, and feeds that are not carried', () => {
    const nothing = { shipments: [], behind: [], newerHeads: [], proofs: [] };
    assert.deepEqual(planShipments([mark({ seq: 0 })], holding(head({ scope: 'c0ffee' })), all), nothing);
    const frozen = {
      ...holding(head()),
      frozen: new Map([[ALICE, FORK]]),
      signed: new Map([[ALICE, at(5, 1)]]),
    };
    assert.deepEqual(
      planShipments([mark()], frozen, () => false),
      nothing,
    );
  });

  it('names an author once, however often it was asked for', () => {
    assert.equal(planShipments([mark(), mark(), mark({ seq: 0 })], holding(head()), all).shipments.length, 1);
  });

  it('has signed heads that are newer, by place and then by date', () => {
    const ours = { ...holding(head()), signed: new Map([[ALICE, at(5, 100)]]) };
    const sent = (signed: Mark['signed']): boolean =>
      planShipments([mark({ seq: 5, signed })], ours, all).newerHeads.includes(ALICE);
    assert.equal(sent(null), true);
    assert.equal(sent(at(4, 200)), true);
    assert.equal(sent(at(5, 99)), true);
    assert.equal(sent(at(5, 100)), false);
    assert.equal(sent(at(6, 1)), false);
    assert.equal(sent(at(1, 1, 1)), false, 'one of a later epoch is newer, whatever its seq');
  });

  it('has the proof of a fork for who has none, and of the feed only what comes before it', () => {
    const ours = { ...holding(head({ seq: 9 })), frozen: new Map([[ALICE, FORK]]) };
    const plan = planShipments([mark()], ours, all);
    assert.deepEqual(plan.proofs, [ALICE]);
    assert.deepEqual(plan.shipments, [shipment(3, sha256('record 3'), { before: FORK })]);
    assert.deepEqual(planShipments([mark({ seq: 4 })], ours, all).shipments, []);
    assert.deepEqual(planShipments([mark({ seq: 7, id: sha256('other') })], ours, all).shipments, []);
    assert.deepEqual(planShipments([mark({ frozen: true })], ours, all).proofs, []);
  });

  it('is no record and no head for who knows of a fork that we do not: we ask for the proof', () => {
    const signed = at(5, 9);
    const ours = { ...holding(head()), signed: new Map([[ALICE, signed]]) };
    const nothing = { shipments: [], behind: [ALICE], newerHeads: [], proofs: [] };
    assert.deepEqual(planShipments([mark({ frozen: true })], ours, all), nothing);
  });

  it('asks in turn for a head that is newer than ours, and for nothing behind a fork', () => {
    const newer = mark({ seq: 5, signed: at(5, 9) });
    assert.deepEqual(planShipments([newer], holding(head()), all).behind, [ALICE]);
    const forked = { ...holding(head()), frozen: new Map([[ALICE, FORK]]) };
    assert.deepEqual(planShipments([mark({ seq: 9, signed: newer.signed })], forked, all).behind, []);
  });

  it('is a recovery for who is behind it, forked or not; and who is forked asks for one', () => {
    const ours = holding(head({ recovery: 1, epoch: 1, seq: 2 }));
    const recovery = { number: 1, frozen: false };
    assert.deepEqual(planShipments([mark()], ours, all).shipments, [shipment(3, sha256('record 3'), { recovery })]);
    const frozen = planShipments([mark({ frozen: true })], ours, all);
    assert.deepEqual(frozen, {
      shipments: [shipment(3, sha256('record 3'), { recovery: { number: 1, frozen: true } })],
      behind: [],
      newerHeads: [],
      proofs: [],
    });
    const forked = { ...holding(head()), frozen: new Map([[ALICE, FORK]]) };
    assert.deepEqual(planShipments([mark({ recovery: 1, epoch: 1, seq: 1 })], forked, all).behind, [ALICE]);
  });

  it('makes two nodes equal, whoever asks whom, from any two prefixes of a feed', () => {
    fc.assert(
      fc.property(fc.nat(20), fc.nat(20), (a, b) => {
        const own = [a, b].map((seq) => (seq === 0 ? holding() : holding(head({ seq }))));
        const [left, right] = own;
        if (left === undefined || right === undefined) return;
        const asked = marksFor([ALICE], left);
        const { shipments, behind } = planShipments(asked, right, all);
        const received = shipments.flatMap(({ at: { seq } }) =>
          Array.from({ length: b - seq }, (_, index) => seq + 1 + index),
        );
        // Exactly what is missing, in order; or the other side knows that it must ask.
        assert.deepEqual(
          received,
          Array.from({ length: Math.max(0, b - a) }, (_, index) => a + 1 + index),
        );
        assert.equal(behind.length, a > b ? 1 : 0);
      }),
      { seed: 20261123 },
    );
  });
});

describe('packFrames', () => {
  async function pack(sizes: readonly number[]): Promise<number[][]> {
    async function* source() {
      for (const size of sizes) yield new Uint8Array(size);
    }
    const frames: number[][] = [];
    for await (const frame of packFrames(source())) frames.push(frame.map(({ length }) => length));
    return frames;
  }

  it('puts small records together and a large one by itself, in order', async () => {
    const half = SYNC_FRAME_BYTES / 2;
    assert.deepEqual(await pack([1, 2, 3]), [[1, 2, 3]]);
    assert.deepEqual(await pack([half, half, 1]), [[half, half], [1]]);
    assert.deepEqual(await pack([1, SYNC_FRAME_BYTES * 2, 1]), [[1], [SYNC_FRAME_BYTES * 2], [1]]);
    assert.deepEqual(await pack([]), []);
  });
});
