/** The libp2p node itself: which parts, with which limits. What it is used for is elsewhere. */
import { noise } from '@chainsafe/libp2p-noise';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import type { GossipSub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Libp2p, ServiceMap } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import { mdns } from '@libp2p/mdns';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { yamux } from '@libp2p/yamux';
import { createLibp2p } from 'libp2p';
import { dhtService } from './discovery.ts';
import { gossipService } from './gossip.ts';
import type { Audience } from './gossip.ts';
import {
  DIAL_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_HOST_PER_SECOND,
  MAX_PENDING_CONNECTIONS,
  MAX_STREAMS_PER_CONNECTION,
} from './limits.ts';

export interface NodeServices extends ServiceMap {
  readonly dht: KadDHT;
  readonly pubsub: GossipSub;
}

export type Node = Libp2p<NodeServices>;

export async function createNode(
  options: { readonly seed: Uint8Array; readonly listen: readonly string[]; readonly mdns: boolean },
  gossip: Audience,
): Promise<Node> {
  return createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed),
    addresses: { listen: [...options.listen] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({ maxInboundStreams: MAX_STREAMS_PER_CONNECTION, maxOutboundStreams: MAX_STREAMS_PER_CONNECTION }),
    ],
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      maxIncomingPendingConnections: MAX_PENDING_CONNECTIONS,
      inboundConnectionThreshold: MAX_CONNECTIONS_PER_HOST_PER_SECOND,
      dialTimeout: DIAL_TIMEOUT_MS,
    },
    peerDiscovery: options.mdns ? [mdns({ serviceTag: '_portalgun._udp.local' })] : [],
    services: {
      identify: identify(),
      ping: ping(),
      dht: dhtService(),
      pubsub: gossipService(gossip),
    },
  });
}
