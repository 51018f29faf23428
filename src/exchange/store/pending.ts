/**
 * Recoveries that name a branch which is not stored here. What they keep is gathered backwards, from the record that they
 * name: each record's id is in the one after it, so the recovery's signature vouches for all of them, and nobody can feed
 * this node another branch meanwhile. A copy with a bad signature has the same id: it costs the sender's next try and no
 * more, for what was found good stays. In memory: what is lost with the process comes again with the next sync.
 */
import type { Digest } from '../../crypto/digest.ts';
import type { ParsedRecord } from '../record/envelope.ts';
import type { FeedKeys } from '../record/feed-keys.ts';
import { BRANCH_MAX_BYTES, BRANCH_MAX_RECORDS } from '../record/limits.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import type { AuthorId, VerifiedRecord } from '../record/types.ts';
import { feedName, type Feed } from './layout.ts';

export interface Pending {
  readonly recovery: VerifiedRecord;
  /** The next one to come, going backwards; where there is `checked`, a good copy of the first one that was bad. */
  readonly missing: Digest;
  /** Those behind it, oldest first. Their signatures are checked when all are here. */
  readonly branch: readonly ParsedRecord[];
  readonly checked: CheckedBranch | null;
}

/** The beginning of a branch. */
export interface CheckedBranch {
  /** The stored record that it comes after; null for all of a group's feed. */
  readonly after: Digest | null;
  readonly records: readonly VerifiedRecord[];
  /** Who signs what follows. */
  readonly keys: FeedKeys;
}

export class PendingRecoveries {
  readonly #feeds = new Map<string, Pending>();

  get(feed: Feed): Pending | undefined {
    return this.#feeds.get(feedName(feed));
  }

  /** The first recovery that came stays: another one of the same number is a fork. */
  begin(recovery: VerifiedRecord, missing: Digest): void {
    if (this.get(recovery.link) === undefined) this.#put({ recovery, missing, branch: [], checked: null });
  }

  /** The record that was missing. Undefined, and all is forgotten, where the branch is longer than a node takes. */
  extend(pending: Pending, record: ParsedRecord): Pending | undefined {
    const { prev } = record.link;
    const branch = [record, ...pending.branch];
    if (prev === null || isTooLong(branch)) {
      this.end(pending.recovery.link);
      return undefined;
    }
    return this.#put({ ...pending, missing: prev, branch });
  }

  /** Another copy of a record that waits here. The newest one counts: a bad one that came first keeps out no good one. */
  replace(pending: Pending, record: ParsedRecord): void {
    const branch = pending.branch.map((one) => (one.id === record.id ? record : one));
    if (!isTooLong(branch)) this.#put({ ...pending, branch });
  }

  /** One record had a bad signature: what was checked before it stays, and so does what waits behind it. */
  awaitCopy(pending: Omit<Pending, 'checked'> & { readonly checked: CheckedBranch }): void {
    this.#put(pending);
  }

  end(feed: Feed): void {
    this.#feeds.delete(feedName(feed));
  }

  /** Of private groups: the author has changed keys, so what waited was signed by one that was given up. */
  endGroupsOf(author: AuthorId): void {
    for (const [name, { recovery }] of this.#feeds) {
      if (recovery.link.author === author && recovery.link.scope !== PUBLIC_SCOPE) this.#feeds.delete(name);
    }
  }

  #put(pending: Pending): Pending {
    this.#feeds.set(feedName(pending.recovery.link), pending);
    return pending;
  }
}

function isTooLong(branch: readonly ParsedRecord[]): boolean {
  const bytes = branch.reduce((sum, { envelope }) => sum + envelope.length, 0);
  return branch.length > BRANCH_MAX_RECORDS || bytes > BRANCH_MAX_BYTES;
}
