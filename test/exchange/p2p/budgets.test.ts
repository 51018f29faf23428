import assert from 'node:assert/strict';
import { createAnswering, createGate } from '../../../src/exchange/p2p/answering.ts';
import { createBudgets } from '../../../src/exchange/p2p/budgets.ts';
import { isOneTooMany } from '../../../src/exchange/p2p/libp2p/crowd.ts';
import {
  ANSWERING_MAX,
  ANSWERING_MAX_OF_STRANGERS,
  ANSWERING_MAX_PER_PEER,
  BUDGETS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_OF_STRANGERS,
  MAX_RELAYED_OF_STRANGERS,
  RELAY,
} from '../../../src/exchange/p2p/limits.ts';
import { decodeAnswer, encodeAnswer } from '../../../src/exchange/p2p/sync/messages.ts';

function world(friends: readonly string[] = []) {
  const clock = { now: 1_000_000 };
  return {
    clock,
    budgets: createBudgets(
      (peer) => friends.includes(peer),
      () => clock.now,
    ),
  };
}

describe('budgets', () => {
  it('limit bytes and refused records of each peer, say so with the limit, and come back with time', () => {
    const { budgets, clock } = world();
    const { burst } = BUDGETS.stranger.sent;
    assert.deepEqual(budgets.take('a', 'sent', burst), { allowed: true });
    const no = budgets.take('a', 'sent', 1024);
    assert.ok(!no.allowed);
    assert.match(no.limit, /at most 16777216 bytes at once, then 262144 a second/);
    clock.now += no.retryAfterMs;
    assert.deepEqual(budgets.take('a', 'sent', 1024), { allowed: true });
    assert.deepEqual(budgets.take('b', 'sent', 1024), { allowed: true });
  });

  it('threat 21: limit friends too, more widely, and never for ever', () => {
    const { budgets, clock } = world(['alice']);
    for (let n = 0; n < BUDGETS.friend.refused.burst; n += 1) budgets.take('alice', 'refused', 1);
    const no = budgets.left('alice', 'refused');
    assert.ok(!no.allowed && no.retryAfterMs <= BUDGETS.friend.refused.intervalMs);
    clock.now += BUDGETS.friend.refused.intervalMs;
    assert.deepEqual(budgets.left('alice', 'refused'), { allowed: true });
  });

  it('threat 19: give all strangers together one more budget, however many they are; friends are not in it', () => {
    const { budgets } = world(['alice']);
    const { burst } = BUDGETS.stranger.sent;
    let served = 0;
    for (let sybil = 0; sybil < 1000; sybil += 1)
      if (budgets.take(`sybil ${sybil}`, 'sent', burst).allowed) served += 1;
    assert.equal(served, BUDGETS.allStrangers.sent.burst / burst);
    const no = budgets.take('another', 'sent', burst);
    assert.ok(!no.allowed);
    assert.match(no.limit, /for all strangers together/);
    assert.deepEqual(budgets.take('alice', 'sent', burst), { allowed: true });
  });
});

describe('answering', () => {
  it('threat 22: stops in the middle of an answer that costs more than the asker may, and states the limit', async () => {
    const { budgets } = world();
    const frame = new Uint8Array(1024 * 1024);
    const answering = createAnswering(
      { budgets, now: () => 0, onTrouble: () => undefined },
      {
        id: 'test',
        limit: { burst: 10, intervalMs: 1000 },
        refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
        async *respond() {
          for (let n = 0; n < 100; n += 1) yield frame;
        },
      },
    );
    const frames: Uint8Array[] = [];
    for await (const one of answering(new Uint8Array(5), { peerId: 'stranger', author: null })) frames.push(one);
    assert.equal(frames.length, BUDGETS.stranger.sent.burst / frame.length + 1);
    const last = decodeAnswer(frames.at(-1) ?? new Uint8Array());
    assert.ok(last.case === 'refusal' && last.value.retryAfterMs > 0);
    assert.match(last.value.detail, /bytes at once/);
  });

  it('is for so many requests at once, of one peer and of all', () => {
    const gate = createGate(() => true);
    for (let n = 0; n < ANSWERING_MAX_PER_PEER; n += 1) assert.equal(gate.enter('a'), undefined);
    assert.match(gate.enter('a') ?? '', new RegExp(`${ANSWERING_MAX_PER_PEER} requests of one peer`));
    gate.leave('a');
    assert.equal(gate.enter('a'), undefined);
    for (let n = ANSWERING_MAX_PER_PEER; n < ANSWERING_MAX; n += 1) assert.equal(gate.enter(`peer ${n}`), undefined);
    assert.match(gate.enter('late') ?? '', new RegExp(`${ANSWERING_MAX} requests at once`));
    gate.leave('a');
    assert.equal(gate.enter('late'), undefined);
  });

  it('threat 19: is for so many requests and connections of strangers, and a friend always finds room', () => {
    const isFriend = (peer: string): boolean => peer === 'friend';
    const gate = createGate(isFriend);
    for (let n = 0; n < ANSWERING_MAX_OF_STRANGERS; n += 1) assert.equal(gate.enter(`stranger ${n}`), undefined);
    assert.match(gate.enter('one more') ?? '', /requests of strangers/);
    assert.equal(gate.enter('friend'), undefined);
    gate.leave('friend');
    assert.match(gate.enter('one more') ?? '', /requests of strangers/);
    gate.leave('stranger 0');
    assert.equal(gate.enter('one more'), undefined);

    const from = (peer: string, direction: 'inbound' | 'outbound' = 'inbound', relayed = false) => ({
      peer,
      direction,
      relayed,
    });
    const all = Array.from({ length: MAX_CONNECTIONS_OF_STRANGERS }, (_, n) => from(`stranger ${n}`));
    const closes = (one: ReturnType<typeof from>): boolean => isOneTooMany(one, [...all, one], isFriend);
    assert.deepEqual([closes(from('one more')), closes(from('friend'))], [true, false]);
    assert.equal(closes(from('one more', 'outbound')), false, 'this node has dialled it');
    all.pop();
    assert.equal(closes(from('one more')), false);
    const circuits = Array.from({ length: MAX_RELAYED_OF_STRANGERS + 1 }, (_, n) => from(`${n}`, 'inbound', true));
    assert.equal(isOneTooMany(circuits[0] ?? from(''), circuits, isFriend), true);
    assert.equal(isOneTooMany(from('one more'), [...circuits, from('one more')], isFriend), false, 'it came directly');
    assert.equal(isOneTooMany(from('friend', 'inbound', true), circuits, isFriend), false);
    assert.ok(MAX_CONNECTIONS_OF_STRANGERS < MAX_CONNECTIONS && MAX_RELAYED_OF_STRANGERS < RELAY.circuits);
  });
});
