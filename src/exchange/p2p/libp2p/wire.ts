/**
 * One request, one answer of many frames, on one stream: what all our protocols are made of.
 *
 * libp2p buffers what a peer sends and has no deadline, so both are set here, at the edge: bytes are counted as they
 * arrive, before anything is decoded, and a stream that is silent or slow is ended (threats 22, 24).
 */
import type { Stream } from '@libp2p/interface';
import { messageStreamToDuplex } from '@libp2p/utils';
import * as lp from 'it-length-prefixed';
import { pipe } from 'it-pipe';
import { asError, RefusedError, UnavailableError } from '../../../errors.ts';
import { FRAME_MAX_BYTES } from '../limits.ts';

export interface StreamLimits {
  /** Bytes that the other side may send on this stream, all together. */
  readonly maxBytes: number;
  readonly maxFrameBytes: number;
  /** The whole exchange. */
  readonly timeoutMs: number;
  /** The first frame, and then the next one, must be here in this time. */
  readonly idleMs: number;
}

export interface AnswerLimits extends StreamLimits {
  /** Until the other side has closed a stream on which all is said. */
  readonly closeMs: number;
}

/**
 * Reads one request and writes the answer's frames. Resolves when all is written and closed; rejects, with the stream
 * ended, on anything over a limit.
 */
export async function answer(
  stream: Stream,
  limits: AnswerLimits,
  signal: AbortSignal,
  respond: (request: Uint8Array) => AsyncIterable<Uint8Array>,
): Promise<void> {
  const guard = guardStream(stream, limits, signal);
  const duplex = messageStreamToDuplex(stream);
  try {
    const answered = pipe(
      duplex,
      (source) => lp.decode(source, { maxDataLength: limits.maxFrameBytes }),
      async function* (frames) {
        for await (const frame of frames) {
          // The request is whole; how long the answer takes is bounded by the time for all.
          guard.stopIdle();
          yield* respond(frame.subarray());
          return;
        }
      },
      (source) => lp.encode(source, { maxDataLength: FRAME_MAX_BYTES }),
      duplex,
    );
    await Promise.race([answered, guard.stopped]);
    // A stream that was ended in the middle lets the pipeline finish as if all were written.
    const stopped = guard.reason();
    if (stopped !== undefined) throw stopped;
    await closed(stream, limits.closeMs);
  } catch (error) {
    throw end(stream, guard.reason() ?? error);
  } finally {
    guard.release();
  }
}

/** Sends one request and gives the answer's frames. Leaving the loop early ends the stream. */
export async function* ask(
  stream: Stream,
  request: Uint8Array,
  limits: StreamLimits,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const guard = guardStream(stream, limits, signal);
  let finished = false;
  try {
    const frames = pipe(
      [request],
      (source) => lp.encode(source),
      messageStreamToDuplex(stream),
      (source) => lp.decode(source, { maxDataLength: limits.maxFrameBytes }),
    );
    for (;;) {
      const next = await Promise.race([frames.next(), guard.stopped]);
      if (next.done === true) break;
      guard.pauseIdle();
      yield next.value.subarray();
      guard.resumeIdle();
    }
    const stopped = guard.reason();
    if (stopped !== undefined) throw stopped;
    finished = true;
  } catch (error) {
    throw asError(guard.reason() ?? error);
  } finally {
    guard.release();
    if (!finished) end(stream, guard.reason() ?? new Error('the answer was not read to its end'));
  }
}

interface Guard {
  /**
   * Rejects when this side ends the stream. To be raced against whatever reads: a stream that was already closed when
   * its reader came never tells it so.
   */
  readonly stopped: Promise<never>;
  /** Why this side ended the stream; undefined when it did not. */
  reason(): Error | undefined;
  stopIdle(): void;
  /** While our own side works on a frame, the other one is not idle. */
  pauseIdle(): void;
  resumeIdle(): void;
  release(): void;
}

function guardStream(stream: Stream, limits: StreamLimits, signal: AbortSignal): Guard {
  let reason: Error | undefined;
  let receivedBytes = 0;
  let idle: NodeJS.Timeout | undefined;
  const stopped = Promise.withResolvers<never>();
  stopped.promise.catch(() => undefined); // nobody may be waiting
  const stop = (error: Error): void => {
    reason ??= error;
    end(stream, reason);
    stopped.reject(reason);
  };
  const restartIdle = (): void => {
    clearTimeout(idle);
    idle = setTimeout(() => stop(timedOut(`nothing came for ${limits.idleMs} ms`)), limits.idleMs);
  };
  const total = setTimeout(() => stop(timedOut(`not done in ${limits.timeoutMs} ms`)), limits.timeoutMs);
  const onMessage = (event: { data: { byteLength: number } }): void => {
    receivedBytes += event.data.byteLength;
    if (receivedBytes > limits.maxBytes) {
      stop(new RefusedError('exchange/too-much', `a peer sent more than ${limits.maxBytes} bytes on one stream`));
    }
  };
  const onAbort = (): void => stop(asError(signal.reason));
  restartIdle();
  stream.addEventListener('message', onMessage);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  return {
    stopped: stopped.promise,
    reason: () => reason,
    stopIdle: () => clearTimeout(idle),
    pauseIdle: () => clearTimeout(idle),
    resumeIdle: restartIdle,
    release() {
      clearTimeout(idle);
      clearTimeout(total);
      stream.removeEventListener('message', onMessage);
      signal.removeEventListener('abort', onAbort);
    },
  };
}

function timedOut(what: string): UnavailableError {
  return new UnavailableError('exchange/timeout', `a peer was too slow: ${what}`);
}

/** Waits for the other side to close, but not for long. */
async function closed(stream: Stream, timeoutMs: number): Promise<void> {
  if (stream.status !== 'open' && stream.status !== 'closing') return;
  await new Promise<void>((resolve) => {
    const timer = setTimeout(() => {
      end(stream, new Error('the other side left the stream open'));
      resolve();
    }, timeoutMs);
    stream.addEventListener(
      'close',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

function end(stream: Stream, error: unknown): Error {
  const reason = asError(error);
  if (stream.status === 'open' || stream.status === 'closing') stream.abort(reason);
  return reason;
}
