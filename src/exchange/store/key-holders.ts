/** Authors by the key that signs for them now, where it is not their first: what `currentKey` says, the other way round. */
import type { AuthorId, KeyId } from '../record/types.ts';

export class KeyHolders {
  readonly #authors = new Map<KeyId, Set<AuthorId>>();

  /** Whoever knows one key may use it for several authors. */
  of(key: KeyId): readonly AuthorId[] {
    return [...(this.#authors.get(key) ?? [])];
  }

  change(author: AuthorId, before: KeyId, now: KeyId): void {
    if (before === now) return;
    const left = this.#authors.get(before);
    left?.delete(author);
    if (left?.size === 0) this.#authors.delete(before);
    // Of a first key the author is known by itself.
    if (now === author) return;
    const holders = this.#authors.get(now) ?? new Set();
    this.#authors.set(now, holders.add(author));
  }
}
