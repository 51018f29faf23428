/** The record store on LevelDB. Writers take turns; readers never wait. */
import type { Digest } from '../../crypto/digest.ts';
import { publicKeyOf, verify, verifyAside } from '../../crypto/ed25519.ts';
import { createKeyCache } from '../../crypto/key-cache.ts';
import { FailedError, UsageError } from '../../errors.ts';
import { openingDraft } from '../record/drafts.ts';
import { openStored, type OpenOptions } from '../record/envelope.ts';
import { advanceKeys, firstKeys, type FeedKeys } from '../record/feed-keys.ts';
import { verifyForkProof } from '../record/fork-proof.ts';
import { feedOfHead, type SignedHead } from '../record/head.ts';
import { authorIdOf } from '../record/identity.ts';
import { KEY_CACHE_MAX_KEYS } from '../record/limits.ts';
import { outranks, type Position } from '../record/links.ts';
import { isRefusal, refuse, type Refusal } from '../record/refusal.ts';
import { saysMore } from '../record/rivals.ts';
import { signRecord } from '../record/sign.ts';
import type { Draft } from '../record/statement.ts';
import type { Admission, AuthorId, FeedHead, KeyId, RecordKind, Scope, VerifiedRecord } from '../record/types.ts';
import { openBlobs } from './blobs.ts';
import type { Database } from './database.ts';
import { HeadCache } from './head-cache.ts';
import { Hold } from './hold.ts';
import { KeyHolders } from './key-holders.ts';
import { leaveToContest, requireSigner, signFollowing, signKeyChange } from './change-key.ts';
import { choose } from './choose.ts';
import { BEFORE_ALL, feedName, lastPart, publicFeed, under, type Feed } from './layout.ts';
import { BATCH_MAX_RECORDS, HOLD_MAX_BYTES, HOLD_MAX_RECORDS_PER_FEED, SIGNED_HEADS_IN_MEMORY } from './limits.ts';
import { judgeAll } from './judge.ts';
import { rememberKeys, type Memory } from './memory.ts';
import { buildNamed, readNaming } from './named.ts';
import { openNotes } from './notes.ts';
import { isSettledByPin } from './pins.ts';
import { newestOf } from './rivals.ts';
import { keepHead, openNewHead, readSignedHead } from './signed-heads.ts';
import { PendingRecoveries } from './pending.ts';
import {
  parseChoice,
  parseFork,
  parseKeys,
  parseMark,
  readAll,
  readChosen,
  readFrozen,
  readRange,
  readRecord,
} from './stored.ts';
import { Turn } from './turn.ts';
import type {
  ChosenRecovery,
  FrozenFeed,
  HeadAdmission,
  NewKey,
  OwnStore,
  ProofAdmission,
  RecordStore,
  Signer,
} from './types.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';

interface Follows {
  readonly follows: (author: AuthorId, scope: Scope) => boolean;
}

/** What many stores of one process may have in common, where a simulation runs them all. */
export type Shared = Pick<OpenOptions, 'keys' | 'verifier'>;

type PinsOf = Memory['pinsOf'];

export class LevelStore implements OwnStore {
  readonly notes: RecordStore['notes'];
  readonly blobs: RecordStore['blobs'];
  readonly #memory: Memory;
  readonly #refusals: Record<string, number> = {};
  #lastWrite: Promise<unknown> = Promise.resolve();

  /** Reads marks and forks from the disk. */
  static async over(
    database: Database,
    network: string,
    { pinsOf = () => [], ...shared }: Shared & { readonly pinsOf?: PinsOf } = {},
  ): Promise<LevelStore> {
    const hold = new Hold({ maxRecordsPerFeed: HOLD_MAX_RECORDS_PER_FEED, maxBytes: HOLD_MAX_BYTES });
    const memory: Memory = {
      network,
      keys: shared.keys ?? createKeyCache(KEY_CACHE_MAX_KEYS),
      verifier: shared.verifier ?? verify,
      verifyAside: shared.verifier === undefined ? verifyAside : undefined,
      database,
      hold,
      marks: new Map(),
      forks: new Map(),
      feedKeys: new Map(),
      keyHolders: new KeyHolders(),
      choices: new Map(),
      pending: new PendingRecoveries(),
      pinsOf,
      signedHeads: new HeadCache(SIGNED_HEADS_IN_MEMORY),
    };
    await buildNamed(database, network);
    for await (const [, value] of database.entries(under('mark'))) {
      const mark = parseMark(value);
      memory.marks.set(feedName(mark), mark);
    }
    for await (const [, value] of database.entries(under('fork'))) {
      const { fork } = parseFork(value);
      memory.forks.set(feedName(fork), fork);
    }
    for await (const [, value] of database.entries(under('choice'))) {
      const choice = parseChoice(value);
      memory.choices.set(feedName(choice), choice);
    }
    for await (const [key, value] of database.entries(under('keys'))) {
      const keys = parseKeys(value);
      rememberKeys(memory, feedName({ author: keys.author, scope: lastPart(key) }), keys);
    }
    for (const mark of memory.marks.values()) {
      if (memory.feedKeys.has(feedName(mark))) continue;
      // Stored by a version that knew one key a feed: what its first record commits to is read from it.
      const [first] = await readRange(memory, mark, BEFORE_ALL, 1);
      if (first !== undefined) rememberKeys(memory, feedName(mark), advanceKeys(firstKeys(mark.author), first));
    }
    return new LevelStore(memory);
  }

  private constructor(memory: Memory) {
    this.#memory = memory;
    this.notes = openNotes(memory.database);
    this.blobs = openBlobs(memory.database);
  }

  async admit(
    envelope: Uint8Array,
    { follows, onJudged }: Follows & { readonly onJudged?: (admission: Admission) => void },
  ): Promise<Admission> {
    return this.#write(async (turn) => {
      const [admission] = await this.#judgeAll(turn, [envelope], follows);
      if (admission === undefined) throw new Error('one envelope, one admission');
      onJudged?.(admission);
      return admission;
    });
  }

  async admitAll(envelopes: readonly Uint8Array[], options: Follows): Promise<Admission[]> {
    const admissions: Admission[] = [];
    for (let from = 0; from < envelopes.length; from += BATCH_MAX_RECORDS) {
      const batch = envelopes.slice(from, from + BATCH_MAX_RECORDS);
      admissions.push(...(await this.#write((turn) => this.#judgeAll(turn, batch, options.follows))));
    }
    return admissions;
  }

  async append(signer: Signer, scope: Scope, draft: Draft): Promise<VerifiedRecord> {
    const author = signer.author ?? authorIdOf(publicKeyOf(signer.seed));
    const feed: Feed = { author, scope };
    return this.#write(async (turn) => {
      if (scope !== PUBLIC_SCOPE) await this.#follow(turn, feed, signer.seed);
      requireSigner(turn, feed, signer.seed);
      const { recoveryPublicKey } = signer;
      if (turn.mark(feed) === undefined && scope === PUBLIC_SCOPE && recoveryPublicKey !== undefined) {
        await this.#appendOne(turn, signer.seed, feed, openingDraft({ author, recoveryPublicKey }));
      }
      return this.#appendOne(turn, signer.seed, feed, draft);
    });
  }

  async followKeys(signer: Signer, scope: Scope): Promise<VerifiedRecord | null> {
    if (scope === PUBLIC_SCOPE) return null;
    const author = signer.author ?? authorIdOf(publicKeyOf(signer.seed));
    return this.#write((turn) => this.#follow(turn, { author, scope }, signer.seed));
  }

  async changeKey(
    change: NewKey,
    scope: Scope,
  ): Promise<{ readonly record: VerifiedRecord; readonly voided: readonly Digest[] }> {
    const feed: Feed = { author: change.author, scope };
    return this.#write(async (turn) => {
      if (scope !== PUBLIC_SCOPE) throw onlyInPublic();
      if (change.action === 'rotate') {
        requireSigner(turn, feed, change.seed);
        const { author, recoveryPublicKey } = change;
        if (turn.mark(feed) === undefined && scope === PUBLIC_SCOPE && recoveryPublicKey !== undefined) {
          await this.#appendOne(turn, change.seed, feed, openingDraft({ author, recoveryPublicKey }));
        }
      }
      const isContest = change.action === 'recover' && change.contest === true;
      const left = isContest ? await leaveToContest(turn, feed, change) : undefined;
      const [admission] = await judgeAll(
        turn,
        [(await signKeyChange(turn, feed, change)).envelope],
        only(change.author),
      );
      if (admission?.result !== 'admitted') throw notAppended(admission);
      // The owner knows which recovery is theirs: at home no other one of its number counts.
      if (change.action === 'recover') {
        const proof = left && { proof: [left.against, admission.record.envelope] as const, keyRecords: [] };
        turn.choose({ ...turn.choice(feed), ...newestOf(turn, feed), ...(proof !== undefined && { proof }) });
      }
      return { record: admission.record, voided: [...(left?.voided ?? []), ...(admission.voided ?? [])] };
    });
  }

  async choose(author: AuthorId, scope: Scope, recovery: Digest): Promise<{ readonly voided: readonly Digest[] }> {
    return this.#write((turn) => choose(turn, { author, scope }, recovery));
  }

  async chosen(): Promise<ChosenRecovery[]> {
    return readChosen(this.#memory);
  }

  async putHead(envelope: Uint8Array, options: Follows & { readonly now: Date }): Promise<HeadAdmission> {
    const signed = openNewHead(this.#memory, envelope, options.now);
    if (isRefusal(signed)) return this.#refused(signed);
    const { author, scope } = signed.head;
    if (!options.follows(author, scope))
      return this.#refused(refuse('unknown-author', `nobody here follows ${author}`));
    return this.#write(async (turn): Promise<HeadAdmission> => {
      const kept = await keepHead(turn, signed);
      return isRefusal(kept) ? this.#refused(kept) : kept;
    });
  }

  async headOf(author: AuthorId, scope: Scope): Promise<SignedHead | undefined> {
    return readSignedHead(this.#memory, { author, scope });
  }

  async putProof(
    a: Uint8Array,
    b: Uint8Array,
    options: Follows & { readonly keyRecords?: readonly Uint8Array[] },
  ): Promise<ProofAdmission> {
    const { network, keys, verifier, feedKeys } = this.#memory;
    const { keyRecords = [] } = options;
    const feed = feedOf(a, network);
    const known = feed && feedKeys.get(feedName(publicFeed(feed)));
    // Of a group's signers only the public feed tells, as it is here: no proof brings another one.
    const isPublic = feed?.scope === PUBLIC_SCOPE;
    const check = {
      network,
      keys,
      verifier,
      keyRecords: isPublic ? keyRecords : [],
      ...(known !== undefined && { feedKeys: known }),
    };
    const fork = verifyForkProof(a, b, check);
    if (isRefusal(fork)) return this.#refused(fork);
    if (!options.follows(fork.author, fork.scope)) {
      return this.#refused(refuse('unknown-author', `nobody here follows ${fork.author}`));
    }
    return this.#write(async (turn): Promise<ProofAdmission> => {
      const before = turn.fork(fork);
      // An earlier place freezes more; a later one says nothing new.
      if (before !== undefined && !saysMore(fork, before)) return { result: 'known', fork: before };
      if (fork.rivals === true) {
        const choice = turn.choice(fork);
        const isSettled = choice !== undefined && fork.recovery <= choice.recovery;
        if (isSettled && choice.proof === undefined) turn.choose({ ...choice, proof: { proof: [a, b], keyRecords } });
        if (isSettled || isSettledByPin(turn, fork, fork.recovery)) return { result: 'known', fork };
      } else if (outranks(fork.scope, turn.mark(fork) ?? BEFORE_ALL, fork)) {
        // A recovery has ended it.
        return { result: 'known', fork };
      } else if (!isPublic && turn.isGivenUp(fork, fork)) {
        // Whoever has the key now, two records that it signs say nothing of its author.
        return { result: 'known', fork };
      }
      await turn.freeze(fork, [a, b]);
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

  async range(author: AuthorId, scope: Scope, after: Position | number, limit: number): Promise<VerifiedRecord[]> {
    const place = typeof after === 'number' ? { ...BEFORE_ALL, seq: after } : after;
    return readRange(this.#memory, { author, scope }, place, limit);
  }

  async idAt(author: AuthorId, scope: Scope, place: Position): Promise<Digest | undefined> {
    return new Turn(this.#memory).idAt({ author, scope }, place);
  }

  keysOf(author: AuthorId, scope: Scope): FeedKeys {
    return this.#memory.feedKeys.get(feedName({ author, scope })) ?? firstKeys(author);
  }

  authorsWith(key: KeyId): readonly AuthorId[] {
    return this.#memory.keyHolders.of(key);
  }

  all(kind: RecordKind): AsyncIterable<VerifiedRecord> {
    return readAll(this.#memory, kind);
  }

  naming(digest: Digest, by: (author: AuthorId) => boolean): AsyncIterable<VerifiedRecord> {
    return readNaming(this.#memory, digest, by);
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
  async #write<T>(work: (turn: Turn) => Promise<T>): Promise<T> {
    const result = this.#lastWrite.then(async () => {
      const turn = new Turn(this.#memory);
      const answer = await work(turn);
      const { writes } = turn;
      if (writes.length > 0) await this.#memory.database.write(writes);
      turn.settle();
      return answer;
    });
    // The next writer waits for this one, whatever came of it; the error goes to this one's caller.
    this.#lastWrite = result.catch(() => undefined);
    return result;
  }

  async #judgeAll(turn: Turn, envelopes: readonly Uint8Array[], follows: Follows['follows']): Promise<Admission[]> {
    const admissions = await judgeAll(turn, envelopes, follows);
    for (const admission of admissions) if (admission.result === 'refused') this.#count(admission.reason);
    return admissions;
  }

  async #follow(turn: Turn, feed: Feed, seed: Uint8Array): Promise<VerifiedRecord | null> {
    const record = signFollowing(turn, feed, seed);
    if (record === null) return null;
    const [admission] = await judgeAll(turn, [record.envelope], only(feed.author));
    if (admission?.result === 'admitted') return admission.record;
    throw notAppended(admission);
  }

  async #appendOne(turn: Turn, seed: Uint8Array, feed: Feed, draft: Draft): Promise<VerifiedRecord> {
    const mark = turn.mark(feed);
    const link = {
      network: this.#memory.network,
      ...feed,
      recovery: mark?.recovery ?? 0,
      epoch: mark?.epoch ?? 0,
      seq: (mark?.seq ?? 0) + 1,
      prev: mark?.id ?? null,
    };
    const [admission] = await judgeAll(
      turn,
      [signRecord(seed, link, draft, turn.signers(feed)).envelope],
      only(feed.author),
    );
    if (admission?.result === 'admitted') return admission.record;
    throw notAppended(admission);
  }

  #refused({ refused: reason, detail }: Refusal): Extract<HeadAdmission, { result: 'refused' }> {
    this.#count(reason);
    return { result: 'refused', reason, detail };
  }

  #count(reason: string): void {
    this.#refusals[reason] = (this.#refusals[reason] ?? 0) + 1;
  }
}

function only(author: AuthorId): (candidate: AuthorId) => boolean {
  return (candidate) => candidate === author;
}

/** Whose feed an envelope is of; nothing of it is verified. */
function feedOf(envelope: Uint8Array, network: string): Feed | undefined {
  const record = openStored(envelope, network);
  return isRefusal(record) ? feedOfHead(envelope) : record.link;
}

function onlyInPublic(): UsageError {
  return new UsageError('store/public-only', 'Keys are changed in the public feed; those of groups follow it.');
}

function notAppended(admission: Admission | undefined): FailedError {
  const detail = admission?.result === 'refused' ? admission.detail : `it is ${admission?.result ?? 'lost'}`;
  return new FailedError('store/not-appended', `The record could not be appended to your feed: ${detail}.`);
}
