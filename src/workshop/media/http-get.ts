/**
 * One file asked for by HTTP. What comes is believed by nobody: here is only seen to it that the asking stays within what was
 * allowed. No host but those that were named, no other scheme, a few redirects, and an end to a server that dawdles.
 */
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { errnoOf, InterruptedError, PortalgunError, RefusedError, UnavailableError } from '../../errors.ts';
import { MAX_REDIRECTS, MIN_STALL_BYTES, STALL_MS } from './limits.ts';
import { publicLookup, refusePrivateHost } from './public-host.ts';

export interface HttpOptions {
  /** Hosts that may be spoken to (with port where it is not the scheme's own): those of the addresses that somebody stated. */
  readonly hosts: ReadonlySet<string>;
  /** Only hosts out in the world: for recipes of others. */
  readonly publicOnly?: boolean | undefined;
  /** Called before each connection. */
  readonly onHost?: ((host: string) => Promise<void>) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Default `STALL_MS`. */
  readonly stallMs?: number | undefined;
}

export interface Answer {
  /** 200, 206, or 416 where a range was asked for. */
  readonly status: number;
  /** Who answered, after redirects. */
  readonly host: string;
  /** Of the body that follows, where it is said. */
  readonly length: number | undefined;
  /** `Content-Range`: where the body begins, and how large the whole is. */
  readonly range: { readonly start: number | undefined; readonly total: number | undefined } | undefined;
  /** Rejects with `media/broke-off` or `media/stalled`. */
  readonly body: AsyncIterable<Buffer>;
  /** Ends the connection, whether the body was read or not. Always call it. */
  close(): void;
}

/** A connection that ended before its time: what has come is good, and the rest may be asked for. */
export const BROKE_OFF = 'media/broke-off';

/** `from`: the byte to begin with. Throws `media/redirect-refused`, `media/not-served`, `media/unreachable` or `media/stalled`. */
export async function httpGet(address: string, from: number, options: HttpOptions): Promise<Answer> {
  let url = new URL(address);
  for (let hop = 0; ; hop++) {
    await options.onHost?.(url.host);
    const answered = await ask(url, from, options);
    const { message } = answered;
    const status = message.statusCode ?? 0;
    const { location } = message.headers;
    if ([301, 302, 303, 307, 308].includes(status) && location !== undefined) {
      answered.stop();
      const next = redirected(url, location, options.hosts);
      if (hop >= MAX_REDIRECTS)
        throw redirectRefused(url, `more than ${MAX_REDIRECTS} redirects, the last to ${next.host}`);
      url = next;
      continue;
    }
    if (status !== 200 && !(from > 0 && (status === 206 || status === 416))) {
      answered.stop();
      throw new UnavailableError(
        'media/not-served',
        `${url.host} does not serve ${url.pathname}: it answers ${status}.`,
        {
          hint: 'look whether the address in the recipe is still right',
          facts: { host: url.host, path: url.pathname, status },
        },
      );
    }
    const encoding = message.headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') {
      answered.stop();
      throw new UnavailableError(
        'media/not-served',
        `${url.host} serves ${url.pathname} in an encoding that nobody asked for.`,
      );
    }
    return {
      status,
      host: url.host,
      length: wholeNumber(message.headers['content-length']),
      range: rangeIn(message.headers['content-range']),
      body: answered.body(),
      close: () => answered.stop(),
    };
  }
}

function redirected(from: URL, location: string, hosts: ReadonlySet<string>): URL {
  let next: URL;
  try {
    next = new URL(location, from);
  } catch {
    throw redirectRefused(from, 'to what is no address');
  }
  if (next.protocol !== from.protocol)
    throw redirectRefused(from, `to another scheme (${next.protocol}//${next.host})`);
  if (next.username !== '' || next.password !== '') throw redirectRefused(from, 'to an address with a password in it');
  if (!hosts.has(next.host)) {
    throw redirectRefused(
      from,
      `to ${next.host}, which nothing names`,
      `if that is right, add it: hosts: [${next.host}]`,
    );
  }
  return next;
}

function redirectRefused(from: URL, why: string, hint?: string): RefusedError {
  return new RefusedError('media/redirect-refused', `${from.host} redirects ${from.pathname} ${why}.`, {
    ...(hint !== undefined && { hint }),
    facts: { host: from.host, path: from.pathname },
  });
}

interface Asked {
  readonly message: IncomingMessage;
  stop(): void;
  body(): AsyncGenerator<Buffer>;
}

/** From here to the end of the body a watch sees that bytes come. */
async function ask(url: URL, from: number, options: HttpOptions): Promise<Asked> {
  const { signal, stallMs = STALL_MS } = options;
  if (options.publicOnly === true) refusePrivateHost(url.hostname);
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    // No connection is kept for later: a process that ends must not wait for one.
    agent: false,
    headers: {
      'user-agent': 'portalgun',
      accept: '*/*',
      'accept-encoding': 'identity',
      ...(from > 0 && { range: `bytes=${from}-` }),
    },
    ...(options.publicOnly === true && { lookup: publicLookup }),
    ...(signal && { signal }),
  });
  let arrived = 0;
  let counted = 0;
  // What ends a request reaches whoever reads its body only as "aborted".
  let stall: UnavailableError | undefined;
  const watch = setInterval(() => {
    if (arrived - counted < MIN_STALL_BYTES) request.destroy((stall ??= stalled(url, arrived, stallMs)));
    counted = arrived;
  }, stallMs);
  const stop = (): void => {
    clearInterval(watch);
    request.destroy();
  };
  try {
    const message = await new Promise<IncomingMessage>((resolve, reject) => {
      // Errors after the answer reach whoever reads the body.
      request.on('error', reject);
      request.once('response', resolve);
      // A host that would speak something else from here on (101) gives neither an answer nor an error.
      request.once('close', () => reject(new Error('it hung up without an answer')));
      request.end();
    });
    async function* body(): AsyncGenerator<Buffer> {
      try {
        for await (const chunk of message as AsyncIterable<Buffer>) {
          arrived += chunk.length;
          yield chunk;
        }
      } catch (error) {
        throw stall ?? clear(error, url, signal);
      } finally {
        stop();
      }
    }
    return { message, stop, body };
  } catch (error) {
    stop();
    throw stall ?? clear(error, url, signal, 'media/unreachable');
  }
}

function clear(error: unknown, url: URL, signal: AbortSignal | undefined, code = BROKE_OFF): PortalgunError {
  if (error instanceof PortalgunError) return error;
  if (signal?.aborted) return new InterruptedError(undefined, { cause: error });
  const why = errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
  return code === BROKE_OFF
    ? new UnavailableError(code, `The connection to ${url.host} broke off (${why}).`, {
        hint: 'the same command goes on where it stopped',
        facts: { host: url.host },
        cause: error,
      })
    : new UnavailableError(code, `The host ${url.host} cannot be reached (${why}).`, {
        hint: 'is there a network? The same command goes on where it stopped',
        facts: { host: url.host },
        cause: error,
      });
}

function stalled(url: URL, arrived: number, stallMs: number): UnavailableError {
  return new UnavailableError(
    'media/stalled',
    `${url.host} brought less than ${MIN_STALL_BYTES} bytes in ${stallMs / 1000} seconds, after ${arrived} bytes.`,
    { hint: 'the same command goes on where it stopped', facts: { host: url.host, arrived } },
  );
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

function rangeIn(text: string | undefined): Answer['range'] {
  const match = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(?:(\d{1,15})|\*)$/.exec(text ?? '');
  return match ? { start: wholeNumber(match[1]), total: wholeNumber(match[2]) } : undefined;
}
