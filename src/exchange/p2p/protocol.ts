/** What every protocol of ours does before it answers: know who asks, and whether that is too often. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { RefusedError } from '../../errors.ts';
import type { AuthorId } from '../record/types.ts';
import { refusal } from './codec.ts';
import type { Refusal } from './generated/refusal_pb.ts';
import {
  FRAME_MAX_BYTES,
  IDLE_TIMEOUT_MS,
  RATE_LIMIT_MAX_PEERS,
  REQUEST_MAX_BYTES,
  REQUEST_TIMEOUT_MS,
  STREAM_TIMEOUT_MS,
  STREAMS_PER_CONNECTION,
} from './limits.ts';
import { authorOf } from './peer-identity.ts';
import { createRateLimiter, describeLimit } from './rate-limit.ts';
import type { RateLimit } from './rate-limit.ts';
import { answer } from './wire.ts';
import type { StreamLimits } from './wire.ts';

/** Tells whoever runs the node what went wrong with whom; nothing is swallowed. */
export type OnTrouble = (what: string, peer: string, error: Error) => void;

export interface Asker {
  readonly peerId: string;
  /** Null for a key that can be nobody's author. */
  readonly author: AuthorId | null;
  readonly connection: Connection;
}

export interface Protocol {
  readonly id: string;
  readonly limit: RateLimit;
  /** Frames of the answer. `refuse` makes one that says no. */
  respond(request: Uint8Array, asker: Asker): AsyncIterable<Uint8Array>;
  refuse(said: Refusal): Uint8Array;
}

export interface ServeContext {
  readonly node: Libp2p;
  readonly signal: AbortSignal;
  readonly now: () => number;
  readonly onTrouble: OnTrouble;
}

const REQUEST_LIMITS: StreamLimits = {
  // A request and its length prefix.
  maxBytes: REQUEST_MAX_BYTES + 16,
  maxFrameBytes: REQUEST_MAX_BYTES,
  timeoutMs: STREAM_TIMEOUT_MS,
  idleMs: REQUEST_TIMEOUT_MS,
};

/** Limits for an answer of so many bytes. */
export function answerLimits(maxBytes: number): StreamLimits {
  return { maxBytes, maxFrameBytes: FRAME_MAX_BYTES, timeoutMs: STREAM_TIMEOUT_MS, idleMs: IDLE_TIMEOUT_MS };
}

/** Serves a protocol until the node stops. */
export async function serve(context: ServeContext, protocol: Protocol): Promise<void> {
  const rate = createRateLimiter(protocol.limit, context.now, RATE_LIMIT_MAX_PEERS);
  const handle = async (stream: Stream, connection: Connection): Promise<void> => {
    const peerId = connection.remotePeer.toString();
    const asker: Asker = { peerId, author: authorOf(connection.remotePeer), connection };
    try {
      await answer(stream, REQUEST_LIMITS, context.signal, async function* (request) {
        const verdict = rate(peerId);
        if (!verdict.allowed) {
          yield protocol.refuse(refusal('RATE_LIMITED', describeLimit(protocol.limit), verdict.retryAfterMs));
          return;
        }
        try {
          yield* protocol.respond(request, asker);
        } catch (error) {
          if (!(error instanceof RefusedError)) throw error;
          context.onTrouble(`answering ${protocol.id}`, peerId, error);
          yield protocol.refuse(refusal('BAD_REQUEST', error.message));
        }
      });
    } catch (error) {
      if (!context.signal.aborted) context.onTrouble(`answering ${protocol.id}`, peerId, asError(error));
    }
  };
  await context.node.handle(protocol.id, handle, {
    maxInboundStreams: STREAMS_PER_CONNECTION,
    maxOutboundStreams: STREAMS_PER_CONNECTION,
    runOnLimitedConnection: false,
  });
}

export function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
