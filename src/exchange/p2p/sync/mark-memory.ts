/**
 * What was said in earlier syncs, so that only what has changed is said again: the asker keeps what it has told each
 * peer, the answerer what it has been told. Both go on in step, for both count what was sent as received; where that
 * was not so, the asker forgets, and says everything. Bounded, and lost with the process: then everything is said once.
 */
import type { AuthorId } from '../../record/types.ts';
import type { Mark } from './logic.ts';

export interface Said {
  /** The answerer's name for this state of things. */
  readonly token: Uint8Array;
  readonly marks: ReadonlyMap<AuthorId, Mark>;
  /** Exchanges since everything was said. */
  readonly exchanges: number;
}

export class MarkMemory {
  readonly #maxMarks: number;
  readonly #peers = new Map<string, Said>();
  #marks = 0;

  constructor(maxMarks: number) {
    this.#maxMarks = maxMarks;
  }

  /** Marks of all peers together. */
  get size(): number {
    return this.#marks;
  }

  get(peer: string): Said | undefined {
    return this.#peers.get(peer);
  }

  /** Peers that have not been heard for the longest time are forgotten first. */
  put(peer: string, said: Said): void {
    this.forget(peer);
    this.#peers.set(peer, said);
    this.#marks += said.marks.size;
    for (const oldest of this.#peers.keys()) {
      // Who says no marks at all is counted too: strangers are as many as they like.
      if (this.#marks <= this.#maxMarks && this.#peers.size <= this.#maxMarks) break;
      this.forget(oldest);
    }
  }

  forget(peer: string): void {
    this.#marks -= this.#peers.get(peer)?.marks.size ?? 0;
    this.#peers.delete(peer);
  }
}
