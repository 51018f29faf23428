/** The answering side of a protocol, apart from the network: bytes of a request in, frames of the answer out. */
import type { AuthorId } from '../record/types.ts';
import type { Refusal } from './generated/refusal_pb.ts';
import type { RateLimit } from './rate-limit.ts';

/** Tells whoever runs the node what went wrong with whom; nothing is swallowed. */
export type OnTrouble = (what: string, peer: string, error: Error) => void;

export interface Asker {
  readonly peerId: string;
  /** Null for a key that can be nobody's author. */
  readonly author: AuthorId | null;
}

export interface Protocol {
  readonly id: string;
  readonly limit: RateLimit;
  /** Frames of the answer. Throws RefusedError for a request that cannot be read. */
  respond(request: Uint8Array, asker: Asker): AsyncIterable<Uint8Array>;
  /** A frame that says no. */
  refuse(said: Refusal): Uint8Array;
}
