/**
 * The record store: LevelDB behind an interface. A promise that resolved means that it is on the disk (synced).
 */
import type { Digest } from '../../crypto/digest.ts';
import type { Admission, AuthorId, FeedHead, RecordKind, Scope, VerifiedRecord } from '../record/types.ts';

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
  /** Feeds stopped at a proven fork. */
  frozen(): Promise<{ author: AuthorId; scope: Scope; proof: readonly [Uint8Array, Uint8Array] }[]>;
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
