/**
 * QMP, QEMU's control protocol: JSON objects on a stream, one a line. Commands carry an id and are answered out of order
 * with events between them (QEMU's docs/interop/qmp-spec). One client for one connection; it knows nothing of processes.
 */
import type { Duplex } from 'node:stream';
import { FailedError, InterruptedError } from '../../errors.ts';
import { QMP_GREETING_MS, QMP_MESSAGE_BYTES, QMP_REPLY_MS } from './limits.ts';

export interface QmpEvent {
  readonly event: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface QmpCallOptions {
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds until `machine/qmp-timeout`. */
  readonly timeoutMs?: number;
}

export interface Qmp {
  /** `7.2.22`, from the greeting. */
  readonly version: string;
  /** Sends one command and gives its `return` value. Rejects with `machine/qmp-refused` and QEMU's words, or with the reason of the closing. */
  call(command: string, args?: object, options?: QmpCallOptions): Promise<unknown>;
  onEvent(listener: (event: QmpEvent) => void): () => void;
  /** Resolves with the first event that `test` accepts. */
  waitFor(test: (event: QmpEvent) => boolean, options?: QmpCallOptions): Promise<QmpEvent>;
  /** Ends the connection: every pending and every later call rejects with `reason`. */
  close(reason: Error): void;
}

interface Pending<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (reason: unknown) => void;
}

/**
 * Reads the greeting, leaves negotiation mode, and gives the client. `whyClosed` is asked when the other side hangs up: its
 * owner knows better than the stream does (QEMU's last words).
 */
export async function connectQmp(
  stream: Duplex,
  options: QmpCallOptions = {},
  whyClosed: () => Promise<Error> = hungUp,
): Promise<Qmp> {
  const client = new QmpClient(stream, whyClosed);
  try {
    client.version = await client.settle<string>(
      'greeting',
      (pending) => {
        client.greeted = pending;
      },
      { timeoutMs: QMP_GREETING_MS, ...options },
    );
    await client.call('qmp_capabilities', undefined, options);
  } catch (error) {
    client.close(error instanceof Error ? error : new FailedError('machine/qmp-closed', String(error)));
    throw error;
  }
  return client;
}

function hungUp(): Promise<Error> {
  return Promise.resolve(new FailedError('machine/qmp-closed', 'QEMU closed its control connection'));
}

class QmpClient implements Qmp {
  version = '';
  greeted: Pending<string> | undefined;
  readonly #stream: Duplex;
  readonly #pending = new Map<number, Pending<unknown>>();
  readonly #waiting = new Set<{ reject: (reason: unknown) => void }>();
  readonly #listeners = new Set<(event: QmpEvent) => void>();
  #nextId = 1;
  #text = '';
  #closed: Error | undefined;

  constructor(stream: Duplex, whyClosed: () => Promise<Error>) {
    this.#stream = stream;
    stream.setEncoding('utf8');
    stream.on('data', (text: string) => this.#read(text));
    // 'close' always follows, and `whyClosed` says more than ECONNRESET or EPIPE does.
    stream.on('error', () => stream.destroy());
    stream.on('close', () => {
      void whyClosed().then((reason) => this.close(reason));
    });
  }

  call(command: string, args?: object, options: QmpCallOptions = {}): Promise<unknown> {
    return this.settle(
      command,
      (pending) => {
        const id = this.#nextId++;
        this.#pending.set(id, pending);
        this.#stream.write(`${JSON.stringify({ execute: command, arguments: args, id })}\n`);
        return () => this.#pending.delete(id);
      },
      options,
    );
  }

  onEvent(listener: (event: QmpEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  waitFor(test: (event: QmpEvent) => boolean, options: QmpCallOptions = {}): Promise<QmpEvent> {
    return this.settle(
      'event',
      (pending) => this.onEvent((event) => (test(event) ? pending.resolve(event) : undefined)),
      options,
    );
  }

  close(reason: Error): void {
    if (this.#closed) return;
    this.#closed = reason;
    for (const pending of this.#waiting) pending.reject(reason);
    this.#stream.destroy();
  }

  /** A promise that also ends with the connection, the caller's signal, or the time limit; `start` may give a clean-up. */
  settle<T>(what: string, start: (pending: Pending<T>) => unknown, options: QmpCallOptions): Promise<T> {
    if (this.#closed) return Promise.reject(this.#closed);
    if (options.signal?.aborted) return Promise.reject(new InterruptedError());
    const timeoutMs = options.timeoutMs ?? QMP_REPLY_MS;
    return new Promise<T>((resolve, reject) => {
      let cleanUp: unknown;
      const done = () => {
        this.#waiting.delete(pending);
        clearTimeout(timer);
        options.signal?.removeEventListener('abort', onAbort);
        if (typeof cleanUp === 'function') cleanUp();
      };
      const pending: Pending<T> = {
        resolve: (value) => {
          done();
          resolve(value);
        },
        reject: (reason) => {
          done();
          reject(reason);
        },
      };
      const onAbort = () => pending.reject(new InterruptedError());
      const timer = setTimeout(() => {
        pending.reject(
          new FailedError('machine/qmp-timeout', `QEMU did not answer ${what} within ${timeoutMs} ms`, {
            facts: { command: what, timeoutMs },
          }),
        );
      }, timeoutMs);
      options.signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.add(pending);
      cleanUp = start(pending);
    });
  }

  #read(text: string): void {
    this.#text += text;
    for (;;) {
      const end = this.#text.indexOf('\n');
      if (end < 0) break;
      const line = this.#text.slice(0, end).trim();
      this.#text = this.#text.slice(end + 1);
      if (line !== '') this.#message(line);
    }
    if (this.#text.length > QMP_MESSAGE_BYTES) this.#protocolError('a message without end');
  }

  #message(line: string): void {
    let message: Record<string, unknown>;
    try {
      const parsed: unknown = JSON.parse(line);
      if (!isObject(parsed)) return this.#protocolError('a message that is no object');
      message = parsed;
    } catch (error) {
      return this.#protocolError(`a message that is no JSON (${String(error)})`);
    }
    if (isObject(message['QMP'])) {
      this.greeted?.resolve(versionOf(message['QMP']));
    } else if (typeof message['event'] === 'string') {
      const event = { event: message['event'], data: isObject(message['data']) ? message['data'] : {} };
      for (const listener of this.#listeners) listener(event);
    } else if (typeof message['id'] === 'number') {
      this.#answer(message['id'], message);
    } else if (isObject(message['error'])) {
      this.#protocolError(String(message['error']['desc']));
    }
  }

  #answer(id: number, message: Record<string, unknown>): void {
    // A command that timed out may still be answered later: nobody waits for it any more.
    const pending = this.#pending.get(id);
    const error = message['error'];
    if (isObject(error)) {
      const description = String(error['desc']);
      pending?.reject(
        new FailedError('machine/qmp-refused', `QEMU refused: ${description}`, { facts: { class: error['class'] } }),
      );
    } else {
      pending?.resolve(message['return']);
    }
  }

  #protocolError(what: string): void {
    this.close(new FailedError('machine/qmp-protocol', `QEMU's control connection sent ${what}`));
  }
}

function versionOf(greeting: Record<string, unknown>): string {
  const version = isObject(greeting['version']) ? greeting['version'] : {};
  const qemu = isObject(version['qemu']) ? version['qemu'] : {};
  return [qemu['major'], qemu['minor'], qemu['micro']].map(String).join('.');
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
