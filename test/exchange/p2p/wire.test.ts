import assert from 'node:assert/strict';
import { streamPair } from '@libp2p/utils';
import type { Stream } from '@libp2p/interface';
import { answer, ask } from '../../../src/exchange/p2p/libp2p/wire.ts';
import type { AnswerLimits, StreamLimits } from '../../../src/exchange/p2p/libp2p/wire.ts';

const LIMITS: AnswerLimits = { maxBytes: 10_000, maxFrameBytes: 1000, timeoutMs: 5000, idleMs: 5000, closeMs: 5000 };
const never = new AbortController().signal;

async function* echoes(request: Uint8Array, times: number): AsyncGenerator<Uint8Array> {
  for (let n = 0; n < times; n += 1) yield request;
}

/** A request to an answering side that repeats it, with limits for both. */
async function exchange(
  request: Uint8Array,
  options: { times?: number; asking?: Partial<StreamLimits>; answering?: Partial<StreamLimits> } = {},
) {
  const [outbound, inbound] = await streamPair({ delay: 0 });
  const answered = answer(inbound, { ...LIMITS, ...options.answering }, never, (asked) =>
    echoes(asked, options.times ?? 1),
  );
  const failure = answered.then(
    () => undefined,
    (error: Error) => error,
  );
  const frames: number[] = [];
  let error: Error | undefined;
  try {
    for await (const frame of ask(outbound, request, { ...LIMITS, ...options.asking }, never))
      frames.push(frame.length);
  } catch (cause) {
    error = cause instanceof Error ? cause : new Error(String(cause));
  }
  return { frames, error, answering: await failure, outbound, inbound };
}

function isEnded(stream: Stream): boolean {
  return stream.status !== 'open' && stream.status !== 'closing';
}

describe('one request and its answer on a stream', () => {
  it('carries a request and many frames, and both sides close', async () => {
    const { frames, error, answering, inbound, outbound } = await exchange(new Uint8Array(100), { times: 5 });
    assert.deepEqual(
      { frames, error, answering },
      { frames: [100, 100, 100, 100, 100], error: undefined, answering: undefined },
    );
    assert.ok(isEnded(inbound) && isEnded(outbound));
  });

  it('takes a frame of the largest size and none one byte larger', async () => {
    assert.deepEqual((await exchange(new Uint8Array(1000))).frames, [1000]);
    const over = await exchange(new Uint8Array(1001));
    assert.deepEqual(over.frames, []);
    assert.ok(over.answering instanceof Error && over.error instanceof Error);
    assert.ok(isEnded(over.inbound));
    const large = await exchange(new Uint8Array(900), { asking: { maxFrameBytes: 899 } });
    assert.ok(large.error instanceof Error);
  });

  it('ends a stream on which more comes than may, however small its frames', async () => {
    const { error, outbound } = await exchange(new Uint8Array(500), { times: 100 });
    assert.match(String(error?.message), /more than 10000 bytes/);
    assert.ok(isEnded(outbound));
  });

  it('ends a stream whose request never comes, or never ends', async () => {
    for (const bytes of [[], [0x64], [0x64, 1, 2, 3]]) {
      const [outbound, inbound] = await streamPair({ delay: 0 });
      if (bytes.length > 0) outbound.send(Uint8Array.from(bytes));
      const respond = (): AsyncGenerator<Uint8Array> => assert.fail('there was no request');
      const limits = { ...LIMITS, idleMs: 30 };
      await assert.rejects(answer(inbound, limits, never, respond), { code: 'exchange/timeout', message: /30 ms/ });
      assert.ok(isEnded(inbound));
    }
  });

  it('threat 24: ends a stream that trickles, although it is never silent for long', async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 });
    outbound.send(Uint8Array.from([0x64]));
    const trickle = setInterval(() => {
      if (outbound.status === 'open') outbound.send(Uint8Array.from([0]));
    }, 5);
    const respond = (): AsyncGenerator<Uint8Array> => assert.fail('there was no request');
    try {
      await assert.rejects(answer(inbound, { ...LIMITS, idleMs: 60 }, never, respond), { code: 'exchange/timeout' });
    } finally {
      clearInterval(trickle);
    }
    assert.ok(isEnded(inbound));
  });

  it('ends a stream that is not done in time', async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 });
    const stalling = async function* (request: Uint8Array): AsyncGenerator<Uint8Array> {
      yield request;
      await new Promise((resolve) => inbound.addEventListener('close', resolve, { once: true }));
    };
    const answered = answer(inbound, { ...LIMITS, timeoutMs: 50 }, never, stalling);
    const asking = (async () => {
      for await (const frame of ask(outbound, new Uint8Array(1), LIMITS, never)) assert.equal(frame.length, 1);
    })();
    await assert.rejects(answered, { code: 'exchange/timeout', message: /not done in 50 ms/ });
    await assert.rejects(asking);
  });

  it('threat 24: does not wait for long until the other side closes a stream on which all is said', async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 });
    outbound.send(Uint8Array.of(1, 7));
    await answer(inbound, { ...LIMITS, closeMs: 30 }, never, (request) => echoes(request, 1));
    assert.equal(inbound.status, 'aborted', 'it was not closed by the other side');
  });

  it('ends a stream when its caller gives up', async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 });
    const caller = new AbortController();
    const asking = (async () => {
      for await (const _ of ask(outbound, new Uint8Array(1), LIMITS, caller.signal)) assert.fail('nobody answers');
    })();
    caller.abort(new Error('enough'));
    await assert.rejects(asking, /enough/);
    assert.ok(isEnded(outbound));
    inbound.abort(new Error('done'));
  });

  it('does not wait on a stream that was closed before it began', async () => {
    for (const caller of [AbortSignal.abort(new Error('enough')), never]) {
      const [outbound, inbound] = await streamPair({ delay: 0 });
      inbound.abort(new Error('gone'));
      outbound.abort(new Error('gone'));
      const limits = { ...LIMITS, idleMs: 30 };
      const respond = (): AsyncGenerator<Uint8Array> => assert.fail('there was no request');
      await assert.rejects(answer(inbound, limits, caller, respond));
      const frames = ask(outbound, new Uint8Array(1), limits, caller);
      await assert.rejects(frames.next());
    }
  });

  it('ends a stream whose answer nobody wants to read on', async () => {
    const [outbound, inbound] = await streamPair({ delay: 0 });
    const answered = answer(inbound, LIMITS, never, (request) => echoes(request, 3)).catch(() => undefined);
    for await (const frame of ask(outbound, new Uint8Array(5), LIMITS, never)) {
      assert.equal(frame.length, 5);
      break;
    }
    assert.ok(isEnded(outbound));
    await answered;
  });
});
