/**
 * Recoveries that name a branch which is not stored here. What they keep is gathered backwards, from the record that they
 * name: each record's id is in the one after it, so the recovery's signature vouches for all of them, and nobody can feed
 * this node another branch meanwhile. In memory: what is lost with the process comes again with the next sync.
 */
import type { Digest } from '../../crypto/digest.ts';
import type { ParsedRecord } from '../record/envelope.ts';
import { BRANCH_MAX_BYTES, BRANCH_MAX_RECORDS } from '../record/limits.ts';
import type { VerifiedRecord } from '../record/types.ts';
import { feedName, type Feed } from './layout.ts';

export interface Pending {
  readonly recovery: VerifiedRecord;
  /** The next one to come, going backwards. */
  readonly missing: Digest;
  /** Those behind it, oldest first. Their signatures are checked when all are here. */
  readonly branch: readonly ParsedRecord[];
  readonly bytes: number;
}

export class PendingRecoveries {
  readonly #feeds = new Map<string, Pending>();

  get(feed: Feed): Pending | undefined {
    return this.#feeds.get(feedName(feed));
  }

  /** The first recovery that came stays: another one of the same number is a fork. */
  begin(recovery: VerifiedRecord, missing: Digest): Pending {
    const name = feedName(recovery.link);
    const pending = this.#feeds.get(name) ?? { recovery, missing, branch: [], bytes: 0 };
    this.#feeds.set(name, pending);
    return pending;
  }

  /** The record that was missing. Undefined, and all is forgotten, where the branch is longer than a node takes. */
  extend(pending: Pending, record: ParsedRecord): Pending | undefined {
    const { prev } = record.link;
    const bytes = pending.bytes + record.envelope.length;
    const tooLong = pending.branch.length === BRANCH_MAX_RECORDS || bytes > BRANCH_MAX_BYTES;
    if (prev === null || tooLong) {
      this.end(pending.recovery.link);
      return undefined;
    }
    const longer = { ...pending, missing: prev, branch: [record, ...pending.branch], bytes };
    this.#feeds.set(feedName(record.link), longer);
    return longer;
  }

  restart(recovery: VerifiedRecord): void {
    const { prev } = recovery.link;
    this.end(recovery.link);
    if (prev !== null) this.begin(recovery, prev);
  }

  end(feed: Feed): void {
    this.#feeds.delete(feedName(feed));
  }
}
