/**
 * Two recoveries of one number that name different recovery keys: rivals. Both are signed by one key, so no signature tells
 * the owner from who has copied that key, and each may be followed by as many more as its maker likes. So nothing that is
 * signed later decides between them: the feed is frozen for whoever has seen both, and its person chooses one, once
 * (docs/decisions/rival-recoveries.md). Pure.
 */
import type { Digest } from '../../crypto/digest.ts';
import { openingOfRecovery, type FeedKeys } from './feed-keys.ts';
import type { KeyChange } from './key-change.ts';
import { comparePositions, type Position } from './links.ts';

export type Recovery = Extract<KeyChange, { action: 'recover' }>;

type Place = Position & { readonly rivals?: true };

/** The recovery that the person of this node takes for the owner's: it is in the feed, and so is all that leads to it. */
export interface Choice {
  /** Its number. */
  readonly recovery: number;
  readonly id: Digest;
}

export function areRivals(a: Recovery, b: Recovery): boolean {
  return a.recoveryKey !== b.recoveryKey;
}

/** Whether the branch that is stored has another recovery of this number, with another recovery key. */
export function rivalsStored(keys: FeedKeys, recovery: number, change: Pick<Recovery, 'recoveryKey'>): boolean {
  const stored = keys.recoveryKeys[recovery];
  return openingOfRecovery(keys, recovery) !== undefined && stored !== change.recoveryKey;
}

/** What the person's choice says of a recovery. `open`: nothing. */
export function standingOf(
  choice: Choice | undefined,
  keys: FeedKeys,
  { recovery, id }: { readonly recovery: number; readonly id: Digest },
): 'open' | 'chosen' | 'not-chosen' {
  if (choice === undefined || recovery > choice.recovery) return 'open';
  if (recovery === choice.recovery) return id === choice.id ? 'chosen' : 'not-chosen';
  // What leads to the chosen one was stored when it was chosen.
  const stored = openingOfRecovery(keys, recovery)?.opened?.id;
  if (stored === undefined) return 'open';
  return stored === id ? 'chosen' : 'not-chosen';
}

/** Whether a proven fork says more than the one that is known: rivals before all else, then the earlier place. */
export function saysMore(fork: Place, known: Place | undefined): boolean {
  if (known === undefined) return true;
  if (fork.rivals !== known.rivals) return fork.rivals === true;
  return comparePositions(fork, known) < 0;
}

/** A feed's keys as they were at a place. `revoked`: whether the record there is a revocation. */
export function keysUntil(keys: FeedKeys, at: Omit<Position, 'seq'>, revoked: boolean): FeedKeys {
  const epochs = keys.epochs.filter(
    ({ recovery, epoch }) => recovery < at.recovery || (recovery === at.recovery && epoch <= at.epoch),
  );
  return { ...keys, epochs, recoveryKeys: keys.recoveryKeys.slice(0, at.recovery + 1), revoked };
}
