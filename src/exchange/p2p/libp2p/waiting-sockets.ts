/**
 * TCP connections on which nobody has asked for a WebSocket yet: a stranger must not fill a node with them. The transport
 * waits without end for a first byte, and Node's HTTP server, which is handed them then, times nobody out whom it has not
 * accepted itself. What has become a WebSocket is libp2p's to bound.
 */
import type { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';

export interface WaitingBounds {
  /** At once; the next one is hung up on. */
  readonly most: number;
  readonly timeoutMs: number;
}

/** Of a server that accepts connections. Gives what is to be called with each connection that has become a WebSocket. */
export function boundWaiting(server: EventEmitter, { most, timeoutMs }: WaitingBounds): (socket: Socket) => void {
  const waiting = new Map<string, NodeJS.Timeout>();
  server.prependListener('connection', (socket: Socket) => {
    if (waiting.size >= most) {
      socket.destroy();
      return;
    }
    const name = nameOf(socket);
    const timer = setTimeout(() => socket.destroy(), timeoutMs);
    waiting.set(name, timer);
    socket.once('close', () => {
      clearTimeout(timer);
      // Its port may be another connection's by now.
      if (waiting.get(name) === timer) waiting.delete(name);
    });
  });
  return (socket) => {
    const name = nameOf(socket);
    clearTimeout(waiting.get(name));
    waiting.delete(name);
  };
}

/** The same for a connection and for TLS on it. */
const nameOf = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
