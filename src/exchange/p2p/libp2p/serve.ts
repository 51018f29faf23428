/** A protocol's answering side on libp2p's streams. */
import type { Connection, Libp2p, Stream } from '@libp2p/interface';
import { asError, RefusedError } from '../../../errors.ts';
import type { createGate } from '../answering.ts';
import {
  CLOSE_TIMEOUT_MS,
  REQUEST_MAX_BYTES,
  REQUEST_TIMEOUT_MS,
  STREAM_TIMEOUT_MS,
  STREAMS_PER_CONNECTION,
} from '../limits.ts';
import type { Acquaintance } from './peer-identity.ts';
import type { Asker, OnTrouble } from '../protocol.ts';
import { answer } from './wire.ts';
import type { AnswerLimits } from './wire.ts';

export interface ServeContext {
  readonly authorOf: Acquaintance['authorOf'];
  readonly node: Libp2p;
  readonly signal: AbortSignal;
  readonly onTrouble: OnTrouble;
  readonly gate: ReturnType<typeof createGate>;
}

const REQUEST_LIMITS: AnswerLimits = {
  // A request and its length prefix.
  maxBytes: REQUEST_MAX_BYTES + 16,
  maxFrameBytes: REQUEST_MAX_BYTES,
  timeoutMs: STREAM_TIMEOUT_MS,
  idleMs: REQUEST_TIMEOUT_MS,
  closeMs: CLOSE_TIMEOUT_MS,
};

/** Serves a protocol until the node stops. */
export async function serve(
  context: ServeContext,
  protocol: string,
  answering: (request: Uint8Array, asker: Asker) => AsyncIterable<Uint8Array>,
): Promise<void> {
  const { signal, gate } = context;
  const handle = async (stream: Stream, connection: Connection): Promise<void> => {
    const peerId = connection.remotePeer.toString();
    const trouble = (error: unknown): void => {
      if (!signal.aborted) context.onTrouble(`answering ${protocol}`, peerId, asError(error));
    };
    const full = gate.enter(peerId);
    if (full !== undefined) {
      const error = new RefusedError('exchange/too-many-streams', full);
      stream.abort(error);
      trouble(error);
      return;
    }
    try {
      const asker: Asker = { peerId, author: context.authorOf(peerId) };
      await answer(stream, REQUEST_LIMITS, signal, (request) => answering(request, asker));
    } catch (error) {
      trouble(error);
    } finally {
      gate.leave(peerId);
    }
  };
  await context.node.handle(protocol, handle, {
    maxInboundStreams: STREAMS_PER_CONNECTION,
    maxOutboundStreams: STREAMS_PER_CONNECTION,
    // Through a relay too: who asks is proven end to end, and has the same budgets there.
    runOnLimitedConnection: true,
  });
}
