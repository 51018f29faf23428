/** Dials back; that they are dials is shown where there are public addresses, in test/nat. */
import assert from 'node:assert/strict';
import { multiaddr } from '@multiformats/multiaddr';
import { DIAL_BACKS } from '../../../src/exchange/p2p/limits.ts';
import { createDialBackLimit, realDials } from '../../../src/exchange/p2p/libp2p/dial-back.ts';

describe('dials back', () => {
  it('threat 19: are made for one host and for all together so often and no more', () => {
    let now = 0;
    const mayDial = createDialBackLimit(() => now);
    const asks = (host: number, port: number): boolean => mayDial(multiaddr(`/ip4/11.0.0.${host}/tcp/${port}`));
    const made = (host: number, times: number): number =>
      Array.from({ length: times }, (_, port) => asks(host, port + 1)).filter(Boolean).length;
    assert.equal(made(1, 100), DIAL_BACKS.ofHost.burst, 'whatever the port');
    now += DIAL_BACKS.ofHost.intervalMs;
    assert.equal(made(1, 2), 1, 'one has come back');

    now = 1e9;
    let all = 0;
    for (let host = 1; host < 255; host += 1) all += made(host, 1);
    assert.equal(all, DIAL_BACKS.ofAll.burst);
    now += DIAL_BACKS.ofAll.intervalMs;
    assert.equal(made(1, 2), 1);
  });

  it('are new connections, though there is one, until there were too many', async () => {
    const opened: unknown[] = [];
    const stop = new Error('not here');
    const open = realDials(
      async (_, options) => {
        opened.push(options);
        throw stop;
      },
      () => 0,
    );
    const address = multiaddr('/ip4/11.0.0.1/tcp/1');
    for (let time = 0; time < DIAL_BACKS.ofHost.burst; time += 1) await assert.rejects(open(address, {}), stop);
    assert.deepEqual(
      opened,
      Array.from({ length: DIAL_BACKS.ofHost.burst }, () => ({ force: true })),
    );
    await assert.rejects(open(address, {}), { code: 'exchange/too-many-dial-backs' });
    await assert.rejects(open([address], {}), stop, 'a node to ask, not one to dial back');
    assert.deepEqual(opened.at(-1), {});
  });
});
