/**
 * Who is what to this node, as the options' functions say at each moment: a policy that was reloaded holds at once, and a
 * key that an author has changed too.
 */
import type { AuthorId } from '../record/types.ts';
import { createAcquaintance } from './libp2p/peer-identity.ts';
import type { Acquaintance } from './libp2p/peer-identity.ts';
import type { Asker } from './protocol.ts';
import type { ExchangeOptions } from './types.ts';

export interface Standing {
  readonly acquaintance: Acquaintance;
  /** Whether this node has and gives an author's public feed. */
  readonly carries: (author: AuthorId) => boolean;
  readonly carried: () => AuthorId[];
  /** Other people whom policy trusts. */
  readonly trusted: ExchangeOptions['trusted'];
  readonly isTrusted: (peerId: string) => boolean;
  /** Trusted or followed: limited more widely. */
  readonly isFriend: (peerId: string) => boolean;
  /** Answered about symptoms, blobs and challenges. */
  readonly mayAsk: (asker: Asker) => boolean;
}

export function createStanding(options: ExchangeOptions, self: AuthorId): Standing {
  const isBootstrap = options.role === 'bootstrap';
  const carries = (author: AuthorId): boolean => !isBootstrap && (author === self || options.follows(author));
  const trusted = () => options.trusted().filter(({ author }) => author !== self);
  const trusts = (author: AuthorId): boolean => trusted().some((peer) => peer.author === author);
  const acquaintance = createAcquaintance(options.store, () => [
    ...options.followed(),
    ...trusted().map(({ author }) => author),
  ]);
  return {
    acquaintance,
    carries,
    carried: () => (isBootstrap ? [] : [...new Set([self, ...options.followed()])].filter(carries)),
    trusted,
    isTrusted(peerId) {
      const author = acquaintance.authorOf(peerId);
      return author !== null && trusts(author);
    },
    isFriend(peerId) {
      const author = acquaintance.authorOf(peerId);
      return author !== null && (options.follows(author) || trusts(author));
    },
    mayAsk({ author }) {
      if (author === null) return false;
      return options.mayAsk?.(author) ?? (options.follows(author) || trusts(author));
    },
  };
}
