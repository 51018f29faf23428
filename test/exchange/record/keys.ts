/** An author who changes keys, for tests: every record is signed as a store would have it signed. */
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import {
  advanceKeys,
  authorIdOf,
  firstKeys,
  keyChangePredicate,
  keyDraft,
  openingDraft,
  signRecord,
  type Draft,
  type FeedKeys,
  type FeedLink,
  type Kept,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { draft, NETWORK } from './author.ts';

export function seedOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

/** Records, each behind the one before it. */
export class Records {
  readonly records: VerifiedRecord[];

  constructor(from?: Records, upTo?: number) {
    this.records = from?.records.slice(0, upTo) ?? [];
  }

  get last(): VerifiedRecord {
    return this.at(-1);
  }

  get envelopes(): Uint8Array[] {
    return this.records.map(({ envelope }) => envelope);
  }

  at(index: number): VerifiedRecord {
    const record = this.records.at(index);
    if (record === undefined) throw new Error(`no record ${index}`);
    return record;
  }

  kept(index = -1): Kept {
    const { id, link } = this.at(index);
    return { recovery: link.recovery, epoch: link.epoch, seq: link.seq, id };
  }
}

/** One branch of a feed. `branch` copies it, so that two can go on from one place. */
export class Chain extends Records {
  readonly author = authorIdOf(publicKeyOf(seedOf(1)));
  keys: FeedKeys;
  seed: Uint8Array;

  /** `recovery`: number of the recovery key's seed, where the feed begins here. */
  constructor(from?: Chain, upTo?: number, recovery = 99) {
    super(from, upTo);
    this.keys = this.records.reduce(advanceKeys, firstKeys(this.author));
    this.seed = from?.seed ?? seedOf(1);
    if (from === undefined) {
      this.#sign(
        seedOf(1),
        this.#next(),
        openingDraft({ author: this.author, recoveryPublicKey: publicKeyOf(seedOf(recovery)) }),
      );
    }
  }

  write(text: string, count = 1): this {
    for (let index = 0; index < count; index += 1) this.#sign(this.seed, this.#next(), draft(`${text} ${index}`));
    return this;
  }

  rotate(newSeed: number, keep: Kept = this.kept()): this {
    const link = this.#opening(keep, 0);
    const predicate = keyChangePredicate(link, seedOf(newSeed), { action: 'rotate', keep });
    this.#sign(this.seed, link, keyDraft(this.author, predicate));
    this.seed = seedOf(newSeed);
    return this;
  }

  /** After the record with this index. */
  recover(newSeed: number, index = -1, { by = 99, next = 99 } = {}): this {
    const keep = this.kept(index);
    const link = this.#opening(keep, 1);
    const recoveryKey = authorIdOf(publicKeyOf(seedOf(next)));
    const predicate = keyChangePredicate(link, seedOf(newSeed), { action: 'recover', keep, recoveryKey });
    this.records.splice(this.records.indexOf(this.at(index)) + 1);
    this.#sign(seedOf(by), link, keyDraft(this.author, predicate));
    this.seed = seedOf(newSeed);
    return this;
  }

  revoke(): this {
    this.#sign(this.seed, this.#next(), keyDraft(this.author, { action: 'revoke', reason: 'stolen' }));
    return this;
  }

  branch(upTo?: number): Chain {
    return new Chain(this, upTo);
  }

  #opening(keep: Kept, recoveries: 0 | 1): FeedLink {
    return this.#link(keep.recovery + recoveries, keep.epoch + 1, 1, keep.id);
  }

  #next(): FeedLink {
    const last = this.records.at(-1);
    if (last === undefined) return this.#link(0, 0, 1, null);
    const { recovery, epoch, seq } = last.link;
    return this.#link(recovery, epoch, seq + 1, last.id);
  }

  #link(recovery: number, epoch: number, seq: number, prev: FeedLink['prev']): FeedLink {
    return { network: NETWORK, author: this.author, scope: 'public', recovery, epoch, seq, prev };
  }

  #sign(seed: Uint8Array, link: FeedLink, content: Draft): void {
    const record = signRecord(seed, link, content, this.keys);
    this.records.push(record);
    this.keys = advanceKeys(this.keys, record);
  }
}
