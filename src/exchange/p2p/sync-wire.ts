/** `/portalgun/sync/1.0.0`: sync-logic.ts on streams and on the store. Every record goes through `RecordStore.admitAll`. */
import { create } from '@bufbuild/protobuf';
import type { Libp2p, PeerId } from '@libp2p/interface';
import { RefusedError } from '../../errors.ts';
import type { Admission, AuthorId } from '../record/types.ts';
import type { OwnStore } from '../store/types.ts';
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
import { AnswerSchema, AskSchema, MarkSchema } from './generated/sync_pb.ts';
import type { Answer, Mark as WireMark } from './generated/sync_pb.ts';
import {
  RATE_LIMITS,
  STREAM_TIMEOUT_MS,
  SYNC_MAX_BYTES,
  SYNC_MAX_MARKS,
  SYNC_MAX_RECORDS,
  SYNC_MAX_REFUSED,
  SYNC_MAX_ROUNDS,
  SYNC_READ_RECORDS,
} from './limits.ts';
import { answerLimits } from './protocol.ts';
import type { OnTrouble, Protocol } from './protocol.ts';
import { marksFor, packFrames, planShipments, PUBLIC_SCOPE } from './sync-logic.ts';
import type { Holdings, Mark, Shipment, SignedAt } from './sync-logic.ts';
import { ask } from './wire.ts';

export const SYNC_PROTOCOL = '/portalgun/sync/1.0.0';

export interface SyncContext {
  readonly network: string;
  readonly store: OwnStore;
  /** Authors whose public feeds this node has and gives, its own included. */
  readonly carries: (author: AuthorId) => boolean;
  readonly carried: () => readonly AuthorId[];
  readonly onAdmission: (admission: Admission, from: string) => void;
  readonly onTrouble: OnTrouble;
  readonly now: () => number;
}

/** What the answering side does besides answering. */
export interface AnsweringHooks {
  /** Before each answer: the own signed head must be about the newest own record. */
  readonly renewHead: () => Promise<void>;
  /** The asker has more than we do. */
  readonly onBehind: (peer: PeerId) => void;
}

/** The answering side. */
export function syncProtocol(context: SyncContext, { renewHead, onBehind }: AnsweringHooks): Protocol {
  return {
    id: SYNC_PROTOCOL,
    limit: RATE_LIMITS.sync,
    refuse: (said) => encodeAnswer({ case: 'refusal', value: said }),
    async *respond(request, asker) {
      const asked = decode(AskSchema, request);
      if (asked.network !== context.network) {
        yield encodeAnswer({ case: 'refusal', value: refusal('WRONG_NETWORK', `this node is in ${context.network}`) });
        return;
      }
      if (asked.marks.length > SYNC_MAX_MARKS) {
        const said = refusal('TOO_LARGE', `at most ${SYNC_MAX_MARKS} feeds in one request`);
        yield encodeAnswer({ case: 'refusal', value: said });
        return;
      }
      const marks = asked.marks.map(markFrom);
      await renewHead();
      const plan = planShipments(marks, await holdingsOf(context), context.carries);
      const budget: Budget = { records: SYNC_MAX_RECORDS, bytes: SYNC_MAX_BYTES, exceeded: false };
      for await (const envelopes of packFrames(ship(context.store, plan.shipments, budget))) {
        yield encodeAnswer({ case: 'records', value: { $typeName: 'portalgun.sync.v1.Records', envelopes } });
      }
      // Heads come after the records that they speak of: a head by itself makes a feed look behind.
      for await (const envelopes of packFrames(signedHeads(context.store, plan.newerHeads))) {
        yield encodeAnswer({ case: 'heads', value: { $typeName: 'portalgun.sync.v1.Heads', envelopes } });
      }
      for (const { author, scope, proof } of plan.proofs.length === 0 ? [] : await context.store.frozen()) {
        if (scope !== PUBLIC_SCOPE || !plan.proofs.includes(author)) continue;
        const [a, b] = proof;
        yield encodeAnswer({ case: 'proof', value: { $typeName: 'portalgun.sync.v1.Proof', a, b } });
      }
      yield encodeAnswer({ case: 'end', value: { $typeName: 'portalgun.sync.v1.End', more: budget.exceeded } });
      if (plan.behind.length > 0) onBehind(asker.connection.remotePeer);
    },
  };
}

/**
 * The asking side: one sync with one peer, as many rounds as it takes.
 *
 * @returns how many records were admitted
 * @throws RefusedError `exchange/refused-by-peer`, `exchange/bad-message`, `exchange/bad-records`; UnavailableError `exchange/timeout`
 */
export async function syncWith(node: Libp2p, peer: PeerId, context: SyncContext, signal: AbortSignal): Promise<number> {
  let admitted = 0;
  const requests = marksFor(context.carried(), await holdingsOf(context));
  for (let request = 0; request < requests.length; request += 1) {
    for (let round = 0; round < SYNC_MAX_ROUNDS; round += 1) {
      // Marks are read anew each round: what the last one brought is not asked for again.
      const marks = marksFor(context.carried(), await holdingsOf(context))[request] ?? [];
      const outcome = await askOnce(node, peer, context, marks, signal);
      admitted += outcome.admitted;
      if (!outcome.more || outcome.admitted === 0) break;
    }
  }
  return admitted;
}

interface Outcome {
  admitted: number;
  refused: number;
  more: boolean;
}

async function askOnce(
  node: Libp2p,
  peer: PeerId,
  context: SyncContext,
  marks: readonly Mark[],
  signal: AbortSignal,
): Promise<Outcome> {
  const outcome: Outcome = { admitted: 0, refused: 0, more: false };
  const from = peer.toString();
  const stream = await node.dialProtocol(peer, SYNC_PROTOCOL, {
    signal: AbortSignal.any([signal, AbortSignal.timeout(STREAM_TIMEOUT_MS)]),
  });
  const request = encode(AskSchema, create(AskSchema, { network: context.network, marks: marks.map(wireMark) }));
  // Records, and as much again for what frames them when they are small.
  for await (const frame of ask(stream, request, answerLimits(2 * SYNC_MAX_BYTES), signal)) {
    const { answer } = decode(AnswerSchema, frame);
    if (answer.case === 'refusal') throw refusedBy(from, answer.value);
    if (answer.case === 'end') outcome.more = answer.value.more;
    else await take(context, from, answer, outcome);
    if (outcome.refused > SYNC_MAX_REFUSED) {
      throw new RefusedError('exchange/bad-records', `${from} sent ${outcome.refused} records that were refused`, {
        facts: { peer: from, refused: outcome.refused, limit: SYNC_MAX_REFUSED },
      });
    }
  }
  return outcome;
}

/** Everything that comes is judged by the store, as if it came from anywhere. */
async function take(context: SyncContext, from: string, answer: Answer['answer'], outcome: Outcome): Promise<void> {
  const follows = context.carries;
  if (answer.case === 'records') {
    for (const admission of await context.store.admitAll(answer.value.envelopes, { follows })) {
      context.onAdmission(admission, from);
      if (admission.result === 'admitted') outcome.admitted += 1;
      if (admission.result === 'refused') outcome.refused += 1;
    }
  }
  const judged = [];
  if (answer.case === 'heads') {
    for (const envelope of answer.value.envelopes.slice(0, SYNC_MAX_MARKS)) {
      judged.push(await context.store.putHead(envelope, { now: new Date(context.now()), follows }));
    }
  }
  if (answer.case === 'proof') judged.push(await context.store.putProof(answer.value.a, answer.value.b, { follows }));
  for (const one of judged) {
    if (one.result !== 'refused') continue;
    outcome.refused += 1;
    context.onTrouble('a signed head or a fork proof', from, new RefusedError('exchange/bad-records', one.detail));
  }
}

async function holdingsOf({ store, carried }: SyncContext): Promise<Holdings> {
  const signed = new Map<AuthorId, SignedAt>();
  for (const author of carried()) {
    const newest = await store.headOf(author, PUBLIC_SCOPE);
    if (newest === undefined) continue;
    signed.set(author, { seq: newest.head.seq, issuedAt: Math.floor(newest.issuedAt.getTime() / 1000) });
  }
  const frozen = await store.frozen();
  return {
    heads: await store.heads(),
    signed,
    frozen: new Set(frozen.filter(({ scope }) => scope === PUBLIC_SCOPE).map(({ author }) => author)),
  };
}

async function* signedHeads(store: OwnStore, authors: readonly AuthorId[]): AsyncGenerator<Uint8Array> {
  for (const author of authors) {
    const signed = await store.headOf(author, PUBLIC_SCOPE);
    if (signed !== undefined) yield signed.envelope;
  }
}

interface Budget {
  records: number;
  bytes: number;
  exceeded: boolean;
}

async function* ship(store: OwnStore, shipments: readonly Shipment[], budget: Budget): AsyncGenerator<Uint8Array> {
  for (const { author, afterSeq, known } of shipments) {
    let after = afterSeq;
    for (;;) {
      const records = await store.range(author, PUBLIC_SCOPE, after, SYNC_READ_RECORDS);
      const last = records.at(-1);
      if (last === undefined) break;
      for (const { id, envelope } of records) {
        if (id === known) continue;
        if (budget.records === 0 || envelope.length > budget.bytes) {
          budget.exceeded = true;
          return;
        }
        budget.records -= 1;
        budget.bytes -= envelope.length;
        yield envelope;
      }
      after = last.link.seq;
    }
  }
}

function encodeAnswer(answer: Answer['answer']): Uint8Array {
  return encode(AnswerSchema, { $typeName: 'portalgun.sync.v1.Answer', answer });
}

function wireMark(mark: Mark): WireMark {
  return create(MarkSchema, {
    author: authorBytes(mark.author),
    recovery: mark.recovery,
    epoch: mark.epoch,
    seq: BigInt(mark.seq),
    id: mark.id === null ? new Uint8Array() : digestBytes(mark.id),
    headSeq: BigInt(mark.signed?.seq ?? 0),
    headIssuedAt: BigInt(mark.signed?.issuedAt ?? 0),
    frozen: mark.frozen,
  });
}

function markFrom(mark: WireMark): Mark {
  return {
    author: authorFrom(mark.author),
    recovery: mark.recovery,
    epoch: mark.epoch,
    seq: countFrom(mark.seq),
    id: mark.id.length === 0 ? null : digestOf(mark.id),
    signed: mark.headSeq === 0n ? null : { seq: countFrom(mark.headSeq), issuedAt: countFrom(mark.headIssuedAt) },
    frozen: mark.frozen,
  };
}
