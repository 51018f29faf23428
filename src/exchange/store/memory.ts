/** What all turns of one store stand on. */
import type { verifyAside } from '../../crypto/ed25519.ts';
import type { KeyCache } from '../../crypto/key-cache.ts';
import type { Verifier } from '../record/envelope.ts';
import type { FeedKeys } from '../record/feed-keys.ts';
import type { Fork } from '../record/fork-proof.ts';
import type { FeedHead } from '../record/types.ts';
import type { Database } from './database.ts';
import type { HeadCache } from './head-cache.ts';
import type { Hold } from './hold.ts';
import type { PendingRecoveries } from './pending.ts';
import type { StoredChoice } from './stored.ts';

/** What the store knows without asking the disk. */
export interface Memory {
  readonly network: string;
  readonly keys: KeyCache;
  readonly database: Database;
  readonly hold: Hold;
  /** Highest accepted places, by feed name. */
  readonly marks: Map<string, FeedHead>;
  readonly forks: Map<string, Fork>;
  /** Which of two rival recoveries counts here, by feed name. */
  readonly choices: Map<string, StoredChoice>;
  /** Who signs where, by feed name; a feed without records is not in it. */
  readonly feedKeys: Map<string, FeedKeys>;
  readonly pending: PendingRecoveries;
  readonly signedHeads: HeadCache;
  readonly verifier: Verifier;
  /** The same on other threads, where many are to be checked; a simulation has none. */
  readonly verifyAside: typeof verifyAside | undefined;
}
