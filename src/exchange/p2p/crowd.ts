/** Keys cost nothing: strangers, however many connect, must leave room for the peers of policy. */
import { MAX_CONNECTIONS_OF_STRANGERS } from './limits.ts';

export interface Connected {
  readonly direction: 'inbound' | 'outbound';
  /** PeerId. */
  readonly peer: string;
}

/** Whether one that has just been opened is to be closed. `all`: what is open, and that one. */
export function isOneTooMany(
  opened: Connected,
  all: readonly Connected[],
  isFriend: (peer: string) => boolean,
): boolean {
  const isCounted = ({ direction, peer }: Connected): boolean => direction === 'inbound' && !isFriend(peer);
  return isCounted(opened) && all.filter(isCounted).length > MAX_CONNECTIONS_OF_STRANGERS;
}
