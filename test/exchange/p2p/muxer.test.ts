/** A connection that has closed, and has not said so yet, as a stream is made on it. */
import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { multiaddrConnectionPair } from '@libp2p/utils';
import { yamux } from '@libp2p/yamux';
import { steadyYamux } from '../../../src/exchange/p2p/libp2p/muxer.ts';

describe('a stream', () => {
  /** Made on such a connection; what nobody caught meanwhile is listed. */
  const madeTooLate = async (make: ReturnType<typeof yamux>) => {
    const [near] = multiaddrConnectionPair();
    near.send = () => {
      throw new Error('closed');
    };
    const uncaught: Error[] = [];
    const mochas = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    try {
      const stream = await make().createStreamMuxer(near).createStream();
      await setImmediate();
      return { status: stream.status, uncaught: uncaught.map(({ message }) => message) };
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of mochas) process.on('uncaughtException', listener);
    }
  };

  it('that is made too late ends, and nothing else does', async () => {
    assert.deepEqual(await madeTooLate(steadyYamux({})), { status: 'aborted', uncaught: [] });
  });

  it('that is made too late ends the process without that: once it does not, src/exchange/p2p/libp2p/muxer.ts can go', async () => {
    assert.deepEqual(await madeTooLate(yamux()), { status: 'open', uncaught: ['closed'] });
  });

  it('is told to the other side where the connection stays', async () => {
    const [near, far] = multiaddrConnectionPair();
    const make = steadyYamux({})();
    const met = Promise.withResolvers<string>();
    make.createStreamMuxer(far).addEventListener('stream', ({ detail }) => met.resolve(detail.status));
    await make.createStreamMuxer(near).createStream();
    assert.equal(await met.promise, 'open');
  });
});
