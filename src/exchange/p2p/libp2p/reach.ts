/** Getting to a peer: addresses, dialling, and what to say when nobody is there. */
import type { Libp2p, PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import { asError, UnavailableError, UsageError } from '../../../errors.ts';
import type { AuthorId } from '../../record/types.ts';
import { DIAL_TIMEOUT_MS } from '../limits.ts';
import type { Acquaintance } from './peer-identity.ts';
import type { ExchangeOptions } from '../types.ts';

export interface Reach {
  isConnected(peerId: string): boolean;
  /** Dials all addresses of one node; `expected` is whose key it must have. Rejects when none of them answers. */
  dial(addresses: readonly Multiaddr[], signal: AbortSignal, expected?: string): Promise<PeerId>;
  /** The node of an author, dialled if need be. Rejects with `exchange/unreachable`. */
  connectedTo(author: AuthorId, signal: AbortSignal): Promise<PeerId>;
  /**
   * Dials an author's node. Where another key answers at one of the addresses, it may be their new one: `proves` asks
   * it (by a sync), and who cannot prove it is hung up on. Rejects when nobody answers, or nobody is that author.
   */
  dialAuthor(author: AuthorId, addresses: readonly string[], signal: AbortSignal): Promise<PeerId>;
}

export interface ReachOptions {
  readonly trusted: ExchangeOptions['trusted'];
  readonly acquaintance: Acquaintance;
  readonly proves: (peer: PeerId, signal: AbortSignal) => Promise<void>;
  readonly stopping: AbortSignal;
}

export function createReach(node: Libp2p, { trusted, acquaintance, proves, stopping }: ReachOptions): Reach {
  const bounded = (signal: AbortSignal): AbortSignal =>
    AbortSignal.any([stopping, signal, AbortSignal.timeout(DIAL_TIMEOUT_MS)]);
  const reach: Reach = {
    isConnected: (peerId) => node.getPeers().some((peer) => peer.toString() === peerId),
    async dial(addresses, signal, expected) {
      const named = expected === undefined ? addresses : addresses.map((address) => withPeerId(address, expected));
      const connection = await node.dial([...named], { signal: bounded(signal) });
      return connection.remotePeer;
    },
    async connectedTo(author, signal) {
      const peer = acquaintance.peerOf(author);
      if (reach.isConnected(peer.toString())) return peer;
      const addresses = trusted().find((one) => one.author === author)?.addresses ?? [];
      try {
        if (addresses.length > 0) return await reach.dialAuthor(author, addresses, signal);
        await node.dial(peer, { signal: bounded(signal) });
        return peer;
      } catch (cause) {
        throw unreachable(author, cause);
      }
    },
    async dialAuthor(author, addresses, signal) {
      // An invitation's addresses end in the PeerId of that day.
      const places = addresses.map((address) => parseAddress(withoutPeerId(address)));
      try {
        return await reach.dial(places, signal, acquaintance.peerOf(author).toString());
      } catch (error) {
        if (!isAnotherKey(error)) throw error;
        for (const place of places) {
          const peer = await reach.dial([place], signal).catch(() => undefined);
          if (peer === undefined) continue; // nobody is there; the first error says so
          if (await isNow(author, peer, signal)) return peer;
          // Somebody else whom policy names is welcome, wherever they are.
          const other = acquaintance.authorOf(peer.toString());
          if (!trusted().some((one) => one.author === other)) await node.hangUp(peer);
        }
        throw error;
      }
    },
  };
  const isNow = async (author: AuthorId, peer: PeerId, signal: AbortSignal): Promise<boolean> => {
    try {
      await proves(peer, bounded(signal));
    } catch {
      return false; // whoever it is does not speak our protocols, or refuses: not the author's node
    }
    return acquaintance.peerOf(author).equals(peer);
  };
  return reach;
}

/** @throws UsageError `exchange/bad-address` */
export function parseAddress(text: string): Multiaddr {
  try {
    return multiaddr(text);
  } catch (cause) {
    throw new UsageError('exchange/bad-address', `${text} is not an address`, {
      hint: 'Addresses look like /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo… or /dns4/example.org/tcp/4001',
      cause,
    });
  }
}

/** @throws UsageError `exchange/bad-address`, also for what is an address of something else than TCP or WebSockets. */
export function parseListenAddress(text: string): Multiaddr {
  const address = parseAddress(text);
  const transport = address.getComponents().findLast(({ name }) => name !== 'p2p');
  if (transport?.name === 'tcp' || transport?.name === 'ws') return address;
  throw new UsageError('exchange/bad-address', `${text} is not an address that a node can listen on`, {
    hint: 'Nodes listen on TCP: /ip4/0.0.0.0/tcp/4001, or with tcp/0 for any free port; /ws after it for WebSockets',
  });
}

/** The PeerId that an address ends in. */
export function peerIdIn(address: string): string | undefined {
  return /\/p2p\/([^/]+)$/.exec(address)?.[1];
}

/** The address without the PeerId that it ends in; one of a relay keeps the relay's. */
function withoutPeerId(address: string): string {
  return address.replace(/\/p2p\/[^/]+$/, '');
}

/** Noise has found another key at the address, in this error or one that it gathers. */
function isAnotherKey(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === 'UnexpectedPeerError' || /expected remote identity key|expected peer/i.test(error.message))
    return true;
  return error instanceof AggregateError ? error.errors.some(isAnotherKey) : isAnotherKey(error.cause);
}

/** Names whom we mean to reach, so that noise refuses anybody else at that address. */
export function withPeerId(address: Multiaddr, peerId: string): Multiaddr {
  return peerIdIn(address.toString()) === undefined ? address.encapsulate(`/p2p/${peerId}`) : address;
}

export function unreachable(who: string, cause: unknown): UnavailableError {
  return new UnavailableError('exchange/unreachable', `${who} cannot be reached: ${asError(cause).message}`, {
    hint: 'Is its node running, and the address right?',
    facts: { who },
    cause,
  });
}
