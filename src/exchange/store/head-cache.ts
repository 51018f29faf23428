/** Signed heads as they were last read or kept: every sync asks for all of them, and reading one verifies it again. */
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import type { SignedHead } from '../record/head.ts';
import { feedName, type Feed } from './layout.ts';

export class HeadCache {
  readonly #maxHeads: number;
  readonly #heads = new Map<string, SignedHead>();
  #forgotten = 0;

  constructor(maxHeads: number) {
    this.#maxHeads = maxHeads;
  }

  get(feed: Feed): SignedHead | undefined {
    return this.#heads.get(feedName(feed));
  }

  /** How often `forget` was called: who reads from the disk meanwhile looks whether it still is what it was. */
  get forgotten(): number {
    return this.#forgotten;
  }

  /** What is on the disk is void too. With a public feed the author's others go: who signs there may be another by now. */
  forget(feed: Feed): void {
    this.#forgotten += 1;
    this.#heads.delete(feedName(feed));
    if (feed.scope !== PUBLIC_SCOPE) return;
    for (const [name, { head }] of this.#heads) if (head.author === feed.author) this.#heads.delete(name);
  }

  /** What was put longest ago goes first. */
  put(signed: SignedHead): void {
    const name = feedName(signed.head);
    this.#heads.delete(name);
    this.#heads.set(name, signed);
    const [oldest] = this.#heads.keys();
    if (this.#heads.size > this.#maxHeads && oldest !== undefined) this.#heads.delete(oldest);
  }
}
