/**
 * Hosts of their own, on networks of their own: what loopback cannot show. The containers are those of
 * docker-compose.test.yml; the daemon is started here.
 */
import assert from 'node:assert/strict';
import { cp, mkdir, rm } from 'node:fs/promises';
import path from 'node:path';
import type { Answer } from '../support/cli.ts';
import { eventually } from '../support/node.ts';
import { needDocker, startDocker, type Docker } from './docker.ts';
import { introduce, makeHost, publish, recipesAt, type Host } from './hosts.ts';

describe('hosts on networks of their own', function () {
  this.timeout(600_000);
  let docker: Docker;
  let relay: Host, a: Host, b: Host, c: Host, d: Host;
  /** Recipes whose publication was acknowledged, by whomever. */
  const acknowledged = new Set<string>();

  async function says(host: Host, name: string, offline = false): Promise<void> {
    await publish(host, name, offline);
    acknowledged.add(name);
  }

  /** Everybody has everything that was acknowledged, and the same of each feed; nobody is frozen. */
  async function converge(): Promise<void> {
    const hosts = [a, b, c, d];
    for (const host of hosts) {
      await eventually(
        async () => {
          const stored = await recipesAt(host);
          return [...acknowledged].filter((name) => !stored.has(name));
        },
        (missing) => missing.length === 0,
      );
    }
    const feedsOf = async (host: Host): Promise<string> => {
      const { feeds, frozen } = await host.call('status');
      assert.deepEqual(frozen, []);
      return JSON.stringify(feeds.map(({ author, seq, head }: Answer) => `${author} ${seq} ${head}`).toSorted());
    };
    await eventually(
      async () => Promise.all(hosts.map(feedsOf)),
      (feeds) => new Set(feeds).size === 1,
    );
  }

  const isConnected = async (host: Host, peer: Host): Promise<boolean> =>
    (await host.call('status')).peers.some(({ peerId }: Answer) => peerId === peer.peerId);

  before(async function () {
    needDocker(this);
    docker = await startDocker();
    await mkdir(path.join(docker.hosts, 'cache'));
    relay = await makeHost(docker, { name: 'relay', address: '/ip4/10.77.0.10/tcp/4001' });
    a = await makeHost(docker, { name: 'a', address: '/ip4/10.77.0.11/tcp/4001' });
    b = await makeHost(docker, { name: 'b', address: '/ip4/10.77.0.12/tcp/4001' });
    c = await makeHost(docker, { name: 'c', address: '/ip4/10.77.0.13/tcp/4001' });
    const circuit = `${relay.address}/p2p/${relay.peerId}/p2p-circuit`;
    d = await makeHost(docker, { name: 'd', address: circuit });
    await introduce(relay, [], []);
    await introduce(a, [b, c, d], [`${relay.address}/p2p/${relay.peerId}`]);
    await introduce(b, [a, c, d], [`${relay.address}/p2p/${relay.peerId}`]);
    await introduce(c, [a, b, d], [`${relay.address}/p2p/${relay.peerId}`]);
    await introduce(d, [a, b, c], [`/ip4/10.77.1.10/tcp/4001/p2p/${relay.peerId}`]);
    await docker.compose(['up', '-d'], { PORTALGUN_VICTIM: a.author });
    for (const host of [relay, a, b, c, d]) await host.up();
  });

  after(async () => {
    await docker?.stop();
  });

  it('sync, the one behind the relay too, and beside a hostile one', async () => {
    await eventually(
      async () => (await d.call('status')).reachability,
      (reachability) => reachability === 'relayed',
    );
    for (const host of [a, b, c, d]) await says(host, `first-of-${host.name}`);
    await converge();
    // What it has it may have from the relay's gossip alone, and meet the others a little later.
    const others = await eventually(
      async (): Promise<Answer[]> =>
        (await d.call('status')).peers.filter(({ peerId }: Answer) => peerId !== relay.peerId),
      (met) => met.length > 0,
    );
    assert.ok(
      others.every(({ address }) => address.includes('/p2p-circuit')),
      JSON.stringify(others),
    );
  });

  it('converge after a partition', async () => {
    await c.cut();
    await says(a, 'while-apart-a');
    await says(c, 'while-apart-c', true);
    await eventually(
      () => isConnected(a, c),
      (connected) => !connected,
    );
    await says(b, 'while-apart-b');
    assert.ok(!(await recipesAt(c)).has('while-apart-b'));
    await c.heal();
    await converge();
  });

  it('threat 26: lose nothing that was acknowledged when killed while they publish', async () => {
    const gone = new AbortController();
    const publishing = (async () => {
      // What is under way when the node dies was not acknowledged: it may be there or not.
      for (let count = 1; !gone.signal.aborted; count += 1) {
        await says(b, `until-killed-${count}`).catch(() => gone.abort());
      }
    })();
    await eventually(
      async () => acknowledged.has('until-killed-3'),
      (has) => has,
    );
    await b.kill();
    await publishing;
    await b.start();
    await converge();
  });

  it('are reached again when the relay was killed', async () => {
    await relay.kill();
    await eventually(
      () => isConnected(d, relay),
      (connected) => !connected,
    );
    await relay.start();
    await says(a, 'after-the-relay');
    await says(d, 'after-the-relay-d');
    await converge();
  });

  it('threat 8: do not fork a feed when one goes on from an old copy of its data', async () => {
    await c.kill();
    const copy = `${c.home}.copy`;
    await cp(c.home, copy, { recursive: true });
    await c.start();
    await says(c, 'not-in-the-copy-1');
    await says(c, 'not-in-the-copy-2');
    await converge();
    await c.kill();
    await rm(c.home, { recursive: true });
    await mkdir(c.home, { mode: 0o700 });
    await cp(copy, c.home, { recursive: true });
    await c.start();
    await says(c, 'after-the-copy');
    await converge();
  });

  it('refuse what the hostile one sends, and say so', async () => {
    await eventually(
      async (): Promise<Answer[]> => Promise.all([a, b, c].map(async (host) => (await host.call('status')).refused)),
      (refused) => refused.some((counts) => Object.keys(counts).length > 0),
    );
    assert.match(await docker.docker('ps', '--format', '{{.Names}}'), /hostile/, 'it has been there all the time');
  });
});
