/** Keeps this node's places at the bootstrap nodes that are relays, while nobody has shown that it is reached directly. */
import type { Libp2p, PeerId } from '@libp2p/interface';
import type { OnTrouble } from '../protocol.ts';
import { parseAddress, peerIdIn } from './reach.ts';
import { HOP_PROTOCOL } from './relay.ts';
import type { RelayClient } from './relay.ts';
import { asError } from '../../../errors.ts';

export interface Places {
  /** A peer is connected, and has said what it speaks. */
  met(peer: PeerId, protocols: readonly string[]): void;
  /** Places that were refused or lost are asked for again. */
  tryAgain(): void;
}

export interface PlacesOptions {
  readonly node: Libp2p;
  readonly relays: RelayClient;
  /** Relays are looked for among these alone. */
  readonly bootstrap: readonly string[];
  readonly onTrouble: OnTrouble;
}

export function createPlaces({ node, relays, bootstrap, onTrouble }: PlacesOptions): Places {
  /** Bootstrap nodes that have said that they are relays. */
  const known = new Map<string, PeerId>();
  const asking = new Set<string>();
  const isNamed = (peer: PeerId): boolean => {
    const addresses = new Set(node.getConnections(peer).map(({ remoteAddr }) => remoteAddr.toString()));
    // An address without a PeerId names whoever answers there.
    return bootstrap.some((text) => {
      const named = peerIdIn(text);
      return named === undefined
        ? addresses.has(`${parseAddress(text).toString()}/p2p/${peer.toString()}`)
        : named === peer.toString();
    });
  };
  const ask = async (peer: PeerId): Promise<void> => {
    const key = peer.toString();
    const direct = node.getConnections(peer).find(({ limits }) => limits === undefined);
    if (direct === undefined || asking.has(key) || relays.hasPlace(peer)) return;
    if (relays.reachability() === 'public') return;
    asking.add(key);
    try {
      await relays.takePlace(peer, direct.remoteAddr);
    } catch (error) {
      onTrouble('taking a place at a relay', key, asError(error));
    } finally {
      asking.delete(key);
    }
  };
  return {
    met(peer, protocols) {
      if (!protocols.includes(HOP_PROTOCOL) || !isNamed(peer)) return;
      known.set(peer.toString(), peer);
      void ask(peer);
    },
    tryAgain() {
      for (const peer of known.values()) void ask(peer);
    },
  };
}
