/**
 * One turn of the store: envelopes judged one after another, each against what is on the disk and what this turn has
 * judged before it. A turn changes nothing; `writes` is what makes it true, all or nothing, and `settle` tells the
 * memory once the disk has it.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Digest } from '../../crypto/digest.ts';
import type { KeyCache } from '../../crypto/key-cache.ts';
import { encodeBase64 } from '../../crypto/base64.ts';
import {
  openSealed,
  parseSealed,
  readEnvelope,
  type ParsedRecord,
  type SealedRecord,
  type Verifier,
} from '../record/envelope.ts';
import { advanceKeys, firstKeys, hasRoom, opensEpoch, type FeedKeys } from '../record/feed-keys.ts';
import type { Fork } from '../record/fork-proof.ts';
import type { SignedHead } from '../record/head.ts';
import { keyActionOf, type KeyChange, type Kept } from '../record/key-change.ts';
import { PROOF_KEYS_MAX } from '../record/limits.ts';
import { comparePositions, judgeLink, positionOf, type Position } from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import type { Admission, AuthorId, FeedHead, VerifiedRecord } from '../record/types.ts';
import type { Database, Write } from './database.ts';
import type { HeadCache } from './head-cache.ts';
import type { Hold } from './hold.ts';
import {
  feedName,
  forkKey,
  headKey,
  keysKey,
  linkKey,
  linksAfter,
  markKey,
  recordKey,
  typeKey,
  type Feed,
} from './layout.ts';
import { JUDGED_PER_TURN } from './limits.ts';
import type { PendingRecoveries } from './pending.ts';

/** What the store knows without asking the disk. */
export interface Memory {
  readonly network: string;
  readonly keys: KeyCache;
  readonly database: Database;
  readonly hold: Hold;
  /** Highest accepted places, by feed name. */
  readonly marks: Map<string, FeedHead>;
  readonly forks: Map<string, Fork>;
  /** Who signs where, by feed name; a feed without records is not in it. */
  readonly feedKeys: Map<string, FeedKeys>;
  readonly pending: PendingRecoveries;
  readonly signedHeads: HeadCache;
  readonly verifier: Verifier;
}

export class Turn {
  readonly #memory: Memory;
  readonly #follows: (author: AuthorId) => boolean;
  readonly #writes: Write[] = [];
  readonly #marks = new Map<string, FeedHead>();
  /** Null: a recovery has ended it. */
  readonly #forks = new Map<string, Fork | null>();
  readonly #keys = new Map<string, FeedKeys>();
  readonly #heads: SignedHead[] = [];
  /** Feeds that a recovery has given another end: what is remembered of the old one is void. */
  readonly #recovered: Feed[] = [];
  /** Admitted in this turn, by id and by place; null: deleted in this turn. */
  readonly #admitted = new Map<string, VerifiedRecord | null>();

  constructor(memory: Memory, follows: (author: AuthorId) => boolean) {
    this.#memory = memory;
    this.#follows = follows;
  }

  get writes(): readonly Write[] {
    return this.#writes;
  }

  settle(): void {
    for (const [name, mark] of this.#marks) this.#memory.marks.set(name, mark);
    for (const [name, keys] of this.#keys) this.#memory.feedKeys.set(name, keys);
    for (const feed of this.#recovered) {
      this.#memory.hold.dropFrom(feed, 0);
      this.#memory.signedHeads.delete(feed);
    }
    for (const [name, fork] of this.#forks) {
      if (fork === null) this.#memory.forks.delete(name);
      else {
        this.#memory.forks.set(name, fork);
        this.#memory.hold.dropFrom(fork, fork.seq);
      }
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
    const here = this.#forks.get(feedName(feed));
    return here === null ? undefined : (here ?? this.#memory.forks.get(feedName(feed)));
  }

  keys(feed: Feed): FeedKeys {
    const name = feedName(feed);
    return this.#keys.get(name) ?? this.#memory.feedKeys.get(name) ?? firstKeys(feed.author);
  }

  /** Keeps both envelopes as proof, with what it takes to check them, and the feed is frozen from `fork` on. */
  async freeze(fork: Fork, proof: readonly [Uint8Array, Uint8Array]): Promise<void> {
    const keyRecords = await this.#keyRecords(fork);
    const value = JSON.stringify({ fork, proof: proof.map(encodeBase64), keys: keyRecords.map(encodeBase64) });
    this.put(forkKey(fork), Buffer.from(value));
    this.#forks.set(feedName(fork), fork);
  }

  /** The records that lead to the keys of a place: the opening of the feed and those of its epochs, if they are not too many. */
  async #keyRecords(fork: Fork): Promise<Uint8Array[]> {
    if (fork.epoch === 0) return [];
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

  /** The envelope stored at a place, from this turn or from the disk. */
  async envelopeAt(feed: Feed, place: Position): Promise<Uint8Array | undefined> {
    const id = await this.idAt(feed, place);
    if (id === undefined) return undefined;
    const admitted = this.#admitted.get(id);
    return admitted === undefined ? this.#memory.database.get(recordKey(id)) : admitted?.envelope;
  }

  async idAt(feed: Feed, place: Position): Promise<Digest | undefined> {
    const key = linkKey(feed, place);
    const admitted = this.#admitted.get(key);
    if (admitted !== undefined) return admitted?.id;
    const id = await this.#memory.database.get(key);
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by #admit alone
    return id === undefined ? undefined : (Buffer.from(id).toString() as Digest);
  }

  async #judge(sealed: SealedRecord, known: ReadonlySet<Digest>): Promise<Admission> {
    // A known id is done with before anything is verified again.
    const here = this.#admitted.get(sealed.id);
    if (here ?? (here === undefined && known.has(sealed.id))) return { result: 'known', id: sealed.id };
    const { network, keys, verifier } = this.#memory;
    const parsed = parseSealed(sealed, network);
    if (isRefusal(parsed)) return refused(parsed);
    const feedKeys = this.keys(parsed.link);
    const record = openSealed(sealed, { network, keys, verifier, feedKeys, follows: this.#follows });
    const branch = await this.#ofBranch(parsed, record);
    if (branch !== undefined) return branch;
    if (isRefusal(record)) return refused(record);
    const admission = await this.#place(record);
    if (admission.result !== 'admitted') return admission;
    const released = [...(await this.#release(record)), ...(await this.#catchUp(record))];
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
    const head = this.mark(link);
    const change = changeIn(record);
    const behind = head !== undefined && comparePositions(link, head) <= 0;
    const state = { head, keys: this.keys(link), idAt: behind ? await this.idAt(link, link) : undefined };
    const verdict = judgeLink(id, link, change === undefined ? state : { ...state, change });
    if (verdict.verdict === 'known') return { result: 'known', id };
    const fork = this.fork(link);
    // Only the owner's recovery key ends it, and not where it was that recovery which forked.
    const isEnded = verdict.verdict === 'recovery' && fork !== undefined && fork.recovery < link.recovery;
    if (fork !== undefined && comparePositions(link, fork) >= 0 && !isEnded) {
      return refused(
        refuse('frozen', `${link.author} has signed two records with seq ${fork.seq}; the feed is frozen there`),
      );
    }
    switch (verdict.verdict) {
      case 'next':
        return this.#next(record, change);
      case 'recovery':
        return this.#recover(record, verdict.keep);
      case 'gap':
        return this.#wait(record, verdict.missingFrom);
      case 'fork':
        return this.#prove(record, verdict.at, verdict.against);
      default:
        return refused(refuse(verdict.verdict, verdict.detail));
    }
  }

  async #next(record: VerifiedRecord, change: KeyChange | undefined): Promise<Admission> {
    const { link } = record;
    const keys = this.keys(link);
    if (change !== undefined && !hasRoom(keys)) {
      return refused(refuse('bad-link', `${link.author} has changed keys too often`));
    }
    if (keys.revoked) return refused(refuse('revoked', `${link.author} has revoked the key that signed this`));
    const beyond = change && this.#memory.hold.beyond(link, change.keep);
    if (change !== undefined && beyond !== undefined) {
      // It waited for its gap, and now its author says that the epoch had ended before it.
      const { recovery, epoch, seq } = change.keep;
      return this.#frozenAt(record, beyond.envelope, { recovery, epoch, seq: seq + 1 });
    }
    return this.#admit(record);
  }

  /** A recovery whose branch is here, or is yet to come. */
  async #recover(record: VerifiedRecord, keep: Kept): Promise<Admission> {
    const { id, link } = record;
    const pending = this.#memory.pending.get(link);
    if (pending !== undefined && pending.recovery.id !== id) {
      return this.#frozenAt(record, pending.recovery.envelope, {
        recovery: link.recovery,
        epoch: Math.min(link.epoch, pending.recovery.link.epoch),
        seq: 1,
      });
    }
    if ((await this.idAt(link, keep)) === keep.id) return this.#adopt(record, keep, []);
    this.#memory.pending.begin(record, keep.id);
    return { result: 'held', id, missingFrom: keep.seq };
  }

  /** What a pending recovery waits for, going backwards; its id is vouched for by what has come. */
  async #ofBranch(parsed: ParsedRecord, opened: VerifiedRecord | Refusal): Promise<Admission | undefined> {
    const pending = this.#memory.pending.get(parsed.link);
    if (pending === undefined || pending.missing !== parsed.id) return undefined;
    // The branch may have keys of its own; only of the first one it is certain here that a signature is bad.
    const mayHold = !isRefusal(opened) || (parsed.link.epoch > 0 && WITH_ANOTHER_KEY.includes(opened.refused));
    if (!mayHold) return undefined;
    // The next record of the branch that is stored: it goes its ordinary way.
    const isNext = parsed.link.prev === this.mark(parsed.link)?.id && this.fork(parsed.link) === undefined;
    if (isNext && !isRefusal(opened)) return undefined;
    const longer = this.#memory.pending.extend(pending, parsed);
    if (longer === undefined) {
      return refused(refuse('too-large', 'the branch that the recovery keeps is longer than this node takes'));
    }
    const ancestor = await this.#placeOf(parsed.link, longer.missing);
    if (ancestor === undefined) return { result: 'held', id: parsed.id, missingFrom: parsed.link.seq - 1 };
    return this.#adopt(longer.recovery, ancestor, longer.branch);
  }

  /** After an ordinary admission: was it what a recovery waited for? */
  async #catchUp(record: VerifiedRecord): Promise<VerifiedRecord[]> {
    const pending = this.#memory.pending.get(record.link);
    if (pending === undefined) return [];
    const ancestor = await this.#placeOf(record.link, pending.missing);
    if (ancestor === undefined) return [];
    const adopted = await this.#adopt(pending.recovery, ancestor, pending.branch);
    return adopted.result === 'admitted' ? [adopted.record, ...(adopted.released ?? [])] : [];
  }

  /** Where a record of this feed is stored. */
  async #placeOf(feed: Feed, id: Digest): Promise<Position | undefined> {
    const here = this.#admitted.get(id);
    if (here === null) return undefined;
    const bytes = here?.envelope ?? (await this.#memory.database.get(recordKey(id)));
    const sealed = bytes && readEnvelope(bytes);
    const parsed = sealed && !isRefusal(sealed) ? parseSealed(sealed, this.#memory.network) : undefined;
    if (parsed === undefined || isRefusal(parsed) || feedName(parsed.link) !== feedName(feed)) return undefined;
    return positionOf(parsed.link);
  }

  /**
   * Goes back to `ancestor`, takes the branch and the recovery, all or nothing. The branch's signatures are checked here,
   * in order: only what everybody else would admit is stored, and given on.
   */
  async #adopt(recovery: VerifiedRecord, ancestor: Position, branch: readonly ParsedRecord[]): Promise<Admission> {
    const { link } = recovery;
    const { network, keys, verifier } = this.#memory;
    const verified: VerifiedRecord[] = [];
    let feedKeys = this.keys(link);
    for (const { envelope } of branch) {
      const sealed = readEnvelope(envelope);
      const record = isRefusal(sealed) ? sealed : openSealed(sealed, { network, keys, verifier, feedKeys });
      if (isRefusal(record)) {
        // Its words are the right ones, its signature is not: all of it must come again, from somebody else.
        this.#memory.pending.restart(recovery);
        return refused(record);
      }
      verified.push(record);
      feedKeys = advanceKeys(feedKeys, record);
    }
    const voided = await this.#void(link, ancestor);
    this.#memory.pending.end(link);
    this.#recovered.push({ author: link.author, scope: link.scope });
    this.#writes.push({ type: 'del', key: headKey(link) });
    const fork = this.fork(link);
    // A proof may have come first that speaks of what follows this recovery.
    if (fork !== undefined && fork.recovery < link.recovery) {
      this.#forks.set(feedName(link), null);
      this.#writes.push({ type: 'del', key: forkKey(link) });
    }
    for (const record of verified) this.#admit(record);
    const admission = this.#admit(recovery);
    return {
      ...admission,
      ...(verified.length > 0 && { released: verified }),
      ...(voided.length > 0 && { voided }),
    };
  }

  /** Deletes what lies behind a place: it counts for nothing any more, and is not given on. */
  async #void(feed: Feed, after: Position): Promise<Digest[]> {
    const ids = new Set<Digest>();
    for await (const [key, value] of this.#memory.database.entries(linksAfter(feed, after))) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by #admit alone
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
      const bytes = this.#admitted.get(id)?.envelope ?? (await this.#memory.database.get(recordKey(id)));
      const sealed = bytes && readEnvelope(bytes);
      const parsed = sealed && !isRefusal(sealed) ? parseSealed(sealed, this.#memory.network) : undefined;
      if (parsed && !isRefusal(parsed)) this.#forget(typeKey(parsed.statement.predicateType, id));
      this.#forget(recordKey(id), id);
    }
    return [...ids];
  }

  #forget(key: string, id: string = key): void {
    this.#writes.push({ type: 'del', key });
    this.#admitted.set(id, null);
  }

  #admit(record: VerifiedRecord): Extract<Admission, { result: 'admitted' }> {
    const { id, link, statement } = record;
    const { author, scope, recovery, epoch, seq } = link;
    const mark: FeedHead = { author, scope, recovery, epoch, seq, id };
    this.put(recordKey(id), record.envelope);
    this.put(linkKey(link, link), Buffer.from(id));
    this.put(markKey(link), Buffer.from(JSON.stringify(mark)));
    this.put(typeKey(statement.predicateType, id), new Uint8Array(0));
    this.#marks.set(feedName(link), mark);
    this.#admitted.set(id, record).set(linkKey(link, link), record);
    const before = this.keys(link);
    const keys = advanceKeys(before, record);
    if (keys !== before || link.prev === null) {
      this.put(keysKey(link), Buffer.from(JSON.stringify(keys)));
      this.#keys.set(feedName(link), keys);
    }
    return { result: 'admitted', record };
  }

  async #wait(record: VerifiedRecord, missingFrom: number): Promise<Admission> {
    const { id, link } = record;
    // What opens an epoch is fetched again with the gap: the hold knows one epoch.
    if (opensEpoch(link)) return { result: 'held', id, missingFrom };
    const waiting = this.#memory.hold.at(link, link.seq);
    if (waiting !== undefined && waiting.id !== id && comparePositions(waiting.link, link) === 0) {
      return this.#frozenAt(record, waiting.envelope, link);
    }
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

  /** The record contradicts the one stored at `against`. */
  async #prove(record: VerifiedRecord, at: Position, against: Position): Promise<Admission> {
    const stored = await this.envelopeAt(record.link, against);
    if (stored === undefined) {
      return refused(
        refuse('bad-link', `it contradicts the record with seq ${against.seq}, which is no longer stored`),
      );
    }
    return this.#frozenAt(record, stored, at);
  }

  async #frozenAt(record: VerifiedRecord, other: Uint8Array, at: Position): Promise<Admission> {
    const { author, scope } = record.link;
    await this.freeze({ author, scope, ...positionOf(at) }, [other, record.envelope]);
    return refused(refuse('fork', `${author} has signed two different records with seq ${at.seq}`));
  }
}

/** Refusals of what may be signed well by a key that only the other branch knows. */
const WITH_ANOTHER_KEY: readonly Refusal['refused'][] = ['unknown-key', 'bad-signature'];

/** What a record does that opens an epoch. Its signer has been found by this, so it reads. */
function changeIn({ link, statement }: VerifiedRecord): KeyChange | undefined {
  if (!opensEpoch(link)) return undefined;
  const action = keyActionOf(statement, link);
  return 'keep' in action ? action : undefined;
}

function refused({ refused: reason, detail }: Refusal): {
  result: 'refused';
  reason: Refusal['refused'];
  detail: string;
} {
  return { result: 'refused', reason, detail };
}
