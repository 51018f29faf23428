/** Before and while a request is answered: is that too often, or too much? The refusal states the limit. */
import { RefusedError } from '../../errors.ts';
import type { Budgets } from './budgets.ts';
import { refusal } from './codec.ts';
import { ANSWERING_MAX, ANSWERING_MAX_OF_STRANGERS, ANSWERING_MAX_PER_PEER, RATE_LIMIT_MAX_PEERS } from './limits.ts';
import type { Asker, OnTrouble, Protocol } from './protocol.ts';
import { createRateLimiter, describeLimit } from './rate-limit.ts';

export interface AnsweringContext {
  readonly budgets: Budgets;
  readonly now: () => number;
  readonly onTrouble: OnTrouble;
}

/** One function for one protocol: request in, frames out, all of them within the asker's limits. */
export function createAnswering(context: AnsweringContext, protocol: Protocol) {
  const rate = createRateLimiter(protocol.limit, context.now, RATE_LIMIT_MAX_PEERS);
  return async function* answering(request: Uint8Array, asker: Asker): AsyncGenerator<Uint8Array> {
    const verdict = rate(asker.peerId);
    if (!verdict.allowed) {
      yield protocol.refuse(refusal('RATE_LIMITED', describeLimit(protocol.limit), verdict.retryAfterMs));
      return;
    }
    try {
      for await (const frame of protocol.respond(request, asker)) {
        const bytes = context.budgets.take(asker.peerId, 'sent', frame.length);
        if (!bytes.allowed) {
          yield protocol.refuse(refusal('RATE_LIMITED', bytes.limit, bytes.retryAfterMs));
          return;
        }
        yield frame;
      }
    } catch (error) {
      if (!(error instanceof RefusedError)) throw error;
      context.onTrouble(`answering ${protocol.id}`, asker.peerId, error);
      yield protocol.refuse(refusal('BAD_REQUEST', error.message));
    }
  };
}

/**
 * Counts what is being answered. `enter` says no, with the reason, where one more would be too many. Strangers, however
 * many they are, leave room for friends.
 */
export function createGate(isFriend: (peer: string) => boolean) {
  const open = new Map<string, { count: number; readonly isStranger: boolean }>();
  let all = 0;
  let strangers = 0;
  return {
    enter(peer: string): string | undefined {
      // As it was when the first of them came: policy may change while it is answered.
      const own = open.get(peer) ?? { count: 0, isStranger: !isFriend(peer) };
      if (own.count >= ANSWERING_MAX_PER_PEER)
        return `more than ${ANSWERING_MAX_PER_PEER} requests of one peer at once`;
      if (all >= ANSWERING_MAX) return `more than ${ANSWERING_MAX} requests at once`;
      if (own.isStranger && strangers >= ANSWERING_MAX_OF_STRANGERS) {
        return `more than ${ANSWERING_MAX_OF_STRANGERS} requests of strangers at once`;
      }
      own.count += 1;
      open.set(peer, own);
      all += 1;
      if (own.isStranger) strangers += 1;
      return undefined;
    },
    leave(peer: string): void {
      const own = open.get(peer);
      if (own === undefined) return;
      own.count -= 1;
      if (own.count === 0) open.delete(peer);
      all -= 1;
      if (own.isStranger) strangers -= 1;
    },
  };
}
