/**
 * WebSockets that a stranger can neither fill nor break. `ws`, which the transport listens with, gathers messages of 100 MiB
 * from anybody before it hands them on: noise has not begun then, and no budget counts. And what it says of a message that
 * is none, nobody listens to, which ends the process. The transport has no options for either.
 */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { webSockets } from '@libp2p/websockets';
import type { Listener, Transport } from '@libp2p/interface';
import { FailedError } from '../../../errors.ts';
import { WEBSOCKET_MESSAGE_MAX_BYTES } from '../limits.ts';

/** Of `ws`: its README, "Class: WebSocketServer". */
interface Server {
  readonly options: { maxPayload: number };
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: Connected): void;
}

type Connected = (socket: NodeJS.EventEmitter, request: IncomingMessage) => void;

/** For `createLibp2p`. */
export function boundedWebSockets(): ReturnType<typeof webSockets> {
  const make = webSockets();
  return (components): Transport => {
    const transport = make(components);
    const createListener = transport.createListener.bind(transport);
    transport.createListener = (options) => bounded(createListener(options));
    return transport;
  };
}

/** Throws `exchange/websockets-changed` where an update of libp2p's has taken away what this stands on. */
export function bounded(listener: Listener): Listener {
  const server = serverOf(listener);
  server.options.maxPayload = WEBSOCKET_MESSAGE_MAX_BYTES;
  const handleUpgrade = server.handleUpgrade.bind(server);
  server.handleUpgrade = (request, socket, head, done) =>
    handleUpgrade(request, socket, head, (connected, asked) => {
      // `ws` closes the connection itself, and that is heard; unheard, an error event is an exception.
      connected.on('error', () => undefined);
      done(connected, asked);
    });
  return listener;
}

function serverOf(listener: object): Server {
  const server: unknown = Reflect.get(listener, 'wsServer');
  if (typeof server === 'object' && server !== null && 'options' in server && 'handleUpgrade' in server) {
    const { options } = server;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked as far as it can be; the tests rely on it
    if (typeof options === 'object' && options !== null && 'maxPayload' in options) return server as Server;
  }
  throw new FailedError('exchange/websockets-changed', 'this version of @libp2p/websockets has other insides');
}
