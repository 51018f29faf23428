/** The node on the network. Gossip is a hint, sync is the truth; both end in the same `RecordStore.admit`. */
import type { Challenge } from './protocols/challenge.ts';
import type { Digest } from '../../crypto/digest.ts';
import type { Admission, AuthorId, Scope, VerifiedRecord } from '../record/types.ts';
import type { SignedHead } from '../record/head.ts';
import type { OwnStore } from '../store/types.ts';
import type { Reachability } from './libp2p/relay.ts';
import type { RecentRefusal } from './recent-refusals.ts';

export interface ExchangeOptions {
  /** 32 bytes: of the key that signs now, which the PeerId is too. */
  readonly seed: Uint8Array;
  /** Whose node this is, where that key is not the author's first. */
  readonly author?: AuthorId;
  readonly network: string;
  readonly store: OwnStore;
  /** Multiaddrs to listen on, for example `/ip4/127.0.0.1/tcp/0`. */
  readonly listen: readonly string[];
  readonly bootstrap?: readonly string[];
  /** Multiaddrs at which others reach it, where it cannot know them itself: a forwarded port, a name. */
  readonly announce?: readonly string[];
  /** Takes places at bootstrap nodes while it is not known to be reached directly. Default true. */
  readonly relay?: boolean;
  readonly mdns?: boolean;
  readonly role?: 'peer' | 'bootstrap';
  /** Whose feeds this node carries; asked anew each time, so a policy reload takes effect at once. */
  readonly follows: (author: AuthorId) => boolean;
  readonly followed: () => readonly AuthorId[];
  /** Trusted peers with their stored addresses: redialled with backoff, direct peers in gossip. */
  readonly trusted: () => readonly { readonly author: AuthorId; readonly addresses: readonly string[] }[];
  /** Private groups that this node is in; asked anew each time. Default: none. */
  readonly groups?: () => readonly PrivateGroup[];
  /** Blob types that may travel. No type can carry an image. */
  readonly blobTypes: Readonly<Record<string, BlobType>>;
  readonly onAdmission?: (admission: Admission, from: string) => void;
  /** A sync with a peer has ended well; null for one who is nobody's author. */
  readonly onSynced?: (author: AuthorId | null) => void;
  /** This node's key is in use on another machine: a signed head of its own feed that it has not signed. */
  readonly onOwnHeadElsewhere?: (head: SignedHead, from: string) => void;
  /**
   * Whom this node answers about symptoms and blobs. Default: trusted and followed peers. Public feeds are given to
   * anybody: a follower must be able to find them here.
   */
  readonly mayAsk?: (author: AuthorId) => boolean;
  /** Whether an author may see a record that names this blob. Default: everybody may see all. */
  readonly maySee?: (author: AuthorId, digest: Digest) => Promise<boolean>;
  /**
   * Works out what shows that this node holds what it has signed: one digest a path; undefined where it does not hold it.
   * Its end is waited for by `stop`, which aborts the signal. Absent: no challenge is answered.
   */
  readonly answerChallenge?: (
    challenge: Challenge,
    asker: AuthorId,
    stopping: AbortSignal,
  ) => Promise<readonly Digest[] | undefined>;
  /** What went wrong with which peer, for logs and `node status`. Nothing else reports it. */
  readonly onTrouble?: (what: string, peer: string, error: Error) => void;
  /** Milliseconds; what is left out is as in limits.ts. */
  readonly timing?: Partial<ExchangeTiming>;
  /** Milliseconds since 1970. Default `Date.now`. */
  readonly now?: () => number;
}

/** A scope that nobody but its members hears of: on no gossip and in no DHT, asked of members and given to members. */
export interface PrivateGroup {
  /** A random id. Who knows it and is no member gets nothing by it. */
  readonly scope: Scope;
  readonly members: readonly AuthorId[];
}

export interface BlobType {
  readonly maxBytes: number;
  /** Throws on anything else. */
  readonly check: (bytes: Uint8Array) => void;
  /** The entries of a list, none of them twice; only lists can be compared entry by entry. Called after `check`. */
  readonly entries?: (bytes: Uint8Array) => readonly Uint8Array[];
}

/** What two lists differ in. */
export interface ListDifference {
  /** Indices into the own list's entries. */
  readonly onlyHere: readonly number[];
  readonly onlyThere: readonly Uint8Array[];
}

export interface ExchangeTiming extends AgendaTiming {
  readonly strangerWaitMs: number;
  readonly ownHeadWaitMs: number;
}

/** What of it decides when something is due. */
export interface AgendaTiming {
  readonly syncIntervalMs: number;
  readonly syncRetryMs: number;
  readonly redialBaseMs: number;
  readonly redialMaxMs: number;
  readonly settleMs: number;
}

export interface Exchange {
  readonly peerId: string;
  addresses(): string[];
  /** How others get here, as far as this node knows. */
  reachability(): Reachability;
  peers(): { peerId: string; author: AuthorId | null; address: string }[];
  /** Since the start: syncs begun, and questions (round trips) that they took. */
  activity(): { readonly syncs: number; readonly questions: number };
  /** The last records that were refused, newest first. */
  refusals(): readonly RecentRefusal[];
  /** Connects and syncs. Rejects with `exchange/unreachable`. */
  connect(address: string, signal?: AbortSignal): Promise<void>;
  /** Tells the followers who are connected; they sync what they missed. */
  announce(record: VerifiedRecord): Promise<void>;
  /** Syncs with every connected peer now; resolves with the number of records admitted. */
  sync(signal?: AbortSignal): Promise<number>;
  /**
   * Asks connected trusted peers how far they have this node's own feed, and catches up with itself where they have more.
   * Resolves with the first one who then has nothing that is not here; null where nobody who carries the feed answers so in
   * time (`ownHeadWaitMs`). `mayHaveForgotten`: this node may have signed what it does not know of, so that who has nothing of
   * the feed yet confirms nothing.
   */
  confirmOwnHead(signal: AbortSignal, options?: { readonly mayHaveForgotten: boolean }): Promise<AuthorId | null>;
  /**
   * Catches up with the members of a private group who are connected, with what they have of this node's own feed too.
   * Resolves with whether one of them has answered.
   */
  confirmGroup(scope: Scope, signal: AbortSignal): Promise<boolean>;
  /** Asks trusted peers for patches that cure a symptom; what they send is admitted like anything else. */
  askSymptom(symptom: Digest, signal: AbortSignal): Promise<VerifiedRecord[]>;
  /** Fetches a typed blob from one author's node. */
  fetchBlob(author: AuthorId, type: string, digest: Digest, signal: AbortSignal): Promise<Uint8Array>;
  /**
   * Compares the own list (its entries) with one that an author's node has, entry by entry. What comes is as that node says:
   * the caller puts the list together and compares its digest. Rejects with `exchange/too-different` where there is little in
   * common.
   */
  compareList(
    author: AuthorId,
    type: string,
    digest: Digest,
    own: readonly Uint8Array[],
    signal: AbortSignal,
  ): Promise<ListDifference>;
  /**
   * Asks an author's node to show that it holds what it has signed: a digest for each path, as that node says. Takes minutes.
   * Rejects with `exchange/refused-by-peer`, `exchange/bad-answer`, `exchange/no-answer`.
   */
  challenge(author: AuthorId, challenge: Challenge, signal: AbortSignal): Promise<readonly Digest[]>;
  /** Looks for nodes that carry a feed in the DHT, connects to them and syncs. Resolves with how many were found. */
  findFeed(author: AuthorId, signal: AbortSignal): Promise<number>;
  stop(): Promise<void>;
}
