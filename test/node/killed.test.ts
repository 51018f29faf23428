/** A node that is killed while records are published: what was acknowledged is there. */
import assert from 'node:assert/strict';
import type { Digest } from '../../src/crypto/digest.ts';
import { connect } from '../../src/node/connect.ts';
import { openSession } from '../../src/node/session.ts';
import { SOURCE } from '../recipe/fixtures.ts';
import { settle, startNode } from '../support/node.ts';
import { withHomes } from '../support/temp-home.ts';

const signal = new AbortController().signal;

describe('a node killed with SIGKILL while it writes', function () {
  this.timeout(120_000);

  it('has lost nothing that it acknowledged, and its feed goes on', () =>
    withHomes(1, async (test) => {
      await settle(test);
      const publish = async (node: Awaited<ReturnType<typeof connect>>, number: number): Promise<Digest> => {
        const yaml = SOURCE.replace('version: 1.0.0', `version: 1.0.${number}`);
        return (await node.call<{ record: Digest }>('publish.recipe', { yaml }, signal)).record;
      };
      const acknowledged: Digest[] = [];
      let number = 0;
      for (const enough of [1, 20, 45]) {
        const running = await startNode(test);
        const connection = await connect(test.home);
        assert.equal(connection.live, true);
        // Four at a time, so that some are always on their way when the node dies.
        const workers = Array.from({ length: 4 }, async () => {
          for (;;) {
            acknowledged.push(await publish(connection, (number += 1)));
            if (acknowledged.length >= enough) await running.kill();
          }
        });
        const ends = await Promise.allSettled(workers);
        assert.ok(ends.every(({ status }) => status === 'rejected'));
      }
      const session = await openSession(test.home);
      try {
        const { author } = session.identity;
        const head = await session.store.head(author, 'public');
        const feed = await session.store.range(author, 'public', 0, 1000);
        assert.equal(feed.length, head?.seq);
        feed.forEach(({ link }, at) => assert.deepEqual([link.seq, link.prev], [at + 1, feed[at - 1]?.id ?? null]));
        const stored = new Set(feed.map(({ id }) => id));
        assert.ok(acknowledged.length >= 45);
        for (const id of acknowledged) assert.ok(stored.has(id));
        assert.deepEqual(await session.store.frozen(), []);
      } finally {
        await session.close();
      }
    }));
});
