/**
 * One turn of the store: what it holds, as the disk and this turn together make it. A turn changes nothing; `writes` is what
 * makes it true, all or nothing, and `settle` tells the memory once the disk has it. What is to be held is judged in
 * judge.ts.
 */
import type { Digest } from '../../crypto/digest.ts';
import { parseSealed, readEnvelope, type ParsedRecord } from '../record/envelope.ts';
import { advanceKeys, firstKeys, newestEpoch, type FeedKeys } from '../record/feed-keys.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import type { Fork } from '../record/fork-proof.ts';
import type { SignedHead } from '../record/head.ts';
import { PROOF_KEYS_MAX } from '../record/limits.ts';
import { compareEpochs, comparePositions, outranks, positionOf, type Position } from '../record/links.ts';
import { isRefusal } from '../record/refusal.ts';
import { saysMore } from '../record/rivals.ts';
import type { Admission, AuthorId, FeedHead, VerifiedRecord } from '../record/types.ts';
import type { Write } from './database.ts';
import {
  BEFORE_ALL,
  choiceKey,
  feedName,
  forkKey,
  headKey,
  keysKey,
  linkKey,
  linksAfter,
  markKey,
  publicFeed,
  recordKey,
  typeKey,
  type Feed,
} from './layout.ts';
import { rememberKeys, type Memory } from './memory.ts';
import { parseFork, proofText, type StoredChoice } from './stored.ts';
import type { KeptProof } from './types.ts';
import { namedKeys } from './named.ts';

export type Admitted = Extract<Admission, { result: 'admitted' }>;

export class Turn {
  readonly memory: Memory;
  readonly #writes: Write[] = [];
  /** Null: nothing of it is left. */
  readonly #marks = new Map<string, { readonly feed: Feed; readonly mark: FeedHead | null }>();
  /** Null: a recovery has ended it. */
  readonly #forks = new Map<string, Fork | null>();
  readonly #proofs = new Map<string, KeptProof>();
  readonly #choices = new Map<string, StoredChoice>();
  readonly #keys = new Map<string, FeedKeys>();
  readonly #heads: SignedHead[] = [];
  /** Feeds that a recovery has given another end: what is remembered of the old one is void. */
  readonly #recovered: Feed[] = [];
  /** Admitted in this turn, by id and by place; null: deleted in this turn. */
  readonly #admitted = new Map<string, VerifiedRecord | null>();

  constructor(memory: Memory) {
    this.memory = memory;
  }

  get writes(): readonly Write[] {
    // Of a feed's many records in one turn, only the last one's mark is ever read.
    const marks = [...this.#marks.values()].map(({ feed, mark }): Write => {
      const key = markKey(feed);
      return mark === null ? { type: 'del', key } : { type: 'put', key, value: Buffer.from(JSON.stringify(mark)) };
    });
    return [...this.#writes, ...marks];
  }

  settle(): void {
    const { marks, hold, signedHeads, forks, choices } = this.memory;
    for (const [name, { mark }] of this.#marks) {
      if (mark === null) marks.delete(name);
      else marks.set(name, mark);
    }
    for (const [name, keys] of this.#keys) rememberKeys(this.memory, name, keys);
    for (const [name, choice] of this.#choices) choices.set(name, choice);
    for (const feed of this.#recovered) {
      hold.dropFrom(feed, 0);
      signedHeads.forget(feed);
    }
    for (const [name, fork] of this.#forks) {
      if (fork === null) forks.delete(name);
      else {
        forks.set(name, fork);
        hold.dropFrom(fork, fork.seq);
      }
    }
    for (const head of this.#heads) signedHeads.put(head);
  }

  put(key: string, value: Uint8Array): void {
    this.#writes.push({ type: 'put', key, value });
  }

  keepHead(signed: SignedHead): void {
    this.put(headKey(signed.head), signed.envelope);
    this.#heads.push(signed);
  }

  mark(feed: Feed): FeedHead | undefined {
    const here = this.#marks.get(feedName(feed));
    return here === undefined ? this.memory.marks.get(feedName(feed)) : (here.mark ?? undefined);
  }

  fork(feed: Feed): Fork | undefined {
    const here = this.#forks.get(feedName(feed));
    return here === null ? undefined : (here ?? this.memory.forks.get(feedName(feed)));
  }

  /** What proves the fork that is known. */
  async proof(feed: Feed): Promise<KeptProof | undefined> {
    if (this.fork(feed) === undefined) return undefined;
    const here = this.#proofs.get(feedName(feed));
    if (here !== undefined) return here;
    const value = await this.memory.database.get(forkKey(feed));
    return value && parseFork(value);
  }

  choice(feed: Feed): StoredChoice | undefined {
    return this.#choices.get(feedName(feed)) ?? this.memory.choices.get(feedName(feed));
  }

  choose(choice: StoredChoice): void {
    const { proof } = choice;
    const text = JSON.stringify({ ...choice, ...(proof !== undefined && { proof: proofText(proof) }) });
    this.put(choiceKey(choice), Buffer.from(text));
    this.#choices.set(feedName(choice), choice);
  }

  keys(feed: Feed): FeedKeys {
    const name = feedName(feed);
    return this.#keys.get(name) ?? this.memory.feedKeys.get(name) ?? firstKeys(feed.author);
  }

  /** Who signs in a feed: of a private group's, the author's public one says it. */
  signers(feed: Feed): FeedKeys {
    return this.keys(publicFeed(feed));
  }

  /** Whether the key of this epoch signs no more. In a private group that decides what its word is worth. */
  isGivenUp(feed: Feed, place: Omit<Position, 'seq'>): boolean {
    return compareEpochs(place, newestEpoch(this.signers(feed))) < 0;
  }

  /** Of these, those that are stored. */
  async stored(ids: readonly Digest[]): Promise<ReadonlySet<Digest>> {
    if (ids.length === 0) return new Set();
    const found = await this.memory.database.has(ids.map(recordKey));
    return new Set(ids.filter((_, index) => found[index] === true));
  }

  /** Whether it is stored now; `before`: what was when the turn began. */
  has(id: Digest, before: ReadonlySet<Digest>): boolean {
    const here = this.#admitted.get(id);
    return here === undefined ? before.has(id) : here !== null;
  }

  /** The envelope stored at a place, from this turn or from the disk. */
  async envelopeAt(feed: Feed, place: Position): Promise<Uint8Array | undefined> {
    const id = await this.idAt(feed, place);
    return id && this.#envelopeOf(id);
  }

  async idAt(feed: Feed, place: Position): Promise<Digest | undefined> {
    const key = linkKey(feed, place);
    const admitted = this.#admitted.get(key);
    if (admitted !== undefined) return admitted?.id;
    const id = await this.memory.database.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `admit` alone
    return id === undefined ? undefined : (Buffer.from(id).toString() as Digest);
  }

  /** Where a record of this feed is stored. */
  async placeOf(feed: Feed, id: Digest): Promise<Position | undefined> {
    const parsed = await this.#parsed(id);
    return parsed !== undefined && feedName(parsed.link) === feedName(feed) ? positionOf(parsed.link) : undefined;
  }

  /** The next record of its feed. */
  admit(record: VerifiedRecord): Admitted {
    const { id, link, statement } = record;
    const { author, scope, recovery, epoch, seq } = link;
    const mark: FeedHead = { author, scope, recovery, epoch, seq, id };
    const at = linkKey(link, link);
    this.put(recordKey(id), record.envelope);
    this.put(at, Buffer.from(id));
    this.put(typeKey(statement.predicateType, id), new Uint8Array(0));
    for (const named of namedKeys(record)) this.put(named, new Uint8Array(0));
    this.#stand(mark);
    this.#admitted.set(id, record).set(at, record);
    const before = this.keys(link);
    const keys = advanceKeys(before, record);
    if (keys !== before || link.prev === null) {
      this.put(keysKey(link), Buffer.from(JSON.stringify(keys)));
      this.#keys.set(feedName(link), keys);
    }
    return { result: 'admitted', record };
  }

  /**
   * Goes back to a place, for what opens this epoch and keeps nothing behind it. What lay there counts for nothing any more,
   * and is not given on; a fork of the time before is ended.
   */
  async goBack(feed: Feed, to: Position, by: Omit<Position, 'seq'>): Promise<Digest[]> {
    const voided = await this.#void(feed, to);
    this.#recovered.push({ author: feed.author, scope: feed.scope });
    this.#writes.push({ type: 'del', key: headKey(feed) });
    const fork = this.fork(feed);
    // A proof may have come first that speaks of what follows this recovery.
    if (fork !== undefined && outranks(feed.scope, by, fork)) this.thaw(feed);
    return voided;
  }

  /** Goes back to a place that is stored, and stands there: what follows is to come anew. */
  async rewind(to: FeedHead, keys: FeedKeys): Promise<Digest[]> {
    const voided = await this.goBack(to, to, to);
    this.put(keysKey(to), Buffer.from(JSON.stringify(keys)));
    this.#stand(to);
    this.#keys.set(feedName(to), keys);
    return voided;
  }

  /** Nothing of the feed is left. */
  async drop(feed: Feed): Promise<Digest[]> {
    const voided = await this.goBack(feed, BEFORE_ALL, BEFORE_ALL);
    const keys = firstKeys(feed.author);
    this.put(keysKey(feed), Buffer.from(JSON.stringify(keys)));
    this.#marks.set(feedName(feed), { feed, mark: null });
    this.#keys.set(feedName(feed), keys);
    return voided;
  }

  /** An author's feeds in private groups. */
  groupFeedsOf(author: AuthorId): Feed[] {
    const here = [...this.#marks.values()].map(({ feed }) => feed);
    const feeds = [...this.memory.marks.values(), ...here].filter((feed) => feed.author === author);
    const scopes = new Set(feeds.map(({ scope }) => scope).filter((scope) => scope !== PUBLIC_SCOPE));
    return [...scopes].map((scope) => ({ author, scope }));
  }

  #stand(mark: FeedHead): void {
    const { author, scope } = mark;
    this.#marks.set(feedName(mark), { feed: { author, scope }, mark });
  }

  /** The feed is forked no more. */
  thaw(feed: Feed): void {
    this.#forks.set(feedName(feed), null);
    this.#writes.push({ type: 'del', key: forkKey(feed) });
  }

  /**
   * Keeps both envelopes as proof, with what it takes to check them, and the feed is frozen from `fork` on. What says less
   * than the proof that is kept changes nothing.
   */
  async freeze(fork: Fork, proof: KeptProof['proof']): Promise<void> {
    if (!saysMore(fork, this.fork(fork))) return;
    const kept = { proof, keyRecords: await this.#keyRecords(fork) };
    this.put(forkKey(fork), Buffer.from(JSON.stringify({ fork, ...proofText(kept) })));
    this.#forks.set(feedName(fork), fork);
    this.#proofs.set(feedName(fork), kept);
    // Neither of two rivals is waited for.
    if (fork.rivals === true) this.memory.pending.end(fork);
  }

  /** The records that lead to the keys of a place: the opening of the feed and those of its epochs, if they are not too many. */
  async #keyRecords(fork: Fork): Promise<Uint8Array[]> {
    // Who is in a group has the public feeds of its members.
    if (fork.epoch === 0 || fork.scope !== PUBLIC_SCOPE) return [];
    const { epochs } = this.keys(fork);
    // Of earlier recoveries only what opened them: the recovery keys lead from one to the next.
    const needed = epochs.filter(
      ({ recovery, epoch }, index) =>
        recovery === fork.recovery || epoch === 0 || epochs[index - 1]?.recovery !== recovery,
    );
    const places = needed.map(({ recovery, epoch }) => ({ recovery, epoch, seq: 1 }));
    if (places.length > PROOF_KEYS_MAX) return [];
    const found = await Promise.all(places.map((place) => this.envelopeAt(fork, place)));
    return found.filter((envelope) => envelope !== undefined);
  }

  async #void(feed: Feed, after: Position): Promise<Digest[]> {
    const ids = new Set<Digest>();
    for await (const [key, value] of this.memory.database.entries(linksAfter(feed, after))) {
      // Left behind in this turn already.
      if (this.#admitted.get(key) === null) continue;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `admit` alone
      ids.add(Buffer.from(value).toString() as Digest);
      this.#forget(key);
    }
    for (const record of this.#admitted.values()) {
      if (record === null || feedName(record.link) !== feedName(feed) || comparePositions(record.link, after) <= 0)
        continue;
      ids.add(record.id);
      this.#forget(linkKey(feed, record.link));
    }
    for (const id of ids) {
      const parsed = await this.#parsed(id);
      const found = parsed === undefined ? [] : [typeKey(parsed.statement.predicateType, id), ...namedKeys(parsed)];
      for (const key of found) this.#forget(key);
      this.#forget(recordKey(id), id);
    }
    return [...ids];
  }

  async #envelopeOf(id: Digest): Promise<Uint8Array | undefined> {
    const admitted = this.#admitted.get(id);
    return admitted === undefined ? this.memory.database.get(recordKey(id)) : admitted?.envelope;
  }

  async #parsed(id: Digest): Promise<ParsedRecord | undefined> {
    const bytes = await this.#envelopeOf(id);
    const sealed = bytes && readEnvelope(bytes);
    const parsed = sealed && !isRefusal(sealed) ? parseSealed(sealed, this.memory.network) : undefined;
    return parsed && !isRefusal(parsed) ? parsed : undefined;
  }

  #forget(key: string, id: string = key): void {
    this.#writes.push({ type: 'del', key });
    this.#admitted.set(id, null);
  }
}
