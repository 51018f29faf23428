/**
 * What of one sync was refused. An author who shows two faces makes two honest peers refuse what the other has of them: that
 * ends this author's part of the sync and nobody else's.
 */
import { RefusedError } from '../../../errors.ts';
import type { AuthorId, RefusalReason } from '../../record/types.ts';
import { SYNC_MAX_REFUSED, SYNC_MAX_REFUSED_PER_AUTHOR } from '../limits.ts';
import type { OnTrouble } from '../protocol.ts';

/** Nothing that an honest peer could avoid: it is not held against it. */
const FREE: readonly RefusalReason[] = ['fork', 'frozen', 'given-up', 'not-chosen', 'not-pinned', 'unknown-key'];

export function costsSomething(reason: RefusalReason): boolean {
  return !FREE.includes(reason);
}

export class Refusals {
  readonly #onTrouble: OnTrouble;
  readonly #peer: string;
  readonly #byAuthor = new Map<AuthorId, number>();
  #unreadable = 0;

  constructor({ onTrouble }: { readonly onTrouble: OnTrouble }, peer: string) {
    this.#onTrouble = onTrouble;
    this.#peer = peer;
  }

  /** Nothing more of this author is looked at. */
  isOver(author: AuthorId | undefined): boolean {
    return author !== undefined && (this.#byAuthor.get(author) ?? 0) >= SYNC_MAX_REFUSED_PER_AUTHOR;
  }

  /** `author`: whose it claims to be. Throws `exchange/bad-records` where too much of the sync cannot even be read. */
  count(reason: RefusalReason, author: AuthorId | undefined): void {
    if (!costsSomething(reason)) return;
    if (author !== undefined) {
      const count = (this.#byAuthor.get(author) ?? 0) + 1;
      this.#byAuthor.set(author, count);
      if (count !== SYNC_MAX_REFUSED_PER_AUTHOR) return;
      this.#onTrouble(`a sync of the feed of ${author}`, this.#peer, this.#tooMany(SYNC_MAX_REFUSED_PER_AUTHOR));
      return;
    }
    this.#unreadable += 1;
    if (this.#unreadable > SYNC_MAX_REFUSED) throw this.#tooMany(SYNC_MAX_REFUSED);
  }

  #tooMany(limit: number): RefusedError {
    return new RefusedError('exchange/bad-records', `${this.#peer} sent ${limit} records or more that were refused`, {
      facts: { peer: this.#peer, limit },
    });
  }
}
