/** Getting to a peer: addresses, dialling, and what to say when nobody is there. */
import type { Libp2p, PeerId } from '@libp2p/interface';
import { multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import { UnavailableError, UsageError } from '../../errors.ts';
import type { AuthorId } from '../record/types.ts';
import { DIAL_TIMEOUT_MS } from './limits.ts';
import { peerOf } from './peer-identity.ts';
import { asError } from './protocol.ts';
import type { ExchangeOptions } from './types.ts';

export interface Reach {
  isConnected(peerId: string): boolean;
  /** Dials all addresses of one node; `expected` is whose key it must have. Rejects when none of them answers. */
  dial(addresses: readonly Multiaddr[], signal: AbortSignal, expected?: string): Promise<PeerId>;
  /** The node of an author, dialled if need be. Rejects with `exchange/unreachable`. */
  connectedTo(author: AuthorId, signal: AbortSignal): Promise<PeerId>;
}

export function createReach(node: Libp2p, trusted: ExchangeOptions['trusted'], stopping: AbortSignal): Reach {
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
      const peer = peerOf(author);
      if (reach.isConnected(peer.toString())) return peer;
      const addresses = trusted().find((one) => one.author === author)?.addresses ?? [];
      try {
        if (addresses.length > 0) return await reach.dial(addresses.map(parseAddress), signal, peer.toString());
        await node.dial(peer, { signal: bounded(signal) });
        return peer;
      } catch (cause) {
        throw unreachable(author, cause);
      }
    },
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

/** @throws UsageError `exchange/bad-address`, also for what is an address of something else than TCP. */
export function parseListenAddress(text: string): Multiaddr {
  const address = parseAddress(text);
  const transport = address.getComponents().findLast(({ name }) => name !== 'p2p');
  if (transport?.name === 'tcp') return address;
  throw new UsageError('exchange/bad-address', `${text} is not an address that a node can listen on`, {
    hint: 'Nodes listen on TCP: /ip4/0.0.0.0/tcp/4001, or with tcp/0 for any free port',
  });
}

/** The PeerId that an address ends in. */
export function peerIdIn(address: string): string | undefined {
  return /\/p2p\/([^/]+)$/.exec(address)?.[1];
}

/** Names whom we mean to reach, so that noise refuses anybody else at that address. */
function withPeerId(address: Multiaddr, peerId: string): Multiaddr {
  return peerIdIn(address.toString()) === undefined ? address.encapsulate(`/p2p/${peerId}`) : address;
}

export function unreachable(who: string, cause: unknown): UnavailableError {
  return new UnavailableError('exchange/unreachable', `${who} cannot be reached: ${asError(cause).message}`, {
    hint: 'Is its node running, and the address right?',
    facts: { who },
    cause,
  });
}
