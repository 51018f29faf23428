/** What all turns of one store stand on. */
import type { verifyAside } from '../../crypto/ed25519.ts';
import type { KeyCache } from '../../crypto/key-cache.ts';
import type { Verifier } from '../record/envelope.ts';
import { currentKey, firstKeys, type FeedKeys } from '../record/feed-keys.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import type { Fork } from '../record/fork-proof.ts';
import type { RecoveryPin } from '../record/recovery-pin.ts';
import type { AuthorId, FeedHead } from '../record/types.ts';
import type { Database } from './database.ts';
import type { HeadCache } from './head-cache.ts';
import type { Hold } from './hold.ts';
import type { KeyHolders } from './key-holders.ts';
import { feedName } from './layout.ts';
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
  /** The same of the public feeds, by key. */
  readonly keyHolders: KeyHolders;
  readonly pending: PendingRecoveries;
  /** Recovery keys that an author has named in advance. Asked anew each time: a policy may have changed. */
  readonly pinsOf: (author: AuthorId) => readonly RecoveryPin[];
  readonly signedHeads: HeadCache;
  readonly verifier: Verifier;
  /** The same on other threads, where many are to be checked; a simulation has none. */
  readonly verifyAside: typeof verifyAside | undefined;
}

export function rememberKeys({ feedKeys, keyHolders }: Memory, name: string, keys: FeedKeys): void {
  const { author } = keys;
  if (name === feedName({ author, scope: PUBLIC_SCOPE })) {
    keyHolders.change(author, currentKey(feedKeys.get(name) ?? firstKeys(author)), currentKey(keys));
  }
  feedKeys.set(name, keys);
}
