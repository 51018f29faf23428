import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import { answerMessage, ItemSet, Reconciliation, type Item } from '../../../src/exchange/reconcile/index.ts';

interface Session {
  readonly what: string;
  readonly size: number;
  readonly spread: number;
  readonly askerLacks: readonly number[];
  readonly answererLacks: readonly number[];
  /** Hexadecimal. */
  readonly messages: readonly { readonly ask: string; readonly answer: string }[];
}

/** One side was ours, the other the reference implementation, and a message had at most `limit` bytes. */
interface LimitedSession extends Session {
  readonly ours: 'asker' | 'answerer';
  readonly limit: number;
}

const vectorsIn = (file: string): string => readFileSync(path.join(import.meta.dirname, '../../vectors', file), 'utf8');

const SESSIONS: readonly Session[] = JSON.parse(vectorsIn('negentropy.json'));
const LIMITED: readonly LimitedSession[] = JSON.parse(vectorsIn('negentropy-limited.json'));

const NO_LIMIT = 1_000_000;

function idOf(number: number): Uint8Array {
  return createHash('sha256').update(`item ${number}`).digest();
}

function setOf(numbers: readonly number[], spread = 1): ItemSet {
  const items = numbers.map((number): Item => ({ timestamp: (number * 7919) % spread, id: idOf(number) }));
  return new ItemSet(items);
}

function all(size: number, without: readonly number[] = []): number[] {
  const lacking = new Set(without);
  return Array.from({ length: size }, (_, number) => number).filter((number) => !lacking.has(number));
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const sortedHex = (ids: readonly Uint8Array[]): string[] => ids.map(hex).sort();

/** Both sides, to the end. */
function reconcile(asker: ItemSet, answerer: ItemSet, maxBytes: number) {
  const asking = new Reconciliation(asker, maxBytes);
  const have: Uint8Array[] = [];
  const need: Uint8Array[] = [];
  const sizes: number[] = [];
  let rounds = 0;
  for (let ask: Uint8Array | undefined = asking.first(); ask !== undefined; rounds += 1) {
    assert.ok(rounds < 1000, 'it does not come to an end');
    const answer = answerMessage(answerer, ask, maxBytes);
    sizes.push(ask.length, answer.length);
    const learned = asking.take(answer);
    have.push(...learned.have);
    need.push(...learned.need);
    ask = learned.next;
  }
  return { have, need, rounds, sizes };
}

describe('reconciling two sets', () => {
  for (const { what, size, spread, askerLacks, answererLacks, messages } of SESSIONS) {
    it(`says, byte for byte, what the reference implementation says: ${what}`, () => {
      const asking = new Reconciliation(setOf(all(size, askerLacks), spread), NO_LIMIT);
      const answering = setOf(all(size, answererLacks), spread);
      const [have, need]: [Uint8Array[], Uint8Array[]] = [[], []];
      let ask: Uint8Array | undefined = asking.first();
      for (const recorded of messages) {
        assert.ok(ask !== undefined);
        assert.equal(hex(ask), recorded.ask);
        const answer = answerMessage(answering, ask, NO_LIMIT);
        assert.equal(hex(answer), recorded.answer);
        const learned = asking.take(answer);
        have.push(...learned.have);
        need.push(...learned.need);
        ask = learned.next;
      }
      assert.equal(ask, undefined);
      assert.deepEqual(sortedHex(have), sortedHex(answererLacks.map(idOf)));
      assert.deepEqual(sortedHex(need), sortedHex(askerLacks.map(idOf)));
    });
  }

  for (const { what, ours, limit, size, spread, askerLacks, answererLacks, messages } of LIMITED) {
    it(`comes to an end with the reference implementation in messages of ${limit} bytes, as ${ours}: ${what}`, () => {
      const asking = new Reconciliation(setOf(all(size, askerLacks), spread), limit);
      const answering = setOf(all(size, answererLacks), spread);
      const [have, need]: [Uint8Array[], Uint8Array[]] = [[], []];
      const first = hex(asking.first());
      for (const [index, { ask, answer }] of messages.entries()) {
        if (ours === 'answerer') assert.equal(hex(answerMessage(answering, Buffer.from(ask, 'hex'), limit)), answer);
        else if (index === 0) assert.equal(first, ask);
        const learned = asking.take(Buffer.from(answer, 'hex'));
        have.push(...learned.have);
        need.push(...learned.need);
        const next = messages[index + 1];
        if (ours === 'asker') assert.equal(learned.next && hex(learned.next), next?.ask);
        for (const message of [ask, answer]) assert.ok(message.length <= 2 * limit);
      }
      assert.deepEqual(sortedHex(have), sortedHex(answererLacks.map(idOf)));
      assert.deepEqual(sortedHex(need), sortedHex(askerLacks.map(idOf)));
      // Without the limit it would have been fewer, and longer ones.
      const { sizes } = reconcile(setOf(all(size, askerLacks), spread), answering, NO_LIMIT);
      assert.ok(sizes.some((bytes) => bytes > limit));
    });
  }

  it('finds every difference, whatever the sets and the limit of a message', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 3000 }),
        fc.uniqueArray(fc.nat(2999), { maxLength: 400 }),
        fc.uniqueArray(fc.nat(2999), { maxLength: 400 }),
        fc.constantFrom(1, 5, 1_000_000),
        fc.constantFrom(4096, 10_000, NO_LIMIT),
        (size, askerLacks, answererLacks, spread, maxBytes) => {
          const asker = all(size, askerLacks);
          const answerer = all(size, answererLacks);
          const { have, need, sizes } = reconcile(setOf(asker, spread), setOf(answerer, spread), maxBytes);
          const [inAsker, inAnswerer] = [new Set(asker), new Set(answerer)];
          assert.deepEqual(sortedHex(have), sortedHex(asker.filter((one) => !inAnswerer.has(one)).map(idOf)));
          assert.deepEqual(sortedHex(need), sortedHex(answerer.filter((one) => !inAsker.has(one)).map(idOf)));
          for (const bytes of sizes) assert.ok(bytes <= maxBytes, `a message of ${bytes} bytes`);
        },
      ),
      { seed: 61, numRuns: 60 },
    );
  });

  it('moves little where little differs', () => {
    const { rounds, sizes } = reconcile(setOf(all(20_000, [7, 77, 777])), setOf(all(20_000, [8, 888])), 48 * 1024);
    assert.ok(rounds <= 3);
    assert.ok(sizes.reduce((sum, bytes) => sum + bytes) < 32 * 1024);
  });

  it('counts an item once that was put in twice', () => {
    assert.equal(new ItemSet([{ id: idOf(1) }, { id: idOf(2) }, { id: idOf(1) }]).size, 2);
  });

  it('takes no item that has no place in the order', () => {
    assert.throws(() => new ItemSet([{ id: new Uint8Array(31) }]), TypeError);
    for (const timestamp of [-1, 0.5, Number.POSITIVE_INFINITY]) {
      assert.throws(() => new ItemSet([{ timestamp, id: idOf(1) }]), TypeError);
    }
  });

  it('answers another version with its own', () => {
    assert.deepEqual(answerMessage(setOf([1]), Uint8Array.of(0x62, 1, 2, 3), NO_LIMIT), Uint8Array.of(0x61));
  });

  const bad = { code: 'reconcile/bad-message' };
  for (const [what, message] of [
    ['no version', ''],
    ['no version of the protocol', '20'],
    ['half a bound', '6101'],
    ['an id prefix that is too long', `610121${'00'.repeat(33)}00`],
    ['an unknown mode', '61000003'],
    ['half a fingerprint', '61000001aabb'],
    ['more ids announced than there are', `610000028fffff7f${'00'.repeat(32)}`],
    ['a number without end', `61${'ff'.repeat(40)}`],
    ['a number with a leading zero', '6180010000'],
    ['bounds out of order', '610101050001010400'],
    ['a range after the end of everything', '61000000050000'],
  ] as const) {
    it(`refuses a message with ${what}`, () => {
      const bytes = Buffer.from(message, 'hex');
      assert.throws(() => answerMessage(setOf(all(100)), bytes, NO_LIMIT), bad);
      assert.throws(() => new Reconciliation(setOf(all(100)), NO_LIMIT).take(bytes), bad);
    });
  }

  it('answers or refuses whatever bytes come, within its limit', () => {
    const set = setOf(all(300), 10);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (noise) => {
        for (const message of [noise, Uint8Array.of(0x61, ...noise)]) {
          try {
            assert.ok(answerMessage(set, message, 4096).length <= 4096);
          } catch (error) {
            assert.equal((error as { code?: string }).code, 'reconcile/bad-message');
          }
        }
      }),
      { seed: 62, numRuns: 2000 },
    );
  });
});
