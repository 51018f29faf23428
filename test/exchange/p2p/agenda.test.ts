import assert from 'node:assert/strict';
import * as fc from 'fast-check';
import { Agenda } from '../../../src/exchange/p2p/agenda.ts';
import type { Task } from '../../../src/exchange/p2p/agenda.ts';
import { dueForDial, nextDial } from '../../../src/exchange/p2p/dialling.ts';
import type { DialTarget } from '../../../src/exchange/p2p/dialling.ts';

const TIMING = { syncIntervalMs: 60_000, syncRetryMs: 1000, redialBaseMs: 1000, redialMaxMs: 60_000, settleMs: 200 };
const ALICE: DialTarget = { key: 'alice', addresses: ['/ip4/192.0.2.1/tcp/1'] };

function agendaAt(start = 0, targets: readonly DialTarget[] = []) {
  const world = { time: start, connected: false };
  const agenda = new Agenda({
    timing: TIMING,
    targets: () => targets,
    isConnected: () => world.connected,
    now: () => world.time,
    random: () => 0.5,
  });
  const due = (): string[] => agenda.due().map(nameOf);
  return { agenda, world, due };
}

function nameOf(task: Task): string {
  return task.do === 'sync' ? `sync ${task.peer}` : `dial ${task.target.key}`;
}

describe('whom to dial', () => {
  it('waits twice as long each time, up to the maximum, with jitter in the upper half', () => {
    let state = nextDial(undefined, TIMING, 0, 1);
    const waits = [state.notBefore];
    for (let n = 0; n < 8; n += 1) {
      state = nextDial(state, TIMING, 0, 1);
      waits.push(state.notBefore);
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    assert.equal(nextDial(undefined, TIMING, 500, 0).notBefore, 1000);
    assert.equal(nextDial({ attempts: 5000, notBefore: 0 }, TIMING, 0, 1).notBefore, 60_000);
  });

  it('is who is due: not connected, has an address, has waited', () => {
    const nowhere: DialTarget = { key: 'bob', addresses: [] };
    const states = new Map([['alice', { attempts: 1, notBefore: 100 }]]);
    const never = (): boolean => false;
    assert.deepEqual(dueForDial([ALICE, nowhere], new Map(), never, 0), [ALICE]);
    assert.deepEqual(dueForDial([ALICE], states, never, 99), []);
    assert.deepEqual(dueForDial([ALICE], states, never, 100), [ALICE]);
    assert.deepEqual(
      dueForDial([ALICE], new Map(), () => true, 0),
      [],
    );
  });

  it('begins anew after a connection, and is never dialled twice at once', () => {
    const { agenda, world, due } = agendaAt(0, [ALICE]);
    assert.deepEqual(due(), ['dial alice']);
    world.time = 5000;
    assert.deepEqual(due(), [], 'the first dial still runs');
    agenda.dialEnded('alice');
    world.time = 6000;
    assert.deepEqual(due(), ['dial alice']);
    agenda.dialEnded('alice');
    world.time = 7000;
    assert.deepEqual(due(), [], 'the second wait is longer');
    world.connected = true;
    world.time = 8000;
    assert.deepEqual(due(), []);
    world.connected = false;
    world.time = 9000;
    assert.deepEqual(due(), ['dial alice']);
  });
});

describe('when to sync', () => {
  it('is on connect, once at a time, then on the timer', () => {
    const { agenda, world, due } = agendaAt();
    agenda.connected('bob');
    assert.deepEqual(due(), ['sync bob']);
    agenda.want('bob');
    assert.deepEqual(due(), [], 'one runs');
    agenda.syncEnded('bob');
    assert.deepEqual(due(), ['sync bob'], 'what was wanted meanwhile');
    agenda.syncEnded('bob');
    world.time = TIMING.syncIntervalMs - 1;
    assert.deepEqual(due(), []);
    world.time = agenda.wakeAt();
    while (due().length === 0) world.time = agenda.wakeAt();
    assert.ok(world.time >= TIMING.syncIntervalMs * 0.9 && world.time <= TIMING.syncIntervalMs * 1.1);
  });

  it('is later after a failure, as late as the peer said, and at once where a person wants it', () => {
    const { agenda, world, due } = agendaAt();
    agenda.connected('bob');
    due();
    agenda.syncEnded('bob', { retryAfterMs: 5000 });
    agenda.want('bob');
    world.time = 4999;
    assert.deepEqual(due(), []);
    world.time = 5000;
    assert.deepEqual(due(), ['sync bob']);
    agenda.syncEnded('bob', { retryAfterMs: 0 });
    assert.deepEqual(due(), []);
    agenda.demand('bob');
    assert.deepEqual(due(), ['sync bob']);
  });

  it('is a moment after news, with everybody but whom they came from, once for many', () => {
    const { agenda, world, due } = agendaAt();
    for (const peer of ['bob', 'carol', 'dave']) {
      agenda.connected(peer);
      due();
      agenda.syncEnded(peer);
    }
    agenda.news('bob');
    world.time += 100;
    agenda.news('bob');
    assert.deepEqual(due(), []);
    world.time += 100;
    assert.deepEqual(due(), ['sync carol', 'sync dave']);
    for (const peer of ['carol', 'dave']) agenda.syncEnded(peer);
    assert.deepEqual(due(), []);
  });

  it('is never with a peer that has gone', () => {
    const { agenda, due } = agendaAt();
    agenda.connected('bob');
    agenda.disconnected('bob');
    agenda.want('bob');
    agenda.syncEnded('bob', { retryAfterMs: 0 });
    assert.deepEqual(due(), []);
    assert.deepEqual(agenda.peers, []);
  });

  it('never runs two with one peer, nor sleeps through what is due, whatever happens in whatever order', () => {
    const event = fc.oneof(
      fc.record({
        what: fc.constantFrom('want', 'demand', 'end', 'fail', 'news', 'connect', 'leave'),
        peer: fc.nat(2),
      }),
      fc.record({ what: fc.constant('wait'), peer: fc.nat(70_000) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const { agenda, world } = agendaAt();
        const running = new Set<string>();
        for (const { what, peer: number } of events) {
          const peer = `peer ${number}`;
          if (what === 'want') agenda.want(peer);
          if (what === 'demand') agenda.demand(peer);
          if (what === 'news') agenda.news(peer);
          if (what === 'connect') agenda.connected(peer);
          if (what === 'leave') {
            agenda.disconnected(peer);
            running.delete(peer);
          }
          if (what === 'end' && running.delete(peer)) agenda.syncEnded(peer);
          if (what === 'fail' && running.delete(peer)) agenda.syncEnded(peer, { retryAfterMs: 10 });
          if (what === 'wait') world.time = Math.min(world.time + number, Math.max(world.time, agenda.wakeAt()));
          for (const task of agenda.due()) {
            assert.ok(task.do === 'sync' && !running.has(task.peer));
            running.add(task.peer);
          }
          assert.ok(agenda.wakeAt() > world.time, 'nothing that is due is left');
        }
      }),
      { seed: 20261127 },
    );
  });
});
