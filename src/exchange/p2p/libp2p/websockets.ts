/**
 * WebSockets that a stranger can neither fill nor break, whichever side has dialled. `ws`, which the transport listens with,
 * gathers messages of 100 MiB from anybody before it hands them on, and Node's own, which it dials with, as many, and
 * unpacks them too: noise has not begun then, and no budget counts. What is said of a message that is none, nobody listens
 * to, which ends the process. And a connection that is given up stays open: the transport closes none that came to nothing,
 * and resets others with a code that may not be sent. It has no options for any of it, so both sides are made here.
 */
import { EventEmitter, once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { webSockets } from '@libp2p/websockets';
import type { Listener, Transport } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { multiaddrToUri } from '@multiformats/multiaddr-to-uri';
import { WebSocket } from 'ws';
import { FailedError } from '../../../errors.ts';
import { MAX_PENDING_CONNECTIONS, WEBSOCKET_MESSAGE_MAX_BYTES, WEBSOCKET_UPGRADE_TIMEOUT_MS } from '../limits.ts';
import { boundWaiting, type WaitingBounds } from './waiting-sockets.ts';

/** Of `ws`: its README, "Class: WebSocketServer". */
interface Server {
  readonly options: { maxPayload: number };
  handleUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer, done: Connected): void;
}

type Connected = (socket: WebSocket, request: IncomingMessage) => void;

/** How the transport makes the socket that it then hands to noise; the options are those of the dial, the same object. */
type Connect = (address: Multiaddr, options: { readonly signal?: AbortSignal }) => Promise<WebSocket>;

/** RFC 6455, section 7.4.1: what an endpoint reports of a connection that broke, and never sends. */
const ABNORMAL_CLOSURE = 1006;

/** For `createLibp2p`. */
export function boundedWebSockets(): ReturnType<typeof webSockets> {
  const make = webSockets();
  return (components): Transport => {
    const transport = make(components);
    const createListener = transport.createListener.bind(transport);
    transport.createListener = (options) => boundedListener(createListener(options));
    return boundedDialler(transport);
  };
}

const WAITING: WaitingBounds = { most: MAX_PENDING_CONNECTIONS, timeoutMs: WEBSOCKET_UPGRADE_TIMEOUT_MS };

/** Throws `exchange/websockets-changed` where an update of libp2p's has taken away what this stands on. */
export function boundedListener(listener: Listener, bounds = WAITING): Listener {
  const server = serverOf(listener);
  const accepting: unknown = Reflect.get(listener, 'server');
  if (!(accepting instanceof EventEmitter)) throw changed();
  const upgraded = boundWaiting(accepting, bounds);
  server.options.maxPayload = WEBSOCKET_MESSAGE_MAX_BYTES;
  const handleUpgrade = server.handleUpgrade.bind(server);
  server.handleUpgrade = (request, socket, head, done) =>
    handleUpgrade(request, socket, head, (connected, asked) => {
      upgraded(asked.socket);
      done(guarded(connected), asked);
    });
  return listener;
}

/** As `boundedListener`, for what this node dials. A dial that comes to nothing leaves no connection. */
export function boundedDialler(transport: Transport): Transport {
  if (typeof Reflect.get(transport, '_connect') !== 'function') throw changed();
  const made = new WeakMap<object, WebSocket>();
  const connect: Connect = async (address, options) => {
    const { signal } = options;
    signal?.throwIfAborted();
    const socket = guarded(
      // Unpacked, a message is larger than what came: nothing is compressed.
      new WebSocket(multiaddrToUri(address), {
        maxPayload: WEBSOCKET_MESSAGE_MAX_BYTES,
        perMessageDeflate: false,
      }),
    );
    made.set(options, socket);
    socket.binaryType = 'arraybuffer';
    // What comes with the answer to the dial waits for the transport, which listens as soon as it has the socket.
    socket.once('open', () => socket.pause());
    await once(socket, 'open', { ...(signal !== undefined && { signal }) });
    setImmediate(() => socket.resume());
    return socket;
  };
  Reflect.set(transport, '_connect', connect);
  const dial = transport.dial.bind(transport);
  transport.dial = async (address, options) => {
    const own = { ...options };
    try {
      return await dial(address, own);
    } catch (error) {
      made.get(own)?.terminate();
      throw error;
    }
  };
  return transport;
}

function guarded(socket: WebSocket): WebSocket {
  // `ws` closes the connection itself, and that is heard; unheard, an error event is an exception.
  socket.on('error', () => undefined);
  const close = socket.close.bind(socket);
  socket.close = (code, reason) => (code === ABNORMAL_CLOSURE ? socket.terminate() : close(code, reason));
  return socket;
}

function serverOf(listener: object): Server {
  const server: unknown = Reflect.get(listener, 'wsServer');
  if (typeof server === 'object' && server !== null && 'options' in server && 'handleUpgrade' in server) {
    const { options } = server;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked as far as it can be; the tests rely on it
    if (typeof options === 'object' && options !== null && 'maxPayload' in options) return server as Server;
  }
  throw changed();
}

function changed(): FailedError {
  return new FailedError('exchange/websockets-changed', 'this version of @libp2p/websockets has other insides');
}
