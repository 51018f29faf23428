/** `/portalgun/symptom/1.0.0`: where are patches that cure this? The feeds themselves come by sync, and are judged there. */
import { create } from '@bufbuild/protobuf';
import type { Libp2p, PeerId } from '@libp2p/interface';
import type { Digest } from '../../crypto/digest.ts';
import { judge } from '../record/meaning.ts';
import type { AuthorId, VerifiedRecord } from '../record/types.ts';
import type { RecordStore } from '../store/types.ts';
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
} from './codec.ts';
import { AnswerSchema, AskSchema, PlaceSchema } from './generated/symptom_pb.ts';
import type { Refusal } from './generated/refusal_pb.ts';
import { FRAME_MAX_BYTES, RATE_LIMITS, STREAM_TIMEOUT_MS, SYMPTOM_MAX_PLACES } from './limits.ts';
import { answerLimits } from './protocol.ts';
import type { Asker, Protocol } from './protocol.ts';
import { PUBLIC_SCOPE } from './sync-logic.ts';
import { ask } from './wire.ts';

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

/** Public patches in the store that say they cure this symptom. */
async function patchesFor(context: SymptomContext, symptom: Digest): Promise<VerifiedRecord[]> {
  const found: VerifiedRecord[] = [];
  for await (const record of context.store.all('patch')) {
    if (record.link.scope !== PUBLIC_SCOPE || !context.carries(record.link.author)) continue;
    if (!curesSymptom(record, symptom)) continue;
    found.push(record);
    if (found.length === SYMPTOM_MAX_PLACES) break;
  }
  return found;
}

export function curesSymptom(record: VerifiedRecord, symptom: Digest): boolean {
  const judged = judge(record);
  return judged.understood && judged.meaning.kind === 'patch' && judged.meaning.symptom === symptom;
}

/** @throws RefusedError `exchange/refused-by-peer`, `exchange/bad-message`; UnavailableError `exchange/timeout` */
export async function askForSymptom(
  node: Libp2p,
  peer: PeerId,
  network: string,
  symptom: Digest,
  signal: AbortSignal,
): Promise<Place[]> {
  const stream = await node.dialProtocol(peer, SYMPTOM_PROTOCOL, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(STREAM_TIMEOUT_MS)]),
  });
  const request = encode(AskSchema, create(AskSchema, { network, symptom: digestBytes(symptom) }));
  const places: Place[] = [];
  for await (const frame of ask(stream, request, answerLimits(FRAME_MAX_BYTES), signal)) {
    const answer = decode(AnswerSchema, frame);
    if (answer.refusal !== undefined) throw refusedBy(peer.toString(), answer.refusal);
    for (const { author, seq, id } of answer.patches.slice(0, SYMPTOM_MAX_PLACES)) {
      places.push({ author: authorFrom(author), seq: countFrom(seq), id: digestOf(id) });
    }
    break;
  }
  return places;
}

function wirePlace({ id, link }: VerifiedRecord) {
  return create(PlaceSchema, { author: authorBytes(link.author), seq: BigInt(link.seq), id: digestBytes(id) });
}
