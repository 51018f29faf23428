/** The asking side of a sync: one conversation with one peer, as many rounds as it takes. */
import { RefusedError, UnavailableError } from '../../../errors.ts';
import { decodeForkProof } from '../../record/fork-proof.ts';
import { feedOfHead } from '../../record/head.ts';
import type { Admission, AuthorId, Scope } from '../../record/types.ts';
import { isRefusal } from '../../record/refusal.ts';
import { refusedBy } from '../codec.ts';
import type { Conversation, Step } from '../conversation.ts';
import { RefusalCode } from '../generated/refusal_pb.ts';
import type { Answer } from '../generated/sync_pb.ts';
import { SYNC_FULL_EVERY, SYNC_JUDGED_TOGETHER, SYNC_MAX_BYTES, SYNC_MAX_MARKS, SYNC_MAX_ROUNDS } from '../limits.ts';
import type { Said } from './mark-memory.ts';
import { holdingsOf, signedAtOf } from './context.ts';
import type { SyncContext } from './context.ts';
import { marksFor, sameMark } from './logic.ts';
import type { Mark } from './logic.ts';
import { decodeAnswer, encodeAsk, GROUP_SYNC_PROTOCOL, SYNC_PROTOCOL } from './messages.ts';
import { costsSomething, Refusals } from './refusals.ts';
import { PUBLIC_SCOPE } from '../../record/feed-link.ts';

type Refused = Extract<Admission, { result: 'refused' }>;

/**
 * Resolves with how many records were admitted. Rejects with RefusedError `exchange/refused-by-peer`,
 * `exchange/bad-message`, `exchange/bad-records`; UnavailableError `exchange/incomplete`.
 */
export class SyncQuestion implements Conversation<number> {
  readonly protocol: string;
  /** Records, and as much again for what frames them when they are small. */
  readonly answerMaxBytes = 2 * SYNC_MAX_BYTES;
  readonly #context: SyncContext;
  readonly #peer: string;
  #said: Said | undefined;
  /** The answer that is awaited or has come. */
  #round: Round | undefined;
  #rounds = 0;
  /** Marks said so far, where the answerer remembers nothing and each request stands for itself. */
  #cursor = 0;
  #admitted = 0;
  readonly #refusals: Refusals;

  constructor(context: SyncContext, peer: string) {
    this.#context = context;
    this.#peer = peer;
    this.protocol = context.scope === PUBLIC_SCOPE ? SYNC_PROTOCOL : GROUP_SYNC_PROTOCOL;
    this.#refusals = new Refusals(context, peer);
    const said = context.said.get(peer);
    // Should the two ever disagree about what was said, it does not last.
    if (said !== undefined && said.exchanges < SYNC_FULL_EVERY) this.#said = said;
  }

  async next(): Promise<Step<number>> {
    const goOn = this.#round === undefined || this.#conclude(this.#round);
    if (!goOn || this.#rounds === SYNC_MAX_ROUNDS) return { done: this.#admitted };
    if (this.#rounds === 0) await this.#context.renewHead();
    this.#rounds += 1;
    const { network, scope, carried } = this.#context;
    // Marks are read anew each round: what the last one brought is not asked for again.
    const all = marksFor(carried(), await holdingsOf(this.#context), scope);
    const said = this.#said;
    const unsaid = said === undefined ? all.slice(this.#cursor) : all.filter((mark) => !sameMark(said.marks, mark));
    const marks = unsaid.slice(0, SYNC_MAX_MARKS);
    const carriedNow = new Set(all.map(({ author }) => author));
    const dropped = [...(said?.marks.keys() ?? [])]
      .filter((author) => !carriedNow.has(author))
      .slice(0, SYNC_MAX_MARKS);
    const claimed = new Map(said?.marks);
    for (const author of dropped) claimed.delete(author);
    for (const mark of marks) claimed.set(mark.author, mark);
    this.#round = {
      since: said,
      marks: marks.length,
      unsaid: unsaid.length - marks.length,
      claimed,
      inStep: true,
      admitted: 0,
      end: undefined,
      forgotten: false,
    };
    const group = scope === PUBLIC_SCOPE ? undefined : scope;
    return { ask: encodeAsk({ network, marks, since: said?.token, dropped, group }) };
  }

  async frame(bytes: Uint8Array): Promise<void> {
    const round = this.#round;
    if (round === undefined) throw new Error('a frame of an answer before there was a question');
    const answer = decodeAnswer(bytes);
    if (answer.case === 'refusal') {
      round.forgotten = answer.value.code === RefusalCode.FORGOTTEN && round.since !== undefined;
      if (!round.forgotten) throw refusedBy(this.#peer, answer.value);
    } else if (answer.case === 'end') {
      round.end = { more: answer.value.more, token: answer.value.token };
    } else {
      await this.#take(answer, round);
    }
  }

  broke(error: Error): void {
    this.#forget();
    throw error;
  }

  /** After an answer: whether there is more to ask. */
  #conclude(round: Round): boolean {
    if (round.forgotten) return this.#startAgain();
    const { end } = round;
    if (end === undefined) {
      this.#forget();
      throw new UnavailableError('exchange/incomplete', `${this.#peer} did not finish its answer`);
    }
    if (end.token.length > 0 && round.inStep) {
      this.#said = { token: end.token, marks: round.claimed, exchanges: (round.since?.exchanges ?? 0) + 1 };
      this.#context.said.put(this.#peer, this.#said);
    } else {
      this.#forget();
      // It was told only what had changed, and has not understood that.
      if (end.token.length === 0 && round.since !== undefined) return this.#startAgain();
      if (!(end.more && round.admitted > 0)) this.#cursor += round.marks;
    }
    return (end.more && round.admitted > 0) || round.unsaid > 0;
  }

  #startAgain(): true {
    this.#forget();
    this.#cursor = 0;
    return true;
  }

  #forget(): void {
    this.#said = undefined;
    this.#context.said.forget(this.#peer);
  }

  /** What comes in a sync is of its scope, or of nobody whom it is about. */
  readonly #follows = (author: AuthorId, scope: Scope): boolean =>
    scope === this.#context.scope && this.#context.carries(author);

  /** Everything that comes is judged by the store, as if it came from anywhere. */
  async #take(answer: Answer['answer'], round: Round): Promise<void> {
    if (answer.case === 'records') {
      const { envelopes } = answer.value;
      for (let from = 0; from < envelopes.length; from += SYNC_JUDGED_TOGETHER) {
        await this.#takeRecords(envelopes.slice(from, from + SYNC_JUDGED_TOGETHER), round);
      }
    }
    if (answer.case === 'heads') {
      for (const envelope of answer.value.envelopes.slice(0, SYNC_MAX_MARKS)) await this.#takeHead(envelope, round);
    }
    if (answer.case === 'proof') await this.#takeProof(answer.value, round);
  }

  async #takeRecords(envelopes: readonly Uint8Array[], round: Round): Promise<void> {
    const { store, onAdmission } = this.#context;
    const refusals = this.#refusals;
    const follows = (author: AuthorId, scope: Scope): boolean =>
      this.#follows(author, scope) && !refusals.isOver(author);
    for (const admission of await store.admitAll(envelopes, { follows })) {
      if (admission.result === 'admitted') {
        this.#admitted += 1;
        round.admitted += 1;
        const { author, recovery, epoch, seq } = admission.record.link;
        received(round, author, { recovery, epoch, seq, id: admission.record.id });
      } else {
        round.inStep = false;
      }
      // Left unread: the author's part was over.
      if (
        admission.result === 'refused' &&
        admission.reason === 'unknown-author' &&
        refusals.isOver(admission.claims?.author)
      )
        continue;
      onAdmission(admission, this.#peer);
      if (admission.result === 'refused') refusals.count(admission.reason, admission.claims?.author);
    }
  }

  async #takeHead(envelope: Uint8Array, round: Round): Promise<void> {
    const { store, now, onHead, onProof } = this.#context;
    const author = feedOfHead(envelope)?.author;
    if (this.#refusals.isOver(author)) return;
    const admission = await store.putHead(envelope, { now: new Date(now()), follows: this.#follows });
    if (admission.result === 'refused') {
      this.#refused(round, admission, author);
      if (admission.reason === 'fork') onProof(this.#peer);
      return;
    }
    if (admission.result === 'older') round.inStep = false;
    else received(round, admission.head.head.author, { signed: signedAtOf(admission.head) });
    if (admission.result === 'kept') onHead(admission.head, this.#peer);
  }

  async #takeProof(bytes: Uint8Array, round: Round): Promise<void> {
    const proof = decodeForkProof(bytes);
    if (isRefusal(proof)) {
      this.#refused(round, { reason: proof.refused, detail: proof.detail }, undefined);
      return;
    }
    const { a, b, keyRecords } = proof;
    const admission = await this.#context.store.putProof(a, b, { follows: this.#follows, keyRecords });
    if (admission.result === 'refused') this.#refused(round, admission, undefined);
    else {
      const { author, recovery, rivals } = admission.fork;
      received(round, author, { frozen: true, rivals: rivals === true ? recovery : 0 });
    }
    if (admission.result === 'frozen') this.#context.onProof(this.#peer);
  }

  /** A head or a proof. */
  #refused(round: Round, said: Pick<Refused, 'reason' | 'detail'>, author: AuthorId | undefined): void {
    const { onRefused, onTrouble } = this.#context;
    round.inStep = false;
    if (costsSomething(said.reason)) onRefused(this.#peer);
    const error = new RefusedError('exchange/bad-records', said.detail);
    onTrouble('a signed head or a fork proof', this.#peer, error);
    this.#refusals.count(said.reason, author);
  }
}

interface Round {
  /** What the request built on. */
  readonly since: Said | undefined;
  readonly marks: number;
  readonly unsaid: number;
  /** What the answerer believes of us, as it answers. */
  readonly claimed: Map<AuthorId, Mark>;
  /** All that was sent has been received as it was sent. */
  inStep: boolean;
  admitted: number;
  end: { readonly more: boolean; readonly token: Uint8Array } | undefined;
  forgotten: boolean;
}

function received(round: Round, author: AuthorId, what: Partial<Mark>): void {
  const mark = round.claimed.get(author);
  if (mark === undefined) round.inStep = false;
  else round.claimed.set(author, { ...mark, ...what });
}
