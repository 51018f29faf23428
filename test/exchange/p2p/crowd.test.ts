import assert from 'node:assert/strict';
import { keepRoom } from '../../../src/exchange/p2p/libp2p/crowd.ts';
import { MAX_CONNECTIONS_PER_PEER } from '../../../src/exchange/p2p/limits.ts';
import { createAttacker, type Attacker } from './attacker.ts';

describe('the room for connections', function () {
  this.timeout(60_000);
  const started: Attacker[] = [];
  afterEach(async () => {
    for (const one of started.splice(0)) await one.stop();
  });

  async function start(seed: number): Promise<Attacker> {
    const one = await createAttacker(seed);
    started.push(one);
    return one;
  }

  /** Why a node closes connections of its own accord; `until` looks anew whenever it opens or closes one. */
  function watch({ node }: Attacker) {
    const reasons: string[] = [];
    let wake = (): void => undefined;
    node.addEventListener('connection:open', ({ detail: opened }) => {
      const abort = opened.abort.bind(opened);
      opened.abort = (error) => {
        reasons.push('code' in error ? String(error.code) : error.message);
        abort(error);
      };
      wake();
    });
    node.addEventListener('connection:close', () => wake());
    const until = async (holds: () => boolean): Promise<void> => {
      while (!holds()) await new Promise<void>((resolve) => (wake = resolve));
    };
    return { reasons, until };
  }

  it('threat 19: is closed to strangers where they have theirs, and open to a friend', async () => {
    const [alice, friend, stranger, other] = [await start(1), await start(2), await start(3), await start(4)];
    const { reasons, until } = watch(alice);
    keepRoom(alice.node, (peer) => peer === friend.node.peerId.toString(), { all: 1, relayed: 1 });
    const has = ({ node }: Attacker): boolean => alice.node.getConnections(node.peerId).length > 0;
    await stranger.node.dial(alice.node.getMultiaddrs());
    await until(() => has(stranger));
    await other.node.dial(alice.node.getMultiaddrs());
    await until(() => reasons.length > 0 && !has(other));
    await friend.node.dial(alice.node.getMultiaddrs());
    await until(() => has(friend));
    assert.deepEqual(reasons, ['exchange/too-many-connections']);
    assert.ok(has(stranger), 'who had found room keeps it');
  });

  it('threat 24: is for so many of one peer, whoever it is', async () => {
    const [alice, bob] = [await start(1), await start(2)];
    const { reasons, until } = watch(alice);
    keepRoom(alice.node, () => true);
    const open = (): number => alice.node.getConnections(bob.node.peerId).length;
    for (let count = 0; count < MAX_CONNECTIONS_PER_PEER; count += 1) {
      await bob.node.dial(alice.node.getMultiaddrs(), { force: true });
      await until(() => open() === count + 1);
    }
    await bob.node.dial(alice.node.getMultiaddrs(), { force: true });
    await until(() => reasons.length > 0 && open() === MAX_CONNECTIONS_PER_PEER);
    assert.deepEqual(reasons, ['exchange/too-many-connections']);
  });
});
