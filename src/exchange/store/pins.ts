/** Recovery keys that an author has named in advance (record/recovery-pin.ts), in a store: of the public feed alone. */
import { rivalsStored, type Recovery } from '../record/rivals.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import { keyActionOf } from '../record/key-change.ts';
import { isBesidePin, type RecoveryPin } from '../record/recovery-pin.ts';
import { refuse, type Refusal } from '../record/refusal.ts';
import type { FeedLink, VerifiedRecord } from '../record/types.ts';
import type { Feed } from './layout.ts';
import { newestOf } from './rivals.ts';
import type { Turn } from './turn.ts';

/** A first record that commits to another recovery key, or to none. */
export function beginsBesidePin(turn: Turn, { link, statement }: VerifiedRecord): Refusal | undefined {
  if (link.prev !== null) return undefined;
  const action = keyActionOf(statement, link);
  const key = 'action' in action && action.action === 'open' ? action.recoveryKey : null;
  return isBesidePin(pinsFor(turn, link), 0, key) ? notPinned(link, 'begins with') : undefined;
}

/** A recovery that names another recovery key. */
export function recoversBesidePin(turn: Turn, link: FeedLink, change: Recovery): Refusal | undefined {
  const isBeside = isBesidePin(pinsFor(turn, link), link.recovery, change.recoveryKey);
  return isBeside ? notPinned(link, `recovery ${link.recovery} names`) : undefined;
}

/** The recovery that was named in advance counts as chosen: no rival of it, or of those that lead to it, stops the feed. */
export function chooseIfPinned(turn: Turn, { link }: VerifiedRecord): void {
  const named = turn.keys(link).recoveryKeys[link.recovery];
  if (!pinsFor(turn, link).some(({ recovery, key }) => recovery === link.recovery && key === named)) return;
  turn.choose({ ...turn.choice(link), ...newestOf(turn, { author: link.author, scope: link.scope }) });
}

/** Whether two rivals with this number are nothing to stop for: which one counts was said before, and no other is stored. */
export function isSettledByPin(turn: Turn, feed: Feed, recovery: number): boolean {
  const pin = pinsFor(turn, feed).find((one) => one.recovery === recovery);
  return pin !== undefined && !rivalsStored(turn.keys(feed), recovery, { recoveryKey: pin.key });
}

function pinsFor(turn: Turn, { author, scope }: Feed): readonly RecoveryPin[] {
  return scope === PUBLIC_SCOPE ? turn.memory.pinsOf(author) : [];
}

function notPinned({ author }: FeedLink, what: string): Refusal {
  return refuse('not-pinned', `this feed of ${author} ${what} another recovery key than their invitation does`);
}
