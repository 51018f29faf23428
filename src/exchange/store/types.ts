/**
 * The record store: LevelDB behind an interface. A promise that resolved means that it is on the disk (synced).
 */
import type { Digest } from '../../crypto/digest.ts';
import type { FeedKeys } from '../record/feed-keys.ts';
import type { Fork } from '../record/fork-proof.ts';
import type { Position } from '../record/links.ts';
import type { Choice } from '../record/rivals.ts';
import type { SignedHead } from '../record/head.ts';
import type { Draft } from '../record/statement.ts';
import type {
  Admission,
  AuthorId,
  FeedHead,
  KeyId,
  RecordKind,
  RefusalReason,
  Scope,
  VerifiedRecord,
} from '../record/types.ts';

/** Two envelopes that contradict each other, and the feed's key records, for who does not know its keys. */
export interface KeptProof {
  readonly proof: readonly [Uint8Array, Uint8Array];
  readonly keyRecords: readonly Uint8Array[];
}

export interface FrozenFeed extends KeptProof {
  readonly author: AuthorId;
  readonly scope: Scope;
  readonly at: Position;
  /** The two recoveries of which a person has to choose one. Null: whoever has the recovery key ends it. */
  readonly rivals: readonly [Digest, Digest] | null;
}

/** A feed of which this node's person has chosen a recovery; the owner's own count as chosen at home. */
export interface ChosenRecovery extends Choice {
  readonly author: AuthorId;
  readonly scope: Scope;
  /** Those it was chosen from, where there are two. */
  readonly rivals: readonly [Digest, Digest] | null;
}

export interface RecordStore {
  /** Judges and stores what came from anywhere. Never throws for bad input: that is `refused`. */
  admit(
    envelope: Uint8Array,
    options: {
      follows: (author: AuthorId, scope: Scope) => boolean;
      /**
       * Told what it will be before it is on the disk: enough to pass a record on, not to act on it. Not called where it
       * cannot be judged (the disk cannot be read); then the promise rejects.
       */
      onJudged?: (admission: Admission) => void;
    },
  ): Promise<Admission>;
  /** As `admit`, in order, with one sync for all. */
  admitAll(
    envelopes: readonly Uint8Array[],
    options: { follows: (author: AuthorId, scope: Scope) => boolean },
  ): Promise<Admission[]>;
  get(id: Digest): Promise<VerifiedRecord | undefined>;
  head(author: AuthorId, scope: Scope): Promise<FeedHead | undefined>;
  heads(): Promise<FeedHead[]>;
  /** Records of a feed behind a place, in order, across its epochs. A number is a seq of the first epoch. */
  range(author: AuthorId, scope: Scope, after: Position | number, limit: number): Promise<VerifiedRecord[]>;
  /** Id of the record stored at a place. */
  idAt(author: AuthorId, scope: Scope, place: Position): Promise<Digest | undefined>;
  /** Who signs in a feed, as far as its key records are stored. */
  keysOf(author: AuthorId, scope: Scope): FeedKeys;
  /** Authors whose public feed this key signs now, and whose first key it is not. */
  authorsWith(key: KeyId): readonly AuthorId[];
  /** All stored records of a kind, in no promised order. */
  all(kind: RecordKind): AsyncIterable<VerifiedRecord>;
  /**
   * Records of public feeds in which a digest stands where peers ask by it (a manifest, a screen, a symptom), by authors who
   * pass, and of each at most NAMED_MAX_OF_AUTHOR. What they mean is another question: some may not be understood.
   */
  naming(digest: Digest, by: (author: AuthorId) => boolean): AsyncIterable<VerifiedRecord>;
  /** Feeds stopped at a proven fork: nothing from that place on is admitted. */
  frozen(): Promise<FrozenFeed[]>;
  /** Feeds with rival recoveries, or own ones, of which one counts here. */
  chosen(): Promise<ChosenRecovery[]>;
  /** Small documents of this node's own (inbox decisions, peers, marks), by key; `sync`ed. */
  readonly notes: {
    get(key: string): Promise<unknown>;
    put(key: string, value: unknown): Promise<void>;
    delete(key: string): Promise<void>;
    list(prefix: string): Promise<[string, unknown][]>;
  };
  /** Blobs by digest (manifests): bytes, checked on the way in and out. */
  readonly blobs: {
    get(digest: Digest): Promise<Uint8Array | undefined>;
    put(bytes: Uint8Array): Promise<Digest>;
  };
  /** Counts of refusals by reason since the store was opened: `node status` shows them. */
  refusals(): Readonly<Record<string, number>>;
  close(): Promise<void>;
}

/** What happened to a signed head. `older`: a newer one is held already. */
export type HeadAdmission =
  | { readonly result: 'kept' | 'older'; readonly head: SignedHead }
  | { readonly result: 'refused'; readonly reason: RefusalReason; readonly detail: string };

/** What happened to a proof that somebody else found. */
export type ProofAdmission =
  | { readonly result: 'frozen' | 'known'; readonly fork: Fork }
  | { readonly result: 'refused'; readonly reason: RefusalReason; readonly detail: string };

/** Whose feed `append` continues. */
export interface Signer {
  /** Of the key that signs now, 32 bytes. */
  readonly seed: Uint8Array;
  /** Whose feed, where this is not the author's first key. */
  readonly author?: AuthorId;
  /** 32 bytes. Where given, a new public feed opens with a record that commits to it. */
  readonly recoveryPublicKey?: Uint8Array;
}

/** A change of the key that signs a feed. */
export type NewKey =
  | {
      readonly action: 'rotate';
      readonly author: AuthorId;
      /** Of the key that signs now, and of the one that is to. 32 bytes each. */
      readonly seed: Uint8Array;
      readonly newSeed: Uint8Array;
      /** 32 bytes: a feed without records is opened first. */
      readonly recoveryPublicKey?: Uint8Array;
    }
  | {
      readonly action: 'recover';
      readonly author: AuthorId;
      readonly recoverySeed: Uint8Array;
      readonly newSeed: Uint8Array;
      /** The last record to keep; left out, the newest that is stored. */
      readonly keep?: Digest;
      /** Public half of another recovery key, 32 bytes, in place of the one that signs this. */
      readonly newRecoveryPublicKey?: Uint8Array;
      /** Against a recovery that somebody else has made with this recovery key: a rival to it, and chosen here. */
      readonly contest?: boolean;
    };

/** The store of this node's own home: what `openStore` gives. */
export interface OwnStore extends RecordStore {
  /**
   * Signs a draft as the next record of the signer's feed and stores it. Rejects with `store/feed-frozen` where the feed
   * has a proven fork, `store/feed-revoked`, `store/key-replaced` where another key signs now, and with what `signRecord`
   * throws.
   */
  append(signer: Signer, scope: Scope, draft: Draft): Promise<VerifiedRecord>;
  /**
   * Takes this author's feed in a private group along with the public one, under the key that signs there now; null where it
   * is there already. `append` does the same before it signs.
   */
  followKeys(signer: Signer, scope: Scope): Promise<VerifiedRecord | null>;
  /**
   * Opens an epoch of the public feed under a new key. Rejects as `append` does; with `store/no-recovery-key`,
   * `store/wrong-recovery-key`, `store/nothing-to-contest` or `store/not-in-feed` (the record to keep). `voided`: records that are left behind.
   */
  changeKey(
    change: NewKey,
    scope: Scope,
  ): Promise<{ readonly record: VerifiedRecord; readonly voided: readonly Digest[] }>;
  /** Keeps the newest signed head of a feed. One that contradicts what is stored freezes the feed. */
  putHead(
    envelope: Uint8Array,
    options: { readonly now: Date; readonly follows: (author: AuthorId, scope: Scope) => boolean },
  ): Promise<HeadAdmission>;
  /** The newest signed head held. */
  headOf(author: AuthorId, scope: Scope): Promise<SignedHead | undefined>;
  /**
   * Takes one of two rival recoveries for the owner's: the feed goes on from it here, and the other is void. May be said
   * again, of the other. Rejects with `store/no-rivals` or `store/not-a-rival`. `voided`: records that are left behind.
   */
  choose(author: AuthorId, scope: Scope, recovery: Digest): Promise<{ readonly voided: readonly Digest[] }>;
  /** Checks two envelopes that contradict each other, keeps them, and freezes the feed. */
  putProof(
    a: Uint8Array,
    b: Uint8Array,
    options: {
      readonly follows: (author: AuthorId, scope: Scope) => boolean;
      readonly keyRecords?: readonly Uint8Array[];
    },
  ): Promise<ProofAdmission>;
}
