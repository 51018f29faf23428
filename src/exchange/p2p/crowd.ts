/** Keys cost nothing: strangers, however many connect, must leave room for the peers of policy. */
import { MAX_CONNECTIONS_OF_STRANGERS, MAX_RELAYED_OF_STRANGERS } from './limits.ts';

export interface Connected {
  readonly direction: 'inbound' | 'outbound';
  /** Through a relay. */
  readonly relayed: boolean;
  /** PeerId. */
  readonly peer: string;
}

/** Whether one that has just been opened is to be closed. `all`: what is open, and that one. */
export function isOneTooMany(
  opened: Connected,
  all: readonly Connected[],
  isFriend: (peer: string) => boolean,
): boolean {
  if (opened.direction === 'outbound' || isFriend(opened.peer)) return false;
  const strangers = all.filter(({ direction, peer }) => direction === 'inbound' && !isFriend(peer));
  if (strangers.length > MAX_CONNECTIONS_OF_STRANGERS) return true;
  return opened.relayed && strangers.filter(({ relayed }) => relayed).length > MAX_RELAYED_OF_STRANGERS;
}
