/**
 * One turn of the store: envelopes judged one after another, each against what is on the disk and what this turn has
 * judged before it. A turn changes nothing; `writes` is what makes it true, all or nothing, and `settle` tells the
 * memory once the disk has it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Digest } from '../../crypto/digest.ts';
import type { KeyCache } from '../../crypto/key-cache.ts';
import { encodeBase64 } from '../../crypto/base64.ts';
import { openSealed, readEnvelope, type SealedRecord, type Verifier } from '../record/envelope.ts';
import type { Fork } from '../record/fork-proof.ts';
import type { SignedHead } from '../record/head.ts';
import { comparePositions, judgeLink, type Position } from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import type { Admission, AuthorId, FeedHead, VerifiedRecord } from '../record/types.ts';
import type { Database, Write } from './database.ts';
import type { HeadCache } from './head-cache.ts';
import type { Hold } from './hold.ts';
import { feedName, forkKey, headKey, linkKey, markKey, recordKey, typeKey, type Feed } from './layout.ts';
import { JUDGED_PER_TURN } from './limits.ts';

/** What the store knows without asking the disk. */
export interface Memory {
  readonly network: string;
  readonly keys: KeyCache;
  readonly database: Database;
  readonly hold: Hold;
  /** Highest accepted places, by feed name. */
  readonly marks: Map<string, FeedHead>;
  readonly forks: Map<string, Fork>;
  readonly signedHeads: HeadCache;
  readonly verifier: Verifier;
}

export class Turn {
  readonly #memory: Memory;
  readonly #follows: (author: AuthorId) => boolean;
  readonly #writes: Write[] = [];
  readonly #marks = new Map<string, FeedHead>();
  readonly #forks = new Map<string, Fork>();
  readonly #heads: SignedHead[] = [];
  /** Admitted in this turn, by id and by place. */
  readonly #admitted = new Map<string, VerifiedRecord>();

  constructor(memory: Memory, follows: (author: AuthorId) => boolean) {
    this.#memory = memory;
    this.#follows = follows;
  }

  get writes(): readonly Write[] {
    return this.#writes;
  }

  settle(): void {
    for (const [name, mark] of this.#marks) this.#memory.marks.set(name, mark);
    for (const [name, fork] of this.#forks) {
      this.#memory.forks.set(name, fork);
      this.#memory.hold.dropFrom(fork, fork.seq);
    }
    for (const head of this.#heads) this.#memory.signedHeads.put(head);
  }

  /** Bytes from anywhere, in order. One that is bad stops none of the others. */
  async judgeAll(envelopes: readonly Uint8Array[]): Promise<Admission[]> {
    const sealed = envelopes.map(readEnvelope);
    const known = await this.#stored(sealed);
    const admissions: Admission[] = [];
    for (const [index, item] of sealed.entries()) {
      if (index % JUDGED_PER_TURN === JUDGED_PER_TURN - 1) await nextTurn();
      admissions.push(isRefusal(item) ? refused(item) : await this.#judge(item, known));
    }
    return admissions;
  }

  put(key: string, value: Uint8Array): void {
    this.#writes.push({ type: 'put', key, value });
  }

  keepHead(signed: SignedHead): void {
    this.put(headKey(signed.head), signed.envelope);
    this.#heads.push(signed);
  }

  mark(feed: Feed): FeedHead | undefined {
    return this.#marks.get(feedName(feed)) ?? this.#memory.marks.get(feedName(feed));
  }

  fork(feed: Feed): Fork | undefined {
    return this.#forks.get(feedName(feed)) ?? this.#memory.forks.get(feedName(feed));
  }

  /** Keeps both envelopes as proof, and the feed is frozen from `fork` on. */
  freeze(fork: Fork, proof: readonly [Uint8Array, Uint8Array]): void {
    const value = JSON.stringify({ fork, proof: proof.map(encodeBase64) });
    this.put(forkKey(fork), Buffer.from(value));
    this.#forks.set(feedName(fork), fork);
  }

  /** The envelope stored at a place, from this turn or from the disk. */
  async envelopeAt(feed: Feed, place: Position): Promise<Uint8Array | undefined> {
    const id = await this.idAt(feed, place);
    if (id === undefined) return undefined;
    return this.#admitted.get(id)?.envelope ?? this.#memory.database.get(recordKey(id));
  }

  async idAt(feed: Feed, place: Position): Promise<Digest | undefined> {
    const key = linkKey(feed, place);
    const admitted = this.#admitted.get(key);
    if (admitted !== undefined) return admitted.id;
    const id = await this.#memory.database.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by #admit alone
    return id === undefined ? undefined : (Buffer.from(id).toString() as Digest);
  }

  async #judge(sealed: SealedRecord, known: ReadonlySet<Digest>): Promise<Admission> {
    // A known id is done with before anything is verified again.
    if (known.has(sealed.id) || this.#admitted.has(sealed.id)) return { result: 'known', id: sealed.id };
    const { network, keys, verifier } = this.#memory;
    const record = openSealed(sealed, { network, keys, verifier, follows: this.#follows });
    if (isRefusal(record)) return refused(record);
    const admission = await this.#place(record);
    if (admission.result !== 'admitted') return admission;
    const released = await this.#release(record);
    return released.length === 0 ? admission : { ...admission, released };
  }

  /** Which of them the disk has. */
  async #stored(sealed: readonly (SealedRecord | Refusal)[]): Promise<ReadonlySet<Digest>> {
    const ids = sealed.flatMap((item) => (isRefusal(item) ? [] : [item.id]));
    const found = await this.#memory.database.has(ids.map(recordKey));
    return new Set(ids.filter((_, index) => found[index] === true));
  }

  /** A verified record of a followed author: where does it belong? */
  async #place(record: VerifiedRecord): Promise<Admission> {
    const { id, link } = record;
    const fork = this.fork(link);
    if (fork !== undefined && comparePositions(link, fork) >= 0) {
      return refused(
        refuse('frozen', `${link.author} has signed two records with seq ${fork.seq}; the feed is frozen there`),
      );
    }
    const head = this.mark(link);
    const behind = head !== undefined && comparePositions(link, head) <= 0;
    const verdict = judgeLink(id, link, { head, idAt: behind ? await this.idAt(link, link) : undefined });
    switch (verdict.verdict) {
      case 'next':
        return this.#admit(record);
      case 'known':
        return { result: 'known', id };
      case 'gap':
        return this.#wait(record, verdict.missingFrom);
      case 'fork':
        return this.#prove(record, verdict.at);
      default:
        return refused(refuse(verdict.verdict, verdict.detail));
    }
  }

  #admit(record: VerifiedRecord): Admission {
    const { id, link, statement } = record;
    const { author, scope, recovery, epoch, seq } = link;
    const mark: FeedHead = { author, scope, recovery, epoch, seq, id };
    this.put(recordKey(id), record.envelope);
    this.put(linkKey(link, link), Buffer.from(id));
    this.put(markKey(link), Buffer.from(JSON.stringify(mark)));
    this.put(typeKey(statement.predicateType, id), new Uint8Array(0));
    this.#marks.set(feedName(link), mark);
    this.#admitted.set(id, record).set(linkKey(link, link), record);
    return { result: 'admitted', record };
  }

  #wait(record: VerifiedRecord, missingFrom: number): Admission {
    const { id, link } = record;
    const waiting = this.#memory.hold.at(link, link.seq);
    if (waiting !== undefined && waiting.id !== id) return this.#frozenAt(record, waiting.envelope, link.seq);
    this.#memory.hold.put(record);
    return { result: 'held', id, missingFrom };
  }

  /** What waited for this record, and for what waited for it. */
  async #release(record: VerifiedRecord): Promise<VerifiedRecord[]> {
    const released: VerifiedRecord[] = [];
    let { seq } = record.link;
    for (;;) {
      const next = this.#memory.hold.take(record.link, ++seq);
      if (next === undefined) return released;
      const admission = await this.#place(next);
      if (admission.result !== 'admitted') return released;
      released.push(admission.record);
    }
  }

  /** The record contradicts the one stored at `at`. */
  async #prove(record: VerifiedRecord, at: number): Promise<Admission> {
    const stored = await this.envelopeAt(record.link, { ...record.link, seq: at });
    if (stored === undefined) {
      return refused(refuse('bad-link', `it contradicts the record with seq ${at}, which is no longer stored`));
    }
    return this.#frozenAt(record, stored, at);
  }

  #frozenAt(record: VerifiedRecord, other: Uint8Array, seq: number): Admission {
    const { author, scope, recovery, epoch } = record.link;
    this.freeze({ author, scope, recovery, epoch, seq }, [other, record.envelope]);
    return refused(refuse('fork', `${author} has signed two different records with seq ${seq}`));
  }
}

function refused({ refused: reason, detail }: Refusal): {
  result: 'refused';
  reason: Refusal['refused'];
  detail: string;
} {
  return { result: 'refused', reason, detail };
}
