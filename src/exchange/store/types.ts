/**
 * The record store: LevelDB behind an interface. A promise that resolved means that it is on the disk (synced).
 */
import type { Digest } from '../../crypto/digest.ts';
import type { Fork } from '../record/fork-proof.ts';
import type { Position } from '../record/links.ts';
import type { SignedHead } from '../record/head.ts';
import type { Draft } from '../record/statement.ts';
import type {
  Admission,
  AuthorId,
  FeedHead,
  RecordKind,
  RefusalReason,
  Scope,
  VerifiedRecord,
} from '../record/types.ts';

export interface FrozenFeed {
  readonly author: AuthorId;
  readonly scope: Scope;
  readonly at: Position;
  readonly proof: readonly [Uint8Array, Uint8Array];
}

export interface RecordStore {
  /** Judges and stores what came from anywhere. Never throws for bad input: that is `refused`. */
  admit(envelope: Uint8Array, options: { follows: (author: AuthorId) => boolean }): Promise<Admission>;
  /** As `admit`, in order, with one sync for all. */
  admitAll(envelopes: readonly Uint8Array[], options: { follows: (author: AuthorId) => boolean }): Promise<Admission[]>;
  get(id: Digest): Promise<VerifiedRecord | undefined>;
  head(author: AuthorId, scope: Scope): Promise<FeedHead | undefined>;
  heads(): Promise<FeedHead[]>;
  /** Records of a feed with `seq > afterSeq`, in order. */
  range(author: AuthorId, scope: Scope, afterSeq: number, limit: number): Promise<VerifiedRecord[]>;
  /** All stored records of a kind, in no promised order. */
  all(kind: RecordKind): AsyncIterable<VerifiedRecord>;
  /** Feeds stopped at a proven fork: nothing from that place on is admitted. */
  frozen(): Promise<FrozenFeed[]>;
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
  /** 32 bytes. */
  readonly seed: Uint8Array;
  /** 32 bytes. Where given, a new public feed opens with a record that commits to it. */
  readonly recoveryPublicKey?: Uint8Array;
}

/** The store of this node's own home: what `openStore` gives. */
export interface OwnStore extends RecordStore {
  /**
   * Signs a draft as the next record of the signer's feed and stores it. Rejects with `store/feed-frozen` where the feed
   * has a proven fork, and with what `signRecord` throws.
   */
  append(signer: Signer, scope: Scope, draft: Draft): Promise<VerifiedRecord>;
  /** Keeps the newest signed head of a feed. One that contradicts what is stored freezes the feed. */
  putHead(
    envelope: Uint8Array,
    options: { readonly now: Date; readonly follows: (author: AuthorId) => boolean },
  ): Promise<HeadAdmission>;
  /** The newest signed head held. */
  headOf(author: AuthorId, scope: Scope): Promise<SignedHead | undefined>;
  /** Checks two envelopes that contradict each other, keeps them, and freezes the feed. */
  putProof(
    a: Uint8Array,
    b: Uint8Array,
    options: { readonly follows: (author: AuthorId) => boolean },
  ): Promise<ProofAdmission>;
}
