/**
 * Nodes with public addresses, behind a firewall, and behind routers that translate addresses: how they are told that they
 * are reached, and how they reach each other. Policies name addresses through the relay alone.
 */
import assert from 'node:assert/strict';
import { peerIdOf } from '../../src/exchange/p2p/index.ts';
import type { AuthorId } from '../../src/exchange/record/types.ts';
import { callNode } from '../../src/node/control-client.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { introduce, publish, recipesAt } from '../compose/hosts.ts';
import type { Answer } from '../support/cli.ts';
import { eventually, startNode } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { needInternet, openInternet, type Internet } from './internet.ts';

interface Person {
  readonly name: string;
  readonly author: AuthorId;
  readonly peerId: string;
  readonly home: string;
  call(operation: string, args?: unknown): Promise<Answer>;
  start(role?: 'bootstrap'): Promise<void>;
}

describe('nodes on a small Internet', function () {
  this.timeout(600_000);
  let internet: Internet | undefined;
  const homes: TestHome[] = [];
  let relay: Person, alice: Person, bob: Person, carol: Person, dave: Person;
  /** An address of theirs as an invitation has it. */
  let circuitTo: (one: Person) => string;

  async function person(name: string): Promise<Person> {
    const home = await tempHome();
    homes.push(home);
    await openHome(home.home);
    const { identity } = await createIdentity(home.home);
    return {
      name,
      author: identity.author,
      peerId: peerIdOf(identity.author),
      home: home.home.config,
      call: async (operation, args = {}) =>
        callNode(home.home.controlSocket)(operation, args, AbortSignal.timeout(60_000)),
      async start(role) {
        await startNode(home, LISTEN, role, internet?.on(name));
      },
    };
  }

  before(async function () {
    needInternet(this);
    internet = await openInternet();
    await internet.addHost('relay', '11.0.0.2');
    await internet.addHost('alice', '12.0.0.2');
    await internet.addHidden('bob', '13.0.0.2', 'same-ports');
    await internet.addHidden('carol', '14.0.0.2', 'random-ports');
    await internet.addHost('dave', '15.0.0.2');
    await internet.run('dave', ...REFUSES_TO_BE_DIALLED);
    relay = await person('relay');
    [alice, bob, carol, dave] = [
      await person('alice'),
      await person('bob'),
      await person('carol'),
      await person('dave'),
    ];
    const bootstrap = `/ip4/11.0.0.2/tcp/4001/p2p/${relay.peerId}`;
    circuitTo = ({ peerId }) => `${bootstrap}/p2p-circuit/p2p/${peerId}`;
    await introduce(relay, [], []);
    for (const [one, ...knows] of [[alice], [bob, alice, carol], [carol], [dave]] as const) {
      await introduce(one, knows, [bootstrap]);
    }
    await relay.start('bootstrap');
    await Promise.all([bob, carol, dave].map((one) => one.start()));
    for (const one of [bob, carol, dave]) await isReached(one, 'relayed');
    // Last, so that nobody finds her in the DHT, and then dials her, before she dials them.
    await alice.start();
  });

  after(async () => {
    await internet?.close();
    for (const home of homes) await home.remove();
  });

  const isReached = (one: Person, wanted: string) =>
    eventually(
      async () => (await one.call('status')).reachability,
      (reachability) => reachability === wanted,
    );

  /** Where `one` is connected with the other, all connections of theirs. */
  const addressesOf = async (one: Person, other: Person): Promise<string[]> =>
    (await one.call('status')).peers
      .filter(({ peerId }: Answer) => peerId === other.peerId)
      .map(({ address }: Answer): string => address);

  const arrives = (name: string, at: Person) =>
    eventually(
      () => recipesAt(at),
      (recipes) => recipes.has(name),
    );

  it('are told that they are reached where somebody could dial them back, and through a relay elsewhere', async () => {
    await isReached(alice, 'public');
    await isReached(relay, 'public');
    await eventually(async () => refusedBy(await internet!.run('dave', ...COUNTERS)), Boolean);
    await isReached(dave, 'relayed');
  });

  const addsThroughRelay = async (one: Person, other: Person): Promise<void> => {
    // It may be direct before the first answer is through, which comes again then: what counts is where it ends.
    await one.call('peer.add', { invitation: other.author, name: other.name, addresses: [circuitTo(other)] });
  };

  it('speak directly where one has a public address, whoever of them was dialled through the relay', async () => {
    await addsThroughRelay(alice, bob);
    await eventually(
      async (): Promise<string[]> => (await alice.call('status')).addresses,
      (addresses) => addresses.some(isRelayed),
    );
    await addsThroughRelay(carol, alice);
    for (const hidden of [bob, carol]) {
      await eventually(
        () => addressesOf(hidden, alice),
        (addresses) => addresses.length > 0 && !addresses.some(isRelayed),
      );
    }
    await publish(bob, 'of-bob');
    await arrives('of-bob', alice);
  });

  it('stay on the relay where both are behind routers, and sync both ways through it', async () => {
    await addsThroughRelay(carol, bob);
    await publish(carol, 'of-carol');
    await arrives('of-carol', bob);
    await arrives('of-bob', carol);
    const addresses = await addressesOf(carol, bob);
    assert.ok(addresses.length > 0 && addresses.every(isRelayed), addresses.join());
    // Who was dialled back in vain still knows that they were.
    await isReached(dave, 'relayed');
  });
});

const LISTEN = '/ip4/0.0.0.0/tcp/4001';

const isRelayed = (address: string): boolean => address.includes('/p2p-circuit');

const REFUSES_TO_BE_DIALLED = 'iptables -A INPUT -i core -p tcp --syn -j REJECT --reject-with tcp-reset'.split(' ');
const COUNTERS = 'iptables -nvxL INPUT'.split(' ');

/** Packets that the rule has refused. */
const refusedBy = (counters: string): number => Number(/^\s*(\d+)\s+\d+\s+REJECT/m.exec(counters)?.[1]);
