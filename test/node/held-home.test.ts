/** Commands and a node that are typed one right after the other: each finds the home held by the one before. */
import assert from 'node:assert/strict';
import { PortalgunError, UnavailableError } from '../../src/errors.ts';
import { onceFree } from '../../src/node/held-home.ts';
import { openSession } from '../../src/node/session.ts';
import { cli, json, startCli } from '../support/cli.ts';
import { eventually, settle } from '../support/node.ts';
import { withHomes } from '../support/temp-home.ts';

const { signal } = new AbortController();
const held = (): Promise<never> => Promise.reject(new UnavailableError('store/locked', 'held'));

describe('a home that another process holds', function () {
  this.timeout(120_000);

  it('is waited for by a node and by a command, and each goes on when it is free', () =>
    withHomes(1, async (test) => {
      await settle(test);
      const session = await openSession(test.home);
      const node = startCli(test, ['node', 'start', '--listen', '/ip4/127.0.0.1/tcp/0', '--json']);
      node.stdout!.resume();
      try {
        const asked = cli(test, ['peer', 'list', '--json']);
        // Both are under way by now, or come later and find it free: either is right.
        await eventually(
          async () => node.exitCode,
          (code) => code === null,
        );
        await session.close();
        const { code, stdout, stderr } = await asked;
        assert.deepEqual([code, stdout.trim()], [0, '[]'], stderr);
        await eventually(
          () => json(test, ['node', 'status']),
          ({ running }) => running,
        );
      } finally {
        await cli(test, ['node', 'stop']);
        node.kill();
      }
    }));

  it('is tried again for so long, and then its error is told', async () => {
    let tries = 0;
    const open = async (): Promise<string> => ((tries += 1) < 3 ? held() : 'open');
    assert.equal(await onceFree(open, async () => true, signal), 'open');
    await assert.rejects(
      onceFree(held, async () => true, signal, 0),
      { code: 'store/locked' },
    );
    await assert.rejects(
      onceFree(held, async () => false, signal),
      { code: 'store/locked' },
    );
    const other = (): Promise<never> => Promise.reject(new PortalgunError(1, 'another', 'another error'));
    await assert.rejects(
      onceFree(other, async () => true, signal),
      { code: 'another' },
    );
  });

  it('is not waited for when it is interrupted', async () => {
    const stop = new AbortController();
    const waiting = onceFree(held, async () => (stop.abort(), true), stop.signal);
    await assert.rejects(waiting, { name: 'AbortError' });
  });
});
