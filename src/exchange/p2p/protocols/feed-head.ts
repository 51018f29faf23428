/**
 * `/portalgun/feed-head/1.0.0`: how far has somebody this feed? Asked by its author before they sign the next record: a
 * node that was restored from an old backup learns here that it is behind itself (threat 8).
 */
import { create } from '@bufbuild/protobuf';
import type { Digest } from '../../../crypto/digest.ts';
import type { Position } from '../../record/links.ts';
import type { AuthorId } from '../../record/types.ts';
import type { RecordStore } from '../../store/types.ts';
import {
  authorBytes,
  authorFrom,
  badMessage,
  countFrom,
  decode,
  digestBytes,
  digestOf,
  encode,
  refusal,
  refusedBy,
} from '../codec.ts';
import type { Conversation, Step } from '../conversation.ts';
import { AnswerSchema, AskSchema, HeldSchema } from '../generated/feed-head_pb.ts';
import type { Answer } from '../generated/feed-head_pb.ts';
import { FRAME_MAX_BYTES, RATE_LIMITS } from '../limits.ts';
import type { Protocol } from '../protocol.ts';
import { PUBLIC_SCOPE } from '../../record/feed-link.ts';

export const FEED_HEAD_PROTOCOL = '/portalgun/feed-head/1.0.0';

/** How far somebody says to have a feed. `id` is null, and seq 0, for who has nothing of it yet. */
export interface Held extends Position {
  readonly id: Digest | null;
}

export interface FeedHeadContext {
  readonly network: string;
  readonly store: RecordStore;
  readonly carries: (author: AuthorId) => boolean;
}

export function feedHeadProtocol({ network, store, carries }: FeedHeadContext): Protocol {
  return {
    id: FEED_HEAD_PROTOCOL,
    limit: RATE_LIMITS.sync,
    refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
    async *respond(request) {
      const asked = decode(AskSchema, request);
      const author = authorFrom(asked.author);
      const no = (...said: Parameters<typeof refusal>): Uint8Array =>
        encodeAnswer({ case: 'refusal', value: refusal(...said) });
      if (asked.network !== network) {
        yield no('WRONG_NETWORK', `this node is in ${network}`);
      } else if (!carries(author)) {
        yield no('NOT_FOUND', 'this node does not carry that feed');
      } else {
        yield encodeAnswer({ case: 'held', value: wireHeld(await store.head(author, PUBLIC_SCOPE)) });
      }
    },
  };
}

/** Resolves with what the peer says. Rejects with RefusedError `exchange/refused-by-peer`, `exchange/bad-message`. */
export class FeedHeadQuestion implements Conversation<Held> {
  readonly protocol = FEED_HEAD_PROTOCOL;
  readonly answerMaxBytes = FRAME_MAX_BYTES;
  readonly #peer: string;
  readonly #network: string;
  readonly #author: AuthorId;
  #asked = false;
  #held: Held | undefined;

  constructor(peer: string, network: string, author: AuthorId) {
    this.#peer = peer;
    this.#network = network;
    this.#author = author;
  }

  async next(): Promise<Step<Held>> {
    if (this.#held !== undefined) return { done: this.#held };
    if (this.#asked) throw badMessage('it has no answer in it');
    this.#asked = true;
    const ask = create(AskSchema, { network: this.#network, author: authorBytes(this.#author) });
    return { ask: encode(AskSchema, ask) };
  }

  async frame(bytes: Uint8Array): Promise<void> {
    const { answer } = decode(AnswerSchema, bytes);
    if (answer.case === 'refusal') throw refusedBy(this.#peer, answer.value);
    if (answer.case !== 'held') return;
    const { recovery, epoch, seq, id } = answer.value;
    this.#held = { recovery, epoch, seq: countFrom(seq), id: seq === 0n ? null : digestOf(id) };
  }

  broke(error: Error): void {
    throw error;
  }
}

function wireHeld(head: (Position & { readonly id: Digest }) | undefined) {
  if (head === undefined) return create(HeldSchema, {});
  const { recovery, epoch, seq, id } = head;
  return create(HeldSchema, { recovery, epoch, seq: BigInt(seq), id: digestBytes(id) });
}

function encodeAnswer(answer: Answer['answer']): Uint8Array {
  return encode(AnswerSchema, create(AnswerSchema, { answer }));
}
