/** What every command gets: the streams, the home, and how the person wants to read the answer. */
import type { Readable, Writable } from 'node:stream';
import { homeAt, type Environment, type Home } from '../node/home.ts';

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean };
  readonly environment: Environment;
}

export interface Context extends Streams {
  readonly home: Home;
  /** One JSON document on stdout, or one a line for streams. */
  readonly json: boolean;
  readonly verbose: boolean;
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal;
}

export function contextFor(
  streams: Streams,
  flags: { json?: boolean; verbose?: boolean },
  signal: AbortSignal,
): Context {
  return {
    ...streams,
    home: homeAt(streams.environment),
    json: flags.json ?? false,
    verbose: flags.verbose ?? false,
    signal,
  };
}
