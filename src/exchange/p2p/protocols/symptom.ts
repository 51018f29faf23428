/** `/portalgun/symptom/1.0.0`: where are patches that cure this? The feeds themselves come by sync, and are judged there. */
import { create } from '@bufbuild/protobuf';
import type { Digest } from '../../../crypto/digest.ts';
import { judge } from '../../record/meaning.ts';
import type { AuthorId, VerifiedRecord } from '../../record/types.ts';
import type { RecordStore } from '../../store/types.ts';
import {
  authorBytes,
  authorFrom,
  countFrom,
  decode,
  digestBytes,
  digestOf,
  encode,
  refusal,
  refusedBy,
} from '../codec.ts';
import type { Conversation, Step } from '../conversation.ts';
import { AnswerSchema, AskSchema, PlaceSchema } from '../generated/symptom_pb.ts';
import type { Refusal } from '../generated/refusal_pb.ts';
import { FRAME_MAX_BYTES, RATE_LIMITS, SYMPTOM_MAX_PLACES } from '../limits.ts';
import type { Asker, Protocol } from '../protocol.ts';

export const SYMPTOM_PROTOCOL = '/portalgun/symptom/1.0.0';

export interface SymptomContext {
  readonly network: string;
  readonly store: RecordStore;
  readonly carries: (author: AuthorId) => boolean;
  readonly mayAsk: (asker: Asker) => boolean;
}

/** Where a patch stands. A hint: only the record itself, once admitted, says what it is. */
export interface Place {
  readonly author: AuthorId;
  readonly seq: number;
  readonly id: Digest;
}

export function symptomProtocol(context: SymptomContext): Protocol {
  const refuse = (said: Refusal): Uint8Array => encode(AnswerSchema, create(AnswerSchema, { refusal: said }));
  return {
    id: SYMPTOM_PROTOCOL,
    limit: RATE_LIMITS.symptom,
    refuse,
    async *respond(request, asker) {
      const asked = decode(AskSchema, request);
      if (!context.mayAsk(asker)) {
        yield refuse(refusal('NOT_ALLOWED', 'this node tells only peers of its policy about symptoms'));
        return;
      }
      if (asked.network !== context.network) {
        yield refuse(refusal('WRONG_NETWORK', `this node is in ${context.network}`));
        return;
      }
      const patches = await patchesFor(context, digestOf(asked.symptom));
      yield encode(AnswerSchema, create(AnswerSchema, { patches: patches.map(wirePlace) }));
    },
  };
}

/** Public patches in the store that say they cure this symptom: of each author as many, as far as they have them. */
async function patchesFor(context: SymptomContext, symptom: Digest): Promise<Place[]> {
  const found = new Map<AuthorId, Place[]>();
  for await (const record of context.store.naming(symptom, context.carries)) {
    const { id, link } = record;
    const { author, seq } = link;
    const places = found.get(author) ?? [];
    if (places.length === SYMPTOM_MAX_PLACES || !curesSymptom(record, symptom)) continue;
    places.push({ author, seq, id });
    found.set(author, places);
  }
  const rounds = Array.from({ length: SYMPTOM_MAX_PLACES }, (_, round) =>
    [...found.values()].flatMap((places) => places.slice(round, round + 1)),
  );
  return rounds.flat().slice(0, SYMPTOM_MAX_PLACES);
}

export function curesSymptom(record: VerifiedRecord, symptom: Digest): boolean {
  const judged = judge(record);
  return judged.understood && judged.meaning.kind === 'patch' && judged.meaning.symptom === symptom;
}

/** Resolves with where such patches are. Rejects with RefusedError `exchange/refused-by-peer`, `exchange/bad-message`. */
export class SymptomQuestion implements Conversation<readonly Place[]> {
  readonly protocol = SYMPTOM_PROTOCOL;
  readonly answerMaxBytes = FRAME_MAX_BYTES;
  readonly #peer: string;
  readonly #network: string;
  readonly #symptom: Digest;
  readonly #places: Place[] = [];
  #asked = false;

  constructor(peer: string, network: string, symptom: Digest) {
    this.#peer = peer;
    this.#network = network;
    this.#symptom = symptom;
  }

  async next(): Promise<Step<readonly Place[]>> {
    if (this.#asked) return { done: this.#places };
    this.#asked = true;
    const asked = create(AskSchema, { network: this.#network, symptom: digestBytes(this.#symptom) });
    return { ask: encode(AskSchema, asked) };
  }

  async frame(bytes: Uint8Array): Promise<void> {
    const answer = decode(AnswerSchema, bytes);
    if (answer.refusal !== undefined) throw refusedBy(this.#peer, answer.refusal);
    const room = SYMPTOM_MAX_PLACES - this.#places.length;
    for (const { author, seq, id } of answer.patches.slice(0, room)) {
      this.#places.push({ author: authorFrom(author), seq: countFrom(seq), id: digestOf(id) });
    }
  }

  broke(error: Error): void {
    throw error;
  }
}

function wirePlace({ author, seq, id }: Place) {
  return create(PlaceSchema, { author: authorBytes(author), seq: BigInt(seq), id: digestBytes(id) });
}
