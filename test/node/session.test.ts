/** One process holds a home at a time; others speak to it, or are told. */
import assert from 'node:assert/strict';
import { connect } from '../../src/node/connect.ts';
import { openHome } from '../../src/node/home.ts';
import { createIdentity } from '../../src/node/identity-files.ts';
import { networkOf, openSession } from '../../src/node/session.ts';
import { cli, json } from '../support/cli.ts';
import { settle, startNode } from '../support/node.ts';
import { withHomes } from '../support/temp-home.ts';

const signal = new AbortController().signal;

describe('a session', function () {
  this.timeout(120_000);

  it('holds the home: a second one is told so, and may come after it', () =>
    withHomes(1, async ({ home }) => {
      await openHome(home);
      await createIdentity(home);
      const session = await openSession(home);
      try {
        await assert.rejects(openSession(home), { code: 'store/locked' });
        assert.throws(() => networkOf(session), { code: 'node/not-running', exitCode: 5 });
      } finally {
        await session.close();
      }
      await (await openSession(home)).close();
    }));

  it('does not outlive a network that cannot start', () =>
    withHomes(1, async ({ home }) => {
      await openHome(home);
      await createIdentity(home);
      const network = () => Promise.reject(new Error('no network today'));
      await assert.rejects(openSession(home, { network }), /no network today/);
      await (await openSession(home)).close();
    }));

  it('of a command goes through the node where one runs, and opens the home where none does', () =>
    withHomes(1, async (test) => {
      await settle(test);
      assert.equal((await connect(test.home)).live, false);
      assert.equal((await json(test, ['node', 'status'])).running, false);
      const node = await startNode(test);
      try {
        const connection = await connect(test.home);
        assert.equal(connection.live, true);
        assert.equal((await connection.call<{ author: string }>('id', {}, signal)).author, node.author);
        assert.equal((await json(test, ['node', 'status'])).running, true);
        const second = await cli(test, ['node', 'start', '--listen', '/ip4/127.0.0.1/tcp/0']);
        assert.notEqual(second.code, 0);
        assert.match(second.stderr, /another|already|node/i);
        assert.equal((await json(test, ['node', 'status'])).running, true); // and the first one did not mind
        await json(test, ['node', 'stop']);
        assert.equal(await node.ended(), 0);
      } finally {
        await node.kill();
      }
      assert.equal((await connect(test.home)).live, false);
    }));

  it('is not deceived by the socket of a node that was killed', () =>
    withHomes(1, async (test) => {
      await settle(test);
      await (await startNode(test)).kill();
      assert.equal((await json(test, ['node', 'status'])).running, false);
      const again = await startNode(test);
      assert.equal((await json(test, ['node', 'status'])).running, true);
      assert.equal(await again.stop(), 0);
    }));
});
