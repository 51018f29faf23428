/** The libp2p node itself: which parts, with which limits. What it is used for is elsewhere. */
import { noise } from '@chainsafe/libp2p-noise';
import type { CircuitRelayService } from '@libp2p/circuit-relay-v2';
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys';
import { dcutr } from '@libp2p/dcutr';
import type { GossipSub } from '@libp2p/gossipsub';
import { identify } from '@libp2p/identify';
import type { Identify } from '@libp2p/identify';
import type { Libp2p, ServiceMap } from '@libp2p/interface';
import type { KadDHT } from '@libp2p/kad-dht';
import { mdns } from '@libp2p/mdns';
import { ping } from '@libp2p/ping';
import { tcp } from '@libp2p/tcp';
import { createLibp2p } from 'libp2p';
import { dialBackService } from './dial-back.ts';
import { dhtService } from './discovery.ts';
import { gossipService } from './gossip.ts';
import type { Audience } from './gossip.ts';
import {
  DIAL_TIMEOUT_MS,
  MAX_CONNECTIONS,
  MAX_CONNECTIONS_PER_HOST_PER_SECOND,
  MAX_PENDING_CONNECTIONS,
  MAX_STREAMS_PER_CONNECTION,
} from '../limits.ts';
import { steadyYamux } from './muxer.ts';
import { createRelayClient, createRelayGater, hostIn, relayService } from './relay.ts';
import type { RelayClient } from './relay.ts';
import { boundedWebSockets } from './websockets.ts';

export interface NodeServices extends ServiceMap {
  readonly identify: Identify;
  readonly dht: KadDHT;
  readonly pubsub: GossipSub;
  /** On a bootstrap node. */
  readonly relay?: CircuitRelayService;
}

export type Node = Libp2p<NodeServices>;

export interface NodeOptions {
  readonly seed: Uint8Array;
  readonly listen: readonly string[];
  /** Addresses that its owner says it is reached at, beside those that it knows. */
  readonly announce: readonly string[];
  readonly mdns: boolean;
  readonly isBootstrap: boolean;
  readonly now: () => number;
}

export async function createNode(
  options: NodeOptions,
  gossip: Audience,
): Promise<{ readonly node: Node; readonly relays: RelayClient }> {
  const relays = createRelayClient();
  let running: Node | undefined;
  const node: Node = await createLibp2p({
    privateKey: await generateKeyPairFromSeed('Ed25519', options.seed),
    addresses: { listen: [...options.listen], appendAnnounce: [...options.announce] },
    transports: [tcp(), boundedWebSockets(), relays.transport],
    connectionEncrypters: [noise()],
    streamMuxers: [
      steadyYamux({ maxInboundStreams: MAX_STREAMS_PER_CONNECTION, maxOutboundStreams: MAX_STREAMS_PER_CONNECTION }),
    ],
    connectionManager: {
      maxConnections: MAX_CONNECTIONS,
      maxIncomingPendingConnections: MAX_PENDING_CONNECTIONS,
      inboundConnectionThreshold: MAX_CONNECTIONS_PER_HOST_PER_SECOND,
      dialTimeout: DIAL_TIMEOUT_MS,
    },
    connectionGater: {
      ...relays.gater,
      ...createRelayGater({
        places: () => running?.services.relay?.reservations.entries() ?? [],
        hostsOf: (peer) => running?.getConnections(peer).map(({ remoteAddr }) => hostIn(remoteAddr)) ?? [],
        now: options.now,
      }),
    },
    peerDiscovery: options.mdns ? [mdns({ serviceTag: '_portalgun._udp.local' })] : [],
    services: {
      identify: identify(),
      ping: ping(),
      dht: dhtService(),
      pubsub: gossipService(gossip),
      autoNAT: dialBackService(options.now),
      dcutr: dcutr(),
      ...(options.isBootstrap && { relay: relayService() }),
    },
  });
  running = node;
  return { node, relays };
}
