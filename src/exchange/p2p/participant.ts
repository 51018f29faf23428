/**
 * What a node of the exchange does, apart from any network: it is told what happens, and says what is to be sent, asked
 * and dialled, and when. libp2p drives it in exchange.ts; a seeded simulator drives the same in the tests.
 *
 * Its clock and its randomness are arguments. It touches nothing but the store.
 */
import { PortalgunError, RefusedError } from '../../errors.ts';
import type { Digest } from '../../crypto/digest.ts';
import type { SignedHead } from '../record/head.ts';
import type { Admission, AuthorId, Scope } from '../record/types.ts';
import type { OwnStore } from '../store/types.ts';
import { Agenda } from './agenda.ts';
import type { AgendaOptions } from './agenda.ts';
import { createAnswering } from './answering.ts';
import { blobProtocol, BlobQuestion, requireBlobType } from './protocols/blob.ts';
import { createBudgets } from './budgets.ts';
import type { Budget } from './budgets.ts';
import { challengeProtocol, ChallengeQuestion } from './protocols/challenge.ts';
import type { AnswerChallenge, Challenge, Rest } from './protocols/challenge.ts';
import type { Conversation } from './conversation.ts';
import { feedHeadProtocol, FeedHeadQuestion } from './protocols/feed-head.ts';
import type { Held } from './protocols/feed-head.ts';
import { createGossipJudge } from './gossip-judge.ts';
import type { JudgeGossip } from './gossip-judge.ts';
import { SYNC_MEMORY_MAX_MARKS } from './limits.ts';
import { MarkMemory } from './sync/mark-memory.ts';
import { renewOwnHead } from './own-head.ts';
import type { Asker, OnTrouble, Protocol } from './protocol.ts';
import { ListQuestion, reconcileProtocol } from './protocols/reconcile.ts';
import { symptomProtocol, SymptomQuestion } from './protocols/symptom.ts';
import type { Place } from './protocols/symptom.ts';
import { groupSyncProtocol, syncProtocol } from './sync/answer.ts';
import { SyncQuestion } from './sync/ask.ts';
import { createGroups } from './sync/groups.ts';
import type { Groups } from './sync/groups.ts';
import type { SyncContext } from './sync/context.ts';
import { costsSomething } from './sync/refusals.ts';
import type { ExchangeOptions, ListDifference, PrivateGroup } from './types.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';

export interface ParticipantOptions extends AgendaOptions {
  readonly self: AuthorId;
  readonly seed: Uint8Array;
  readonly network: string;
  readonly store: OwnStore;
  readonly isBootstrap: boolean;
  readonly carries: (author: AuthorId) => boolean;
  readonly carried: () => readonly AuthorId[];
  /** A peer that policy names: limited more widely, and answered about symptoms and blobs. */
  readonly isFriend: (peer: string) => boolean;
  /** Private groups that this node is in, and whose node a peer is. Default: none. */
  readonly groups?: {
    readonly list: () => readonly PrivateGroup[];
    readonly authorOf: (peer: string) => AuthorId | null;
  };
  readonly mayAsk: (asker: Asker) => boolean;
  readonly maySee: (asker: Asker, digest: Digest) => Promise<boolean>;
  readonly blobTypes: ExchangeOptions['blobTypes'];
  /** Absent: no challenge is answered. */
  readonly answerChallenge?: AnswerChallenge | undefined;
  readonly onAdmission: (admission: Admission, from: string) => void;
  readonly onTrouble: OnTrouble;
  /** Something may have become due (`agenda.due`). */
  readonly onAgenda: () => void;
  /** A signed head of this node's own feed that it has not signed: its key is in use somewhere else. */
  readonly onOwnHeadElsewhere?: (head: SignedHead, from: string) => void;
  /** Random bytes, others on every start: what was remembered before a restart is never taken for what is now. */
  readonly nonce: Uint8Array;
}

export class Participant {
  readonly agenda: Agenda;
  readonly judgeGossip: JudgeGossip;
  /** Its protocols, each with the one function that answers. */
  readonly answering: ReadonlyMap<string, (request: Uint8Array, asker: Asker) => AsyncIterable<Uint8Array>>;
  /** Since the start: syncs begun, and questions (round trips) that they took. */
  readonly activity = { syncs: 0, questions: 0 };
  readonly #options: ParticipantOptions;
  readonly #sync: SyncContext;
  readonly #groups: Groups;
  readonly #budgets: ReturnType<typeof createBudgets>;
  readonly #startedAt: number;
  #tokens = 0;

  constructor(options: ParticipantOptions) {
    this.#options = options;
    this.#startedAt = options.now();
    const { network, store, carries, carried, now, onTrouble, blobTypes, mayAsk, maySee } = options;
    const budgets = createBudgets(options.isFriend, now);
    this.#budgets = budgets;
    this.agenda = new Agenda(options);
    this.#sync = {
      network,
      store,
      scope: PUBLIC_SCOPE,
      carries,
      carried,
      now,
      onTrouble,
      said: new MarkMemory(SYNC_MEMORY_MAX_MARKS),
      heard: new MarkMemory(SYNC_MEMORY_MAX_MARKS),
      renewHead: () => this.renewHead(),
      onAdmission: (admission, from) => {
        if (admission.result === 'admitted') this.agenda.news(from);
        this.#admission(admission, from);
      },
      onRefused: (from) => void budgets.take(from, 'refused', 1),
      onProof: () => this.#forkFound(),
      onHead: (head, from) => this.#headCame(head, from),
    };
    this.#groups = createGroups({
      self: options.self,
      groups: options.groups?.list ?? (() => []),
      context: this.#sync,
      renewHead: (scope) => renewOwnHead(options, scope),
    });
    const hooks = { onBehind: (peer: string) => this.want(peer), newToken: () => this.#newToken() };
    const protocols: Protocol[] = options.isBootstrap
      ? []
      : [
          syncProtocol(this.#sync, hooks),
          groupSyncProtocol(
            network,
            (group, { author }) => this.#groups.sharedWith(author).find(({ scope }) => scope === group),
            hooks,
          ),
          feedHeadProtocol({ network, store, carries }),
          symptomProtocol({ network, store, carries, mayAsk }),
          blobProtocol({ network, store, types: blobTypes, mayAsk, maySee }),
          reconcileProtocol({ network, store, types: blobTypes, mayAsk, maySee }),
          challengeProtocol({ network, mayAsk, maySee, answer: options.answerChallenge, now, onTrouble }),
        ];
    this.answering = new Map(
      protocols.map((protocol) => [protocol.id, createAnswering({ budgets, now, onTrouble }, protocol)]),
    );
    this.judgeGossip = createGossipJudge({
      store,
      carries,
      budgets,
      now,
      onAdmission: (admission, from) => this.#admission(admission, from),
      onGap: (peer) => this.want(peer),
      onTrouble,
    });
  }

  /** A hint that this peer has something new. */
  want(peer: string): void {
    this.agenda.want(peer);
    this.#options.onAgenda();
  }

  /** The own signed head is kept about the newest own record, and fresh. */
  async renewHead(): Promise<void> {
    if (!this.#options.isBootstrap) await renewOwnHead(this.#options);
  }

  /** One sync. Whoever holds it reports its end to `syncEnded`. */
  syncWith(peer: string): Conversation<number> {
    this.#require(peer, 'refused');
    this.activity.syncs += 1;
    return this.#metered(peer, new SyncQuestion(this.#sync, peer), () => (this.activity.questions += 1));
  }

  /** What follows a sync: the private groups that this peer and this node are both in, one after another. */
  groupSyncsWith(peer: string, only?: Scope): Conversation<number>[] {
    const author = this.#options.groups?.authorOf(peer) ?? null;
    return this.#groups
      .sharedWith(author)
      .filter(({ scope }) => only === undefined || scope === only)
      .map((context) => this.#metered(peer, new SyncQuestion(context, peer), () => (this.activity.questions += 1)));
  }

  /** Of a private group that this node is in; of any other, nobody. */
  membersOf(scope: Scope): readonly AuthorId[] {
    return this.#groups.members(scope);
  }

  syncEnded(peer: string, error?: Error): void {
    this.agenda.syncEnded(peer, error === undefined ? undefined : { retryAfterMs: retryAfterMs(error) });
    this.#options.onAgenda();
  }

  /** How far a peer has this node's own feed. */
  askOwnHead(peer: string): Conversation<Held> {
    return this.#metered(peer, new FeedHeadQuestion(peer, this.#options.network, this.#options.self));
  }

  askSymptom(peer: string, symptom: Digest): Conversation<readonly Place[]> {
    return this.#metered(peer, new SymptomQuestion(peer, this.#options.network, symptom));
  }

  askBlob(peer: string, type: string, digest: Digest): Conversation<Uint8Array> {
    const { network, blobTypes } = this.#options;
    return this.#metered(peer, new BlobQuestion(peer, { network, type, digest }, blobTypes));
  }

  compareList(peer: string, type: string, digest: Digest, own: readonly Uint8Array[]): Conversation<ListDifference> {
    const { network, blobTypes } = this.#options;
    const { maxBytes } = requireBlobType(blobTypes, type);
    return this.#metered(peer, new ListQuestion(peer, { network, type, digest }, own, maxBytes));
  }

  challenge(peer: string, challenge: Challenge, rest: Rest): Conversation<readonly Digest[]> {
    const { network, now } = this.#options;
    return this.#metered(peer, new ChallengeQuestion(peer, { network, challenge, rest, now }));
  }

  /** One from before this run may be from an earlier life of this home; a later one is another machine's. */
  #headCame(signed: SignedHead, from: string): void {
    if (signed.head.author !== this.#options.self || signed.issuedAt.getTime() < this.#startedAt) return;
    this.#options.onOwnHeadElsewhere?.(signed, from);
  }

  #admission(admission: Admission, from: string): void {
    if (admission.result === 'refused') {
      if (costsSomething(admission.reason)) this.#budgets.take(from, 'refused', 1);
      if (admission.reason === 'fork') this.#forkFound();
    }
    this.#options.onAdmission(admission, from);
  }

  /** Whoever follows the author shall have the proof: all peers are asked, and see by that that we have it. */
  #forkFound(): void {
    this.agenda.news(undefined);
    this.#options.onAgenda();
  }

  #newToken(): Uint8Array {
    this.#tokens += 1;
    const count = Buffer.alloc(4);
    count.writeUInt32BE(this.#tokens);
    return Buffer.concat([this.#options.nonce, count]);
  }

  /** What comes is counted before it is looked at. */
  #metered<Result>(
    peer: string,
    conversation: Conversation<Result>,
    onAsk: () => void = () => undefined,
  ): Conversation<Result> {
    return {
      protocol: conversation.protocol,
      answerMaxBytes: conversation.answerMaxBytes,
      next: async () => {
        const step = await conversation.next();
        if ('ask' in step) onAsk();
        return step;
      },
      frame: async (bytes) => {
        this.#require(peer, 'received', bytes.length);
        this.#require(peer, 'refused');
        await conversation.frame(bytes);
      },
      broke: (error) => conversation.broke(error),
    };
  }

  #require(peer: string, budget: Budget, cost = 0): void {
    const verdict = cost === 0 ? this.#budgets.left(peer, budget) : this.#budgets.take(peer, budget, cost);
    if (verdict.allowed) return;
    throw new RefusedError('exchange/over-budget', `${peer} has used up what one peer may cost: ${verdict.limit}`, {
      facts: { peer, budget, retryAfterMs: verdict.retryAfterMs },
    });
  }
}

function retryAfterMs(error: Error): number {
  const wait = error instanceof PortalgunError ? error.facts['retryAfterMs'] : undefined;
  return typeof wait === 'number' ? wait : 0;
}
