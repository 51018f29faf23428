/** The record store on LevelDB. Writers take turns; readers never wait. */
import type { Digest } from '../../crypto/digest.ts';
import { publicKeyOf, verify } from '../../crypto/ed25519.ts';
import { createKeyCache } from '../../crypto/key-cache.ts';
import { FailedError } from '../../errors.ts';
import { openingDraft } from '../record/drafts.ts';
import type { OpenOptions } from '../record/envelope.ts';
import { verifyForkProof, type Fork } from '../record/fork-proof.ts';
import type { SignedHead } from '../record/head.ts';
import { authorIdOf } from '../record/identity.ts';
import { KEY_CACHE_MAX_KEYS } from '../record/limits.ts';
import { comparePositions } from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import { signRecord } from '../record/sign.ts';
import type { Draft } from '../record/statement.ts';
import type { Admission, AuthorId, FeedHead, RecordKind, Scope, VerifiedRecord } from '../record/types.ts';
import { openBlobs } from './blobs.ts';
import type { Database } from './database.ts';
import { HeadCache } from './head-cache.ts';
import { Hold } from './hold.ts';
import { feedName, under, type Feed } from './layout.ts';
import { BATCH_MAX_RECORDS, HOLD_MAX_BYTES, HOLD_MAX_RECORDS_PER_FEED, SIGNED_HEADS_IN_MEMORY } from './limits.ts';
import { openNotes } from './notes.ts';
import { keepHead, openNewHead, readSignedHead } from './signed-heads.ts';
import { parseFork, parseMark, readAll, readFrozen, readRange, readRecord } from './stored.ts';
import { Turn, type Memory } from './turn.ts';
import type { FrozenFeed, HeadAdmission, OwnStore, ProofAdmission, RecordStore, Signer } from './types.ts';

interface Follows {
  readonly follows: (author: AuthorId) => boolean;
}

/** What many stores of one process may have in common, where a simulation runs them all. */
export type Shared = Pick<OpenOptions, 'keys' | 'verifier'>;

export class LevelStore implements OwnStore {
  readonly notes: RecordStore['notes'];
  readonly blobs: RecordStore['blobs'];
  readonly #memory: Memory;
  readonly #refusals: Record<string, number> = {};
  #lastWrite: Promise<unknown> = Promise.resolve();

  /** Reads marks and forks from the disk. */
  static async over(database: Database, network: string, shared: Shared = {}): Promise<LevelStore> {
    const hold = new Hold({ maxRecordsPerFeed: HOLD_MAX_RECORDS_PER_FEED, maxBytes: HOLD_MAX_BYTES });
    const memory: Memory = {
      network,
      keys: shared.keys ?? createKeyCache(KEY_CACHE_MAX_KEYS),
      verifier: shared.verifier ?? verify,
      database,
      hold,
      marks: new Map(),
      forks: new Map(),
      signedHeads: new HeadCache(SIGNED_HEADS_IN_MEMORY),
    };
    for await (const [, value] of database.entries(under('mark'))) {
      const mark = parseMark(value);
      memory.marks.set(feedName(mark), mark);
    }
    for await (const [, value] of database.entries(under('fork'))) {
      const { fork } = parseFork(value);
      memory.forks.set(feedName(fork), fork);
    }
    return new LevelStore(memory);
  }

  private constructor(memory: Memory) {
    this.#memory = memory;
    this.notes = openNotes(memory.database);
    this.blobs = openBlobs(memory.database);
  }

  async admit(envelope: Uint8Array, options: Follows): Promise<Admission> {
    const [admission] = await this.admitAll([envelope], options);
    if (admission === undefined) throw new Error('one envelope, one admission');
    return admission;
  }

  async admitAll(envelopes: readonly Uint8Array[], options: Follows): Promise<Admission[]> {
    const admissions: Admission[] = [];
    for (let from = 0; from < envelopes.length; from += BATCH_MAX_RECORDS) {
      const batch = envelopes.slice(from, from + BATCH_MAX_RECORDS);
      admissions.push(...(await this.#write(options.follows, (turn) => this.#judgeAll(turn, batch))));
    }
    return admissions;
  }

  async append(signer: Signer, scope: Scope, draft: Draft): Promise<VerifiedRecord> {
    const author = authorIdOf(publicKeyOf(signer.seed));
    const feed: Feed = { author, scope };
    const mine = (candidate: AuthorId): boolean => candidate === author;
    return this.#write(mine, async (turn) => {
      const fork = turn.fork(feed);
      if (fork !== undefined) throw frozen(fork);
      const { recoveryPublicKey } = signer;
      if (turn.mark(feed) === undefined && scope === 'public' && recoveryPublicKey !== undefined) {
        await this.#appendOne(turn, signer, feed, openingDraft({ author, recoveryPublicKey }));
      }
      return this.#appendOne(turn, signer, feed, draft);
    });
  }

  async putHead(envelope: Uint8Array, options: Follows & { readonly now: Date }): Promise<HeadAdmission> {
    const signed = openNewHead(this.#memory, envelope, options.now);
    if (isRefusal(signed)) return this.#refused(signed);
    const { author } = signed.head;
    if (!options.follows(author)) return this.#refused(refuse('unknown-author', `nobody here follows ${author}`));
    return this.#write(options.follows, async (turn): Promise<HeadAdmission> => {
      const kept = await keepHead(this.#memory, turn, signed);
      return isRefusal(kept) ? this.#refused(kept) : kept;
    });
  }

  async headOf(author: AuthorId, scope: Scope): Promise<SignedHead | undefined> {
    return readSignedHead(this.#memory, { author, scope });
  }

  async putProof(a: Uint8Array, b: Uint8Array, options: Follows): Promise<ProofAdmission> {
    const fork = verifyForkProof(a, b, this.#memory);
    if (isRefusal(fork)) return this.#refused(fork);
    if (!options.follows(fork.author)) {
      return this.#refused(refuse('unknown-author', `nobody here follows ${fork.author}`));
    }
    return this.#write(options.follows, async (turn): Promise<ProofAdmission> => {
      const before = turn.fork(fork);
      // An earlier place freezes more; a later one says nothing new.
      if (before !== undefined && comparePositions(before, fork) <= 0) return { result: 'known', fork: before };
      turn.freeze(fork, [a, b]);
      return { result: 'frozen', fork };
    });
  }

  async get(id: Digest): Promise<VerifiedRecord | undefined> {
    return readRecord(this.#memory, id);
  }

  async head(author: AuthorId, scope: Scope): Promise<FeedHead | undefined> {
    return this.#memory.marks.get(feedName({ author, scope }));
  }

  async heads(): Promise<FeedHead[]> {
    return [...this.#memory.marks.values()];
  }

  async range(author: AuthorId, scope: Scope, afterSeq: number, limit: number): Promise<VerifiedRecord[]> {
    return readRange(this.#memory, { author, scope }, afterSeq, limit);
  }

  all(kind: RecordKind): AsyncIterable<VerifiedRecord> {
    return readAll(this.#memory, kind);
  }

  async frozen(): Promise<FrozenFeed[]> {
    return readFrozen(this.#memory);
  }

  refusals(): Readonly<Record<string, number>> {
    return { ...this.#refusals };
  }

  async close(): Promise<void> {
    // Whoever waits for a write gets its answer first.
    await this.#lastWrite;
    await this.#memory.database.close();
  }

  /** One writer at a time. What `work` judged becomes true with one synced batch, or not at all. */
  async #write<T>(follows: (author: AuthorId) => boolean, work: (turn: Turn) => Promise<T>): Promise<T> {
    const result = this.#lastWrite.then(async () => {
      const turn = new Turn(this.#memory, follows);
      const answer = await work(turn);
      if (turn.writes.length > 0) await this.#memory.database.write(turn.writes);
      turn.settle();
      return answer;
    });
    // The next writer waits for this one, whatever came of it; the error goes to this one's caller.
    this.#lastWrite = result.catch(() => undefined);
    return result;
  }

  async #judgeAll(turn: Turn, envelopes: readonly Uint8Array[]): Promise<Admission[]> {
    const admissions = await turn.judgeAll(envelopes);
    for (const admission of admissions) if (admission.result === 'refused') this.#count(admission.reason);
    return admissions;
  }

  async #appendOne(turn: Turn, signer: Signer, feed: Feed, draft: Draft): Promise<VerifiedRecord> {
    const mark = turn.mark(feed);
    const link = {
      network: this.#memory.network,
      ...feed,
      recovery: mark?.recovery ?? 0,
      epoch: mark?.epoch ?? 0,
      seq: (mark?.seq ?? 0) + 1,
      prev: mark?.id ?? null,
    };
    const [admission] = await turn.judgeAll([signRecord(signer.seed, link, draft).envelope]);
    if (admission?.result === 'admitted') return admission.record;
    const detail = admission?.result === 'refused' ? admission.detail : `it is ${admission?.result ?? 'lost'}`;
    throw new FailedError('store/not-appended', `The record could not be appended to your feed: ${detail}.`);
  }

  #refused({ refused: reason, detail }: Refusal): Extract<HeadAdmission, { result: 'refused' }> {
    this.#count(reason);
    return { result: 'refused', reason, detail };
  }

  #count(reason: string): void {
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1;
  }
}

function frozen(fork: Fork): FailedError {
  const what = `two different records with seq ${fork.seq} carry your signature`;
  return new FailedError('store/feed-frozen', `Your feed is frozen: ${what}.`, {
    hint: 'an old backup was restored, or one key was used on two machines; end it with `portalgun key recover`',
    facts: { seq: fork.seq, scope: fork.scope },
  });
}
