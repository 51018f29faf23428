import assert from 'node:assert/strict';
import { createRedial, dueForDial, nextDial } from '../../../src/exchange/p2p/redial.ts';
import type { DialTarget } from '../../../src/exchange/p2p/redial.ts';

const BACKOFF = { redialBaseMs: 1000, redialMaxMs: 60_000 };
const ALICE: DialTarget = { key: 'alice', addresses: ['/ip4/192.0.2.1/tcp/1'] };

describe('redialling', () => {
  it('waits twice as long each time, up to the maximum, with jitter in the upper half', () => {
    let state = nextDial(undefined, BACKOFF, 0, 1);
    const waits = [state.notBefore];
    for (let n = 0; n < 8; n += 1) {
      state = nextDial(state, BACKOFF, 0, 1);
      waits.push(state.notBefore);
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
    assert.equal(nextDial(undefined, BACKOFF, 500, 0).notBefore, 1000);
    assert.equal(nextDial({ attempts: 5000, notBefore: 0 }, BACKOFF, 0, 1).notBefore, 60_000);
  });

  it('dials who is due: not connected, has an address, has waited', () => {
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

  it('begins anew after a connection, and never dials one peer twice at once', async () => {
    let [time, connected, dials] = [0, false, 0];
    const failures: string[] = [];
    let release = (): void => undefined;
    const turn = createRedial({
      targets: () => [ALICE],
      isConnected: () => connected,
      dial: async () => {
        dials += 1;
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        throw new Error('nobody there');
      },
      onFailure: ({ key }) => failures.push(key),
      backoff: BACKOFF,
      now: () => time,
      random: () => 1,
    });
    const first = turn();
    time = 5000;
    await turn();
    assert.equal(dials, 1, 'the first dial still runs');
    release();
    await first;
    assert.deepEqual(failures, ['alice']);
    const second = turn();
    assert.equal(dials, 2);
    release();
    await second;
    time = 6000;
    await turn();
    assert.equal(dials, 2, 'the second wait is two seconds');
    connected = true;
    await turn();
    connected = false;
    const again = turn();
    assert.equal(dials, 3);
    release();
    await again;
  });
});
