import assert from 'node:assert/strict';
import { circuitRelayServer } from '@libp2p/circuit-relay-v2';
import { identify } from '@libp2p/identify';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromString } from '@libp2p/peer-id';
import { ping } from '@libp2p/ping';
import { multiaddr } from '@multiformats/multiaddr';
import { createLibp2p } from 'libp2p';
import { RELAY } from '../../../src/exchange/p2p/limits.ts';
import { peerIdOf } from '../../../src/exchange/p2p/libp2p/peer-identity.ts';
import { createRelayGater, hostIn, placesOf, reachabilityOf } from '../../../src/exchange/p2p/libp2p/relay.ts';
import { onLoopback } from './foreign-node.ts';
import { authorOfSeed, createNodes, seedOf, seqOf, type TestNode } from './nodes.ts';

/** A relay of somebody else's making, with its own limit on what one circuit may carry. */
async function startForeignRelay(circuitBytes: number) {
  return createLibp2p({
    ...(await onLoopback(seedOf(30))),
    services: {
      identify: identify(),
      ping: ping(),
      relay: circuitRelayServer({ reservations: { defaultDataLimit: BigInt(circuitBytes) } }),
    },
  });
}

function circuitOf(node: TestNode): string {
  const address = node.exchange.addresses().find((one) => one.includes('/p2p-circuit'));
  assert.ok(address, 'it is reached through no relay');
  return address;
}

describe('a node that nobody can dial', function () {
  this.timeout(60_000);
  const nodes = createNodes();
  afterEach(() => nodes.clean());

  it('is reached through a bootstrap node, and syncs both ways', async () => {
    const relay = await nodes.start({ seed: 20, role: 'bootstrap' });
    const bootstrap = [relay.address];
    const hidden = await nodes.start({ seed: 1, bootstrap, listen: [] });
    assert.equal(hidden.exchange.reachability(), 'unknown');
    await nodes.until(() => hidden.exchange.reachability() === 'relayed');
    await hidden.write();

    const reader = await nodes.start({ seed: 2, following: [hidden.author] });
    await reader.exchange.connect(circuitOf(hidden));
    assert.equal(await seqOf(reader, hidden.author), 1);
    await hidden.write();
    const record = await hidden.write();
    await hidden.exchange.announce(record);
    await nodes.until(async () => (await seqOf(reader, hidden.author)) === 3);
  });

  it('takes its place again when the relay comes back', async () => {
    const relay = await nodes.start({ seed: 20, role: 'bootstrap' });
    const hidden = await nodes.start({ seed: 1, bootstrap: [relay.address], listen: [] });
    await nodes.until(() => hidden.exchange.reachability() === 'relayed');
    await relay.stop();
    await nodes.until(() => hidden.exchange.reachability() === 'unknown');
    // It has tried, and found nobody.
    await nodes.until(() => hidden.troubles.some(({ what }) => what === 'dialling'));
    const port = relay.address.split('/')[4];
    await nodes.start({ seed: 20, role: 'bootstrap', listen: [`/ip4/127.0.0.1/tcp/${port}`] });
    await nodes.until(() => hidden.exchange.reachability() === 'relayed');
    const reader = await nodes.start({ seed: 2, following: [hidden.author] });
    await reader.exchange.connect(circuitOf(hidden));
  });

  it('gets through a relay that carries little at a time, by dialling again', async () => {
    const limit = 160 * 1024;
    const relay = await startForeignRelay(limit);
    try {
      const bootstrap = relay.getMultiaddrs().map(String);
      const hidden = await nodes.start({ seed: 1, bootstrap, listen: [] });
      let bytes = 0;
      while (bytes < 2 * limit) bytes += (await hidden.write()).envelope.length;
      const written = await seqOf(hidden, hidden.author);
      await nodes.until(() => hidden.exchange.reachability() === 'relayed');
      const trusted = [{ author: hidden.author, addresses: [circuitOf(hidden)] }];
      const reader = await nodes.start({ seed: 2, following: [hidden.author], trusted: () => trusted });
      await nodes.until(async () => (await seqOf(reader, hidden.author)) === written);
    } finally {
      await relay.stop();
    }
  });

  it('takes no place at a stranger’s relay, not even where it is dialled through it', async () => {
    const relay = await startForeignRelay(1024 * 1024);
    try {
      const hidden = await nodes.start({ seed: 1, listen: ['/ip4/127.0.0.1/tcp/0'] });
      const [own] = hidden.exchange.addresses();
      await relay.dial(multiaddr(own));
      const stranger = peerIdFromString(peerIdOf(authorOfSeed(2))).toMultihash().bytes;
      const request = { type: 'CONNECT', peer: { id: stranger, addrs: [] } };
      // What the relay does when somebody wants to be put through.
      const [connection] = relay.getConnections();
      assert.ok(connection);
      const answered = Reflect.get(relay.services.relay, 'stopHop') as (
        options: object,
        signal: object,
      ) => Promise<unknown>;
      const through = await answered.call(
        relay.services.relay,
        { connection, request },
        { signal: AbortSignal.timeout(20_000) },
      );
      assert.equal(through, undefined, 'a circuit was made');
      assert.deepEqual(hidden.exchange.addresses(), [own]);
      assert.equal(hidden.exchange.reachability(), 'unknown');
    } finally {
      await relay.stop();
    }
  });
});

describe('a relay', () => {
  const peers = new Map<number, PeerId>();
  const peer = (number: number): PeerId => {
    const known = peers.get(number) ?? peerIdFromString(peerIdOf(authorOfSeed(number)));
    peers.set(number, known);
    return known;
  };

  it('threat 19: gives places and circuits by host and in all, however many keys somebody has', async () => {
    const addr = multiaddr('/ip4/192.0.2.1/tcp/4001');
    const taken: [PeerId, { addr: typeof addr }][] = [];
    const gater = createRelayGater({
      places: () => taken,
      // Those from 1 on have one host, and each ten from 200 on.
      hostsOf: (one) => {
        const number = [...peers].find(([, other]) => other.equals(one))?.[0] ?? 0;
        return [number < 200 ? '192.0.2.1' : `198.51.100.${Math.floor(number / 10)}`];
      },
      now: () => 0,
    });
    for (let number = 1; number <= RELAY.placesOfHost; number += 1) {
      assert.equal(await gater.denyInboundRelayReservation?.(peer(number)), false);
      taken.push([peer(number), { addr }]);
    }
    assert.equal(await gater.denyInboundRelayReservation?.(peer(100)), true);
    assert.equal(await gater.denyInboundRelayReservation?.(peer(1)), false, 'who has one renews it');
    assert.equal(await gater.denyInboundRelayReservation?.(peer(200)), false, 'another host');

    const asks = async (number: number) => gater.denyOutboundRelayedConnection?.(peer(number), peer(250));
    for (let count = 0; count < RELAY.circuitsOfPeer.burst; count += 1) assert.equal(await asks(1), false);
    assert.equal(await asks(1), true);
    assert.equal(await asks(2), false, 'another peer');
    let given = RELAY.circuitsOfPeer.burst + 1;
    const ask = async (from: number, to: number): Promise<void> => {
      for (let number = from; number < to; number += 1) {
        for (let count = 0; count < RELAY.circuitsOfPeer.burst; count += 1) if (!(await asks(number))) given += 1;
      }
    };
    await ask(3, 25);
    assert.equal(given, RELAY.circuitsOfHost.burst, 'of one host');
    await ask(200, 250);
    assert.equal(given, RELAY.circuitsOfAll.burst);
  });

  it('threat 19: counts a peer with several connections at each of its hosts, whichever came first', async () => {
    const addr = multiaddr('/ip4/192.0.2.1/tcp/4001');
    const taken = Array.from({ length: RELAY.placesOfHost }, (_, index): [PeerId, { addr: typeof addr }] => [
      peer(index + 1),
      { addr },
    ]);
    let hosts: string[] = [];
    const gater = createRelayGater({ places: () => taken, hostsOf: () => hosts, now: () => 0 });
    const mayHavePlace = async () => !(await gater.denyInboundRelayReservation?.(peer(100)));
    const mayHaveCircuit = async (number: number) =>
      !(await gater.denyOutboundRelayedConnection?.(peer(number), peer(99)));
    for (hosts of [
      ['192.0.2.1', '203.0.113.1'],
      ['203.0.113.1', '192.0.2.1'],
    ]) {
      assert.equal(await mayHavePlace(), false, hosts.join());
    }
    hosts = ['203.0.113.1', '203.0.113.2'];
    assert.equal(await mayHavePlace(), true);

    // Each key has a first connection from a host of its own.
    let given = 0;
    for (let number = 101; number < 180; number += 1) {
      hosts = [`203.0.113.${number}`, '192.0.2.1'];
      if (await mayHaveCircuit(number)) given += 1;
    }
    assert.equal(given, RELAY.circuitsOfHost.burst);
  });

  it('gives nothing to a peer that has gone', async () => {
    const gater = createRelayGater({ places: () => [], hostsOf: () => [], now: () => 0 });
    assert.equal(await gater.denyInboundRelayReservation?.(peer(1)), true);
    assert.equal(await gater.denyOutboundRelayedConnection?.(peer(1), peer(2)), true);
  });

  it('threat 19: takes an IPv6 network for one host', () => {
    const host = (address: string) => hostIn(multiaddr(address));
    assert.equal(host('/ip6/2001:db8::1/tcp/1'), host('/ip6/2001:db8:0:0:ffff::2/tcp/2'));
    assert.notEqual(host('/ip6/2001:db8::1/tcp/1'), host('/ip6/2001:db8:0:1::1/tcp/1'));
    assert.equal(host('/ip6zone/eth0/ip6/fe80::1/tcp/1'), host('/ip6/fe80::2/tcp/1'));
    assert.notEqual(host('/ip6/::ffff:192.0.2.1/tcp/1'), host('/ip6/::ffff:192.0.2.2/tcp/1'));
    assert.equal(host('/ip4/192.0.2.1/tcp/1'), '192.0.2.1');
  });
});

describe('what is used of libp2p’s insides', () => {
  it('is missed at once where an update has taken it away', () => {
    const had = { relayFilter: {}, addRelay() {}, hasReservation() {} };
    assert.equal(placesOf({ reservationStore: had }), had);
    for (const name of Object.keys(had)) {
      const without = Object.fromEntries(Object.entries(had).filter(([other]) => other !== name));
      assert.throws(() => placesOf({ reservationStore: without }), { code: 'exchange/relay-changed' }, name);
    }
    assert.throws(() => placesOf({}), { code: 'exchange/relay-changed' });
  });
});

describe('reachability', () => {
  it('is public only where somebody has dialled back at a public address, or the owner says so', () => {
    const at = (address: string, verified: boolean, type = 'transport') => ({ address, verified, type });
    assert.equal(reachabilityOf([at('/ip4/192.168.1.2/tcp/4001', true)]), 'unknown');
    assert.equal(reachabilityOf([at('/ip4/8.8.8.8/tcp/4001', false)]), 'unknown');
    assert.equal(reachabilityOf([at('/ip4/8.8.8.8/tcp/4001', true)]), 'public');
    assert.equal(reachabilityOf([at('/dns4/example.org/tcp/4001', true, 'announce')]), 'public');
    const relayed = at('/ip4/8.8.8.8/tcp/4001/p2p/12D3KooWA/p2p-circuit', true);
    assert.equal(reachabilityOf([relayed]), 'relayed');
    assert.equal(reachabilityOf([relayed, at('/ip4/9.9.9.9/tcp/4001', true)]), 'public');
  });
});
