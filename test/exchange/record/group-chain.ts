/** The feed in a private group of an author who changes keys, for tests: signed as a store would have it signed. */
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import {
  authorIdOf,
  followingPredicate,
  keyDraft,
  newestEpoch,
  signRecord,
  type Draft,
  type FeedLink,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { draft, NETWORK } from './author.ts';
import { Records, type Chain } from './keys.ts';

export const SCOPE = '5f3c9d1e2a4b6c8d5f3c9d1e2a4b6c8d';

/** One branch. `by`: the public feed as it is when a record is signed. */
export class GroupChain extends Records {
  /** With the key that `by` has in the epoch of this chain, whether or not it was given up. */
  write(by: Chain, text: string, count = 1): this {
    for (let index = 0; index < count; index += 1) {
      const last = this.records.at(-1);
      const { recovery, epoch } = last?.link ?? { recovery: 0, epoch: 0 };
      this.#sign(
        by,
        { recovery, epoch, seq: (last?.link.seq ?? 0) + 1, prev: last?.id ?? null },
        draft(`${text} ${index}`),
      );
    }
    return this;
  }

  /** Goes on where the public feed is. `keep`: another record than the last one, or null for none. */
  follow(by: Chain, keep: VerifiedRecord | null = this.records.at(-1) ?? null): this {
    const place = newestEpoch(by.keys);
    if (keep !== null) this.records.splice(this.records.indexOf(keep) + 1);
    else this.records.splice(0);
    const content = keyDraft(by.author, followingPredicate(authorIdOf(publicKeyOf(by.seed)), keep && this.kept()));
    this.#sign(by, { ...place, seq: 1, prev: keep?.id ?? null }, content);
    return this;
  }

  branch(upTo?: number): GroupChain {
    return new GroupChain(this, upTo);
  }

  #sign(by: Chain, at: Pick<FeedLink, 'recovery' | 'epoch' | 'seq' | 'prev'>, content: Draft): void {
    const link = { network: NETWORK, author: by.author, scope: SCOPE, ...at };
    this.records.push(signRecord(by.seed, link, content, by.keys));
  }
}
