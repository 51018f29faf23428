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
  // Asked for each message: looked through anew only where the list is another one.
  const peersIn = lastOf((list: ReturnType<ExchangeOptions['trusted']>) => {
    const others = list.filter(({ author }) => author !== self);
    return { others, authors: new Set(others.map(({ author }) => author)) };
  });
  const trusted = () => peersIn(options.trusted()).others;
  const trusts = (author: AuthorId): boolean => peersIn(options.trusted()).authors.has(author);
  const acquaintance = createAcquaintance(options.store, (author) => options.follows(author) || trusts(author));
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

/** What was made of an object, as long as it is asked for the same one. */
function lastOf<From extends object, To>(make: (from: From) => To): (from: From) => To {
  let last: { readonly from: From; readonly made: To } | undefined;
  return (from) => {
    if (last?.from !== from) last = { from, made: make(from) };
    return last.made;
  };
}
