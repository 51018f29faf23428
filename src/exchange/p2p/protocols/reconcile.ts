/**
 * `/portalgun/reconcile/1.0.0`: in what does your list differ from mine? Two lists of 100,000 entries that differ in ten are
 * compared with some 25 KB; the lists themselves have megabytes.
 *
 * The answering side remembers nothing of who asks; it keeps the last few lists ready, since one comparison takes several
 * questions. What a peer says its list holds is checked by whoever compares, against the digest that the peer has signed.
 */
import { createHash } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import type { Digest } from '../../../crypto/digest.ts';
import { RefusedError } from '../../../errors.ts';
import { answerMessage, ItemSet, Reconciliation } from '../../reconcile/index.ts';
import { isOfType, typeOf, type BlobContext, type WantedBlob } from './blob.ts';
import { decode, digestBytes, digestOf, encode, refusal, refusedBy } from '../codec.ts';
import type { Conversation, Step } from '../conversation.ts';
import { AnswerSchema, AskSchema, EntriesSchema, WantedSchema } from '../generated/reconcile_pb.ts';
import type { Answer, Ask } from '../generated/reconcile_pb.ts';
import {
  BLOB_TYPE_MAX_LENGTH,
  FRAME_MAX_BYTES,
  RATE_LIMITS,
  RECONCILE_ANSWER_BYTES,
  RECONCILE_LISTS_KEPT,
  RECONCILE_MAX_DIFFERENCES,
  RECONCILE_MAX_MESSAGES,
  RECONCILE_MAX_WANTED,
  RECONCILE_MESSAGE_BYTES,
} from '../limits.ts';
import type { Protocol } from '../protocol.ts';
import type { ListDifference } from '../types.ts';

export const RECONCILE_PROTOCOL = '/portalgun/reconcile/1.0.0';

/** What frames the entries of one frame, and one more entry than fits. */
const ENTRIES_FRAME_BYTES = FRAME_MAX_BYTES / 2;

export function reconcileProtocol(context: BlobContext): Protocol {
  const lists = keptLists(context);
  const no = (code: Parameters<typeof refusal>[0], detail: string): Uint8Array =>
    encodeAnswer({ case: 'refusal', value: refusal(code, detail) });
  return {
    id: RECONCILE_PROTOCOL,
    limit: RATE_LIMITS.reconcile,
    refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
    async *respond(request, asker) {
      const { network, type, digest, question } = decode(AskSchema, request);
      if (!context.mayAsk(asker)) {
        yield no('NOT_ALLOWED', 'this node compares lists only with peers of its policy');
        return;
      }
      if (network !== context.network) {
        yield no('WRONG_NETWORK', `this node is in ${context.network}`);
        return;
      }
      const wanted = digestOf(digest);
      const list = (await context.maySee(asker, wanted)) ? await lists(type, wanted) : undefined;
      if (list === undefined) {
        yield no('NOT_FOUND', 'this node has no list of that type with that digest');
        return;
      }
      if (question.case === 'message') {
        yield encodeAnswer({
          case: 'message',
          value: answerMessage(list.set, question.value, RECONCILE_MESSAGE_BYTES),
        });
      } else if (question.case === 'wanted') {
        if (question.value.ids.length > RECONCILE_MAX_WANTED) {
          yield no('BAD_REQUEST', `more than ${RECONCILE_MAX_WANTED} entries wanted at once`);
          return;
        }
        yield* framed(question.value.ids.flatMap((id) => list.entries.get(keyOf(id)) ?? []));
      } else yield no('BAD_REQUEST', 'nothing is asked');
    },
  };
}

/** Up to the bytes of one answer. */
function* framed(entries: readonly Uint8Array[]): Generator<Uint8Array> {
  let [frame, frameBytes, bytes] = [[] as Uint8Array[], 0, 0];
  for (const entry of entries) {
    if (bytes + entry.length > RECONCILE_ANSWER_BYTES) break;
    if (frameBytes + entry.length > ENTRIES_FRAME_BYTES && frame.length > 0) {
      yield encodeEntries(frame);
      [frame, frameBytes] = [[], 0];
    }
    frame.push(entry);
    frameBytes += entry.length;
    bytes += entry.length;
  }
  yield encodeEntries(frame);
}

interface List {
  readonly set: ItemSet;
  readonly entries: ReadonlyMap<string, Uint8Array>;
}

/** The lists of the store, each taken apart once and kept for a while: the least lately used ones go. */
function keptLists({ types, store }: BlobContext): (type: string, digest: Digest) => Promise<List | undefined> {
  const kept = new Map<string, List>();
  return async (name, digest) => {
    const type = name.length <= BLOB_TYPE_MAX_LENGTH ? typeOf(types, name) : undefined;
    if (type?.entries === undefined) return undefined;
    const key = `${name} ${digest}`;
    let list = kept.get(key);
    if (list === undefined) {
      const bytes = await store.blobs.get(digest);
      if (bytes === undefined || !isOfType(type, bytes)) return undefined;
      const entries = new Map(type.entries(bytes).map((entry) => [keyOf(idOf(entry)), entry]));
      list = { set: new ItemSet([...entries.keys()].map((one) => ({ id: Buffer.from(one, 'latin1') }))), entries };
    }
    kept.delete(key);
    kept.set(key, list);
    for (const oldest of kept.keys()) {
      if (kept.size <= RECONCILE_LISTS_KEPT) break;
      kept.delete(oldest);
    }
    return list;
  };
}

/**
 * The asking side: messages until it is known what differs, then the entries that only the peer has.
 *
 * Rejects with RefusedError `exchange/too-different`, `exchange/bad-list`, `reconcile/bad-message`,
 * `exchange/refused-by-peer`.
 */
export class ListQuestion implements Conversation<ListDifference> {
  readonly protocol = RECONCILE_PROTOCOL;
  // Of the largest answer, with what frames it.
  readonly answerMaxBytes = 2 * RECONCILE_ANSWER_BYTES;
  readonly #peer: string;
  readonly #wanted: WantedBlob;
  readonly #indices: Map<string, number>;
  readonly #reconciliation: Reconciliation;
  readonly #onlyHere = new Set<number>();
  /** Ids of entries that only the peer has, and that have not come yet. */
  readonly #missing = new Map<string, Uint8Array>();
  readonly #onlyThere: Uint8Array[] = [];
  #bytesLeft: number;
  #message: Uint8Array | undefined;
  #messages = 0;
  #awaits: 'message' | 'entries' | undefined;
  #missingBefore = 0;

  /** `maxBytes`: of a whole list of this type. */
  constructor(peer: string, wanted: WantedBlob, own: readonly Uint8Array[], maxBytes: number) {
    this.#peer = peer;
    this.#bytesLeft = maxBytes;
    this.#wanted = wanted;
    this.#indices = new Map(own.map((entry, index) => [keyOf(idOf(entry)), index]));
    const ids = [...this.#indices.keys()].map((key) => ({ id: Buffer.from(key, 'latin1') }));
    this.#reconciliation = new Reconciliation(new ItemSet(ids), RECONCILE_MESSAGE_BYTES);
    this.#message = this.#reconciliation.first();
  }

  async next(): Promise<Step<ListDifference>> {
    if (this.#awaits === 'message') throw this.#bad('it did not answer');
    if (this.#message !== undefined) {
      this.#messages += 1;
      if (this.#messages > RECONCILE_MAX_MESSAGES) throw this.#bad(`more than ${RECONCILE_MAX_MESSAGES} messages`);
      this.#awaits = 'message';
      return this.#ask({ case: 'message', value: this.#message });
    }
    if (this.#missing.size === 0) return { done: { onlyHere: [...this.#onlyHere], onlyThere: this.#onlyThere } };
    if (this.#awaits === 'entries' && this.#missing.size === this.#missingBefore) {
      throw this.#bad('it did not send entries that it says it has');
    }
    this.#missingBefore = this.#missing.size;
    this.#awaits = 'entries';
    const ids = [...this.#missing.values()].slice(0, RECONCILE_MAX_WANTED);
    return this.#ask({ case: 'wanted', value: create(WantedSchema, { ids }) });
  }

  async frame(bytes: Uint8Array): Promise<void> {
    const { answer } = decode(AnswerSchema, bytes);
    if (answer.case === 'refusal') throw refusedBy(this.#peer, answer.value);
    if (answer.case === undefined || answer.case !== this.#awaits) throw this.#bad('it answered what was not asked');
    if (answer.case === 'message') this.#learn(answer.value);
    else for (const entry of answer.value.entries) this.#take(entry);
  }

  broke(error: Error): void {
    throw error;
  }

  #learn(message: Uint8Array): void {
    this.#awaits = undefined;
    const { have, need, next } = this.#reconciliation.take(message);
    for (const id of have) {
      const index = this.#indices.get(keyOf(id));
      if (index !== undefined) this.#onlyHere.add(index);
    }
    for (const id of need) this.#missing.set(keyOf(id), id);
    this.#message = next;
    const differences = this.#onlyHere.size + this.#missing.size;
    if (differences > RECONCILE_MAX_DIFFERENCES) {
      throw new RefusedError(
        'exchange/too-different',
        `the lists differ in more than ${RECONCILE_MAX_DIFFERENCES} entries`,
        {
          facts: { peer: this.#peer, differences },
        },
      );
    }
  }

  #take(entry: Uint8Array): void {
    if (!this.#missing.delete(keyOf(idOf(entry)))) throw this.#bad('it sent an entry that was not asked for');
    this.#bytesLeft -= entry.length;
    if (this.#bytesLeft < 0) throw this.#bad('its entries are more than a list of that type may have');
    this.#onlyThere.push(Uint8Array.from(entry));
  }

  #ask(question: Ask['question']): Step<ListDifference> {
    const { network, type, digest } = this.#wanted;
    const asked = create(AskSchema, { network, type, digest: digestBytes(digest) });
    return { ask: encode(AskSchema, { ...asked, question }) };
  }

  #bad(what: string): RefusedError {
    const { digest } = this.#wanted;
    return new RefusedError(
      'exchange/bad-list',
      `${this.#peer} does not compare its list ${digest} as it should: ${what}`,
      {
        facts: { peer: this.#peer, digest },
      },
    );
  }
}

function idOf(entry: Uint8Array): Uint8Array {
  return createHash('sha256').update(entry).digest();
}

function keyOf(id: Uint8Array): string {
  return Buffer.from(id).toString('latin1');
}

function encodeEntries(entries: readonly Uint8Array[]): Uint8Array {
  return encodeAnswer({ case: 'entries', value: create(EntriesSchema, { entries: [...entries] }) });
}

function encodeAnswer(answer: Answer['answer']): Uint8Array {
  return encode(AnswerSchema, { $typeName: 'portalgun.reconcile.v1.Answer', answer });
}
