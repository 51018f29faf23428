/** Out of relays, on loopback: worth a dial is here every address that is not the relay's. */
import assert from 'node:assert/strict';
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import { identify, type Identify } from '@libp2p/identify';
import type { Libp2p } from '@libp2p/interface';
import { tcp } from '@libp2p/tcp';
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { SHORTCUT_MAX_ADDRESSES } from '../../../src/exchange/p2p/limits.ts';
import { isRelayed } from '../../../src/exchange/p2p/libp2p/relay.ts';
import { acrossShortcut, createShortcuts, type Shortcuts } from '../../../src/exchange/p2p/libp2p/shortcuts.ts';
import { eventually } from '../../support/node.ts';
import { onLoopback } from './foreign-node.ts';
import { seedOf } from './nodes.ts';

type Node = Libp2p<{ readonly identify: Identify }>;

const isCircuit = (address: Multiaddr): boolean => isRelayed(address.toString());

describe('shortcuts', function () {
  this.timeout(60_000);
  const started: Libp2p[] = [];
  let stopping: AbortController;
  /** Reached through a relay, and somewhere else too. */
  let hidden: Node;
  /** Where `hidden` listens, and where it says that it is reached beside the relay. */
  let own: Multiaddr, told: readonly Multiaddr[];
  let caller: Node;
  /** What went wrong, and how often `caller` has heard what `hidden` says of itself. */
  let troubles: string[], met: number;

  const keep = <T extends Libp2p>(node: T): T => {
    started.push(node);
    return node;
  };

  beforeEach(async () => {
    stopping = new AbortController();
    [told, troubles, met] = [[], [], 0];
    const relay = keep(
      await createLibp2p({
        ...(await onLoopback(seedOf(30))),
        services: { identify: identify(), relay: circuitRelayServer() },
      }),
    );
    const { addresses, ...parts } = await onLoopback(seedOf(1));
    const transports = [tcp(), circuitRelayTransport()];
    hidden = keep(
      await createLibp2p({
        ...parts,
        addresses: {
          listen: [...addresses.listen, `${relay.getMultiaddrs().join()}/p2p-circuit`],
          announceFilter(all) {
            own = all.find((address) => !isCircuit(address)) ?? own;
            return [...all.filter(isCircuit), ...told];
          },
        },
        transports,
        services: { identify: identify() },
      }),
    );
    caller = keep(
      await createLibp2p({
        ...(await onLoopback(seedOf(2))),
        addresses: { listen: [] },
        transports,
        services: { identify: identify() },
      }),
    );
  });

  afterEach(async () => {
    stopping.abort();
    for (const node of started.splice(0).toReversed()) await node.stop();
  });

  /** The caller is connected through the relay, and has heard what the hidden node says of itself. */
  const meetThroughRelay = async (isFriend: boolean, askAgainMs?: number): Promise<Shortcuts> => {
    const shortcuts = createShortcuts({
      node: caller,
      isFriend: (peer) => isFriend && peer === hidden.peerId.toString(),
      mayBeDialled: (address) => !isCircuit(address),
      ...(askAgainMs !== undefined && { askAgainMs }),
      onTrouble: (what) => troubles.push(what),
      stopping: stopping.signal,
    });
    caller.addEventListener('peer:identify', ({ detail }) => {
      shortcuts.met(detail.peerId);
      if (detail.peerId.equals(hidden.peerId)) met += 1;
    });
    const places = await eventually(
      async () => hidden.getMultiaddrs().filter(isCircuit),
      (all) => all.length > 0,
    );
    await caller.dial(places);
    await metAgain(0);
    return shortcuts;
  };
  const metAgain = (before: number) =>
    eventually(
      async () => met,
      (times) => times > before,
    );
  const connections = () => caller.getConnections(hidden.peerId).map(({ remoteAddr }) => remoteAddr.toString());
  const isRelayedOnly = (): boolean => connections().length > 0 && connections().every(isRelayed);
  const isDirectOnly = () =>
    eventually(
      async () => connections(),
      (all) => all.length > 0 && !all.some(isRelayed),
    );

  it('are taken when a friend who was relayed says where else they are reached', async () => {
    const shortcuts = await meetThroughRelay(true);
    assert.ok(isRelayedOnly(), 'nothing is known to dial');
    told = [own];
    shortcuts.tryAgain();
    await isDirectOnly();
    assert.deepEqual(troubles, []);
  });

  it('are looked for once more a moment after they have met', async () => {
    await meetThroughRelay(true, 500);
    told = [own];
    await isDirectOnly();
  });

  it('cut what runs on the circuit, and it is done once more', async () => {
    const shortcuts = await meetThroughRelay(true);
    told = [own];
    let times = 0;
    const work = async (): Promise<string> => {
      times += 1;
      if (times > 1) return 'done';
      shortcuts.tryAgain();
      await isDirectOnly();
      throw new Error('cut');
    };
    assert.equal(await acrossShortcut(caller, hidden.peerId, work, stopping.signal), 'done');
    // What goes wrong otherwise goes wrong once.
    times = 0;
    const fails = async (): Promise<void> => {
      times += 1;
      throw new Error('of itself');
    };
    await assert.rejects(acrossShortcut(caller, hidden.peerId, fails, stopping.signal), /of itself/);
    assert.equal(times, 1);
  });

  it('are not for strangers', async () => {
    told = [own];
    const shortcuts = await meetThroughRelay(false);
    shortcuts.tryAgain();
    for (const connection of caller.getConnections(hidden.peerId)) await caller.services.identify.identify(connection);
    assert.ok(met > 1 && isRelayedOnly());
  });

  it('dial a bounded number of addresses, and once where nobody answers', async () => {
    // Nothing listens there: who dials is refused at once. libp2p sorts addresses, and these come first.
    const nowhere = Array.from({ length: SHORTCUT_MAX_ADDRESSES }, (_, index) =>
      multiaddr(`/ip4/127.0.0.1/tcp/${index + 11}`),
    );
    told = [...nowhere, own];
    const shortcuts = await meetThroughRelay(true);
    await eventually(
      async () => troubles,
      (all) => all.length > 0,
    );
    const before = met;
    shortcuts.tryAgain();
    await metAgain(before);
    assert.deepEqual(troubles, ['leaving a relay']);
    assert.ok(isRelayedOnly());
    told = [own];
    shortcuts.tryAgain();
    await isDirectOnly();
  });
});
