/** What every command gets: the streams, the home, and how the person wants to read the answer. */
import type { Readable, Writable } from 'node:stream';
import { passphraseFrom } from '../node/passphrase.ts';
import { passphraseAt } from './hidden-line.ts';
import { homeAt, type Environment, type Home } from '../node/home.ts';

export interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
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
    home: withPassphrase(homeAt(streams.environment), streams, signal),
    json: flags.json ?? false,
    verbose: flags.verbose ?? false,
    signal,
  };
}

/** Where somebody sits at a terminal they are asked, unless the environment says where a passphrase is. */
function withPassphrase(home: Home, streams: Streams, signal: AbortSignal): Home {
  if (streams.stdin.isTTY !== true) return home;
  return { ...home, passphrase: passphraseFrom(streams.environment, passphraseAt(streams, signal)) };
}
