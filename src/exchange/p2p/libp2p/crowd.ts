/** Keys cost nothing: strangers, however many connect, must leave room for the peers of policy. */
import type { Connection, Libp2p } from '@libp2p/interface';
import { UnavailableError } from '../../../errors.ts';
import { MAX_CONNECTIONS_OF_STRANGERS, MAX_CONNECTIONS_PER_PEER, MAX_RELAYED_OF_STRANGERS } from '../limits.ts';

export interface Connected {
  readonly direction: 'inbound' | 'outbound';
  /** Through a relay. */
  readonly relayed: boolean;
  /** PeerId. */
  readonly peer: string;
}

/** Inbound connections of strangers that find room. */
export interface Room {
  readonly all: number;
  readonly relayed: number;
}

const ROOM: Room = { all: MAX_CONNECTIONS_OF_STRANGERS, relayed: MAX_RELAYED_OF_STRANGERS };
/** On a bootstrap node, which is there for strangers. */
export const ROOM_FOR_ALL: Room = { all: Infinity, relayed: Infinity };

/** Closes each connection that is one too many, as soon as it is open. */
export function keepRoom(node: Libp2p, isFriend: (peer: string) => boolean, room: Room = ROOM): void {
  node.addEventListener('connection:open', ({ detail: opened }) => {
    for (const extra of node.getConnections(opened.remotePeer).slice(MAX_CONNECTIONS_PER_PEER)) {
      extra.abort(new UnavailableError('exchange/too-many-connections', 'one peer has too many connections'));
    }
    if (isOneTooMany(connected(opened), node.getConnections().map(connected), isFriend, room)) {
      opened.abort(new UnavailableError('exchange/too-many-connections', 'strangers have too many connections'));
    }
  });
}

function connected({ direction, limits, remotePeer }: Connection): Connected {
  return { direction, relayed: limits !== undefined, peer: remotePeer.toString() };
}

/** Whether one that has just been opened is to be closed. `all`: what is open, and that one. */
export function isOneTooMany(
  opened: Connected,
  all: readonly Connected[],
  isFriend: (peer: string) => boolean,
  room: Room = ROOM,
): boolean {
  if (opened.direction === 'outbound' || isFriend(opened.peer)) return false;
  const strangers = all.filter(({ direction, peer }) => direction === 'inbound' && !isFriend(peer));
  if (strangers.length > room.all) return true;
  return opened.relayed && strangers.filter(({ relayed }) => relayed).length > room.relayed;
}
