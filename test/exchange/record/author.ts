/** An author for tests: a seed, and records signed with it one after another. */
import { generateSeed, publicKeyOf } from '../../../src/crypto/ed25519.ts';
import type { Digest } from '../../../src/crypto/digest.ts';
import {
  authorIdOf,
  signRecord,
  type AuthorId,
  type Draft,
  type FeedLink,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';

export const NETWORK = 'test';

export interface Author {
  readonly seed: Uint8Array;
  readonly id: AuthorId;
  readonly recoveryPublicKey: Uint8Array;
}

export function newAuthor(): Author {
  const seed = generateSeed();
  return { seed, id: authorIdOf(publicKeyOf(seed)), recoveryPublicKey: publicKeyOf(generateSeed()) };
}

export function linkOf(author: Author, seq: number, prev: Digest | null): FeedLink {
  return { network: NETWORK, author: author.id, scope: 'public', recovery: 0, epoch: 0, seq, prev };
}

/** A small statement whose bytes differ with `text`. */
export function draft(text: string, predicateType = 'urn:portalgun:withdrawal:v1'): Draft {
  return {
    subject: [{ name: 'record', digest: { sha256: '0'.repeat(64) } }],
    predicateType,
    predicate: { reason: text },
  };
}

/** A chain of `count` records, each naming the one before. `after` continues another chain. */
export function feed(author: Author, count: number, word = 'entry', after?: VerifiedRecord): VerifiedRecord[] {
  const records: VerifiedRecord[] = [];
  let last = after;
  for (let index = 0; index < count; index++) {
    const seq = (last?.link.seq ?? 0) + 1;
    last = signRecord(author.seed, linkOf(author, seq, last?.id ?? null), draft(`${word} ${seq}`));
    records.push(last);
  }
  return records;
}

/** For `noUncheckedIndexedAccess`. */
export function at<T>(list: readonly T[], index: number): T {
  const item = list.at(index);
  if (item === undefined) throw new Error(`no item ${index}`);
  return item;
}
