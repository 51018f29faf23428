/** A conversation held on libp2p's streams: one stream for each question. */
import type { Libp2p, PeerId, Stream } from '@libp2p/interface';
import type { Conversation } from '../conversation.ts';
import { FRAME_MAX_BYTES, IDLE_TIMEOUT_MS, STREAM_TIMEOUT_MS } from '../limits.ts';
import { ask } from './wire.ts';
import { asError } from '../../../errors.ts';

/** Rejects as the conversation does, and with `exchange/timeout` or `exchange/too-much` where the peer is at fault. */
export async function converse<Result>(
  node: Libp2p,
  peer: PeerId,
  conversation: Conversation<Result>,
  signal: AbortSignal,
): Promise<Result> {
  const limits = {
    maxBytes: conversation.answerMaxBytes,
    maxFrameBytes: FRAME_MAX_BYTES,
    timeoutMs: STREAM_TIMEOUT_MS,
    idleMs: IDLE_TIMEOUT_MS,
  };
  for (;;) {
    const step = await conversation.next();
    if ('done' in step) return step.done;
    try {
      const stream = await streamTo(node, peer, conversation.protocol, signal);
      for await (const frame of ask(stream, step.ask, limits, signal)) await conversation.frame(frame);
    } catch (error) {
      if (signal.aborted) throw error;
      conversation.broke(asError(error));
    }
  }
}

/** On the best connection that there is. libp2p takes a relayed one never twice, but dials the peer anew for each stream. */
async function streamTo(node: Libp2p, peer: PeerId, protocol: string, signal: AbortSignal): Promise<Stream> {
  const options = {
    runOnLimitedConnection: true,
    signal: AbortSignal.any([signal, AbortSignal.timeout(STREAM_TIMEOUT_MS)]),
  };
  const open = node.getConnections(peer).filter(({ status }) => status === 'open');
  const connection = open.find(({ limits }) => limits === undefined) ?? open[0];
  return connection === undefined
    ? node.dialProtocol(peer, protocol, options)
    : connection.newStream(protocol, options);
}
