/**
 * Circuit relay v2 (libp2p specs/relay): a node that nobody can dial keeps a place at a bootstrap node, and whoever is
 * connected there speaks to it through that node. What is relayed is encrypted end to end, and limited in bytes and time.
 *
 * Places are taken at the bootstrap nodes that the owner has named, and nowhere else: a stranger must not make this node
 * tell the world that it is reached through them.
 */
import { circuitRelayServer, circuitRelayTransport } from '@libp2p/circuit-relay-v2';
import type { Connection, ConnectionGater, PeerId, Transport } from '@libp2p/interface';
import { isNetworkAddress, isPrivate } from '@libp2p/utils';
import { multiaddr } from '@multiformats/multiaddr';
import type { Multiaddr } from '@multiformats/multiaddr';
import { FailedError } from '../../../errors.ts';
import { RATE_LIMIT_MAX_PEERS, RELAY } from '../limits.ts';
import { createRateLimiter } from '../rate-limit.ts';

export const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop';

type Components = Parameters<ReturnType<typeof circuitRelayTransport>>[0];

/** What of libp2p's insides is used; `insidesOf` checks that it is there. */
interface Insides {
  readonly components: Components;
  readonly places: {
    hasReservation(relay: PeerId): boolean;
    addRelay(relay: PeerId, type: 'configured'): Promise<unknown>;
  };
}

export interface RelayClient {
  /** For `createLibp2p`. */
  readonly transport: (components: Components) => Transport;
  readonly gater: Pick<ConnectionGater, 'denyInboundRelayedConnection'>;
  hasPlace(relay: PeerId): boolean;
  /** Takes a place at a relay that is connected at this address, or keeps the one that is there. */
  takePlace(relay: PeerId, address: Multiaddr): Promise<void>;
  /** How others get here, as far as this node knows. */
  reachability(): Reachability;
}

export function createRelayClient(): RelayClient {
  let insides: Insides | undefined;
  /** Relays that a listener stands for: it outlives the place. */
  const listened = new Set<string>();
  const started = (): Insides => {
    if (insides === undefined) throw new TypeError('the relay transport is used before libp2p has made it');
    return insides;
  };
  return {
    transport(components) {
      const make = circuitRelayTransport({
        reservationCompletionTimeout: RELAY.placeTimeoutMs,
        // It would look for relays among everybody who is connected: to it, all have been looked at.
        discoveryFilter: { has: () => true, add: () => undefined, remove: () => undefined },
      });
      // Whoever dials us through themselves would get a place from us by that: this transport listens nowhere on its own.
      const transport = make(
        Object.create(components, {
          transportManager: { value: { listen: () => Promise.reject(new Error('no place is taken unasked')) } },
        }) as Components, // oxlint-disable-line typescript/no-unsafe-type-assertion -- Object.create gives `any`
      );
      insides = { components, places: placesOf(transport) };
      return transport;
    },
    gater: { denyInboundRelayedConnection: async (relay) => !started().places.hasReservation(relay) },
    hasPlace: (relay) => started().places.hasReservation(relay),
    async takePlace(relay, address) {
      const { components, places } = started();
      if (places.hasReservation(relay)) return;
      if (listened.has(relay.toString())) {
        await places.addRelay(relay, 'configured');
        return;
      }
      await components.transportManager.listen([address.encapsulate('/p2p-circuit')]);
      listened.add(relay.toString());
    },
    reachability: () =>
      reachabilityOf(
        started()
          .components.addressManager.getAddressesWithMetadata()
          .map(({ multiaddr: address, verified, type }) => ({ address: address.toString(), verified, type })),
      ),
  };
}

/** Throws `exchange/relay-changed` where an update of libp2p's has taken away what this stands on. */
export function placesOf(transport: object): Insides['places'] {
  const places: unknown = Reflect.get(transport, 'reservationStore');
  if (
    typeof places === 'object' &&
    places !== null &&
    'relayFilter' in places &&
    'addRelay' in places &&
    'hasReservation' in places
  ) {
    // It never asks a relay again that it once could not dial, though it has come back: we ask only who is connected.
    places.relayFilter = { has: () => false, add: () => true, remove: () => true };
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- checked as far as it can be; the tests rely on it
    return places as Insides['places'];
  }
  throw new FailedError('exchange/relay-changed', 'this version of @libp2p/circuit-relay-v2 has other insides');
}

/**
 * `public`: others have dialled this node back at a public address (AutoNAT), or its owner says that it has one.
 * `relayed`: it has a place at a relay. `unknown`: neither; on a local network it may be reached all the same.
 */
export type Reachability = 'public' | 'relayed' | 'unknown';

export interface KnownAddress {
  readonly address: string;
  readonly verified: boolean;
  /** `announce`: by the owner's word. */
  readonly type: string;
}

export function reachabilityOf(addresses: readonly KnownAddress[]): Reachability {
  const verified = addresses.filter((one) => one.verified);
  const direct = verified.filter(({ address }) => !isRelayed(address));
  if (direct.some(({ address, type }) => type === 'announce' || isPublic(multiaddr(address)))) return 'public';
  return verified.length > direct.length ? 'relayed' : 'unknown';
}

/** Means one host in the whole Internet, without a relay. */
export function isPublic(address: Multiaddr): boolean {
  return isNetworkAddress(address) && !isPrivate(address) && !isRelayed(address.toString());
}

export function isRelayed(address: string): boolean {
  return address.includes('/p2p-circuit');
}

/** Relays limit what they carry; nobody else does. */
export function isCircuit({ limits }: Connection): boolean {
  return limits !== undefined;
}

/** The service for a bootstrap node. */
export function relayService() {
  return circuitRelayServer({
    maxInboundHopStreams: RELAY.streamsPerConnection,
    maxOutboundStopStreams: RELAY.circuits,
    reservations: {
      maxReservations: RELAY.places,
      reservationTtl: RELAY.placeMs,
      defaultDurationLimit: RELAY.circuitMs,
      defaultDataLimit: BigInt(RELAY.circuitBytes),
    },
  });
}

export interface RelayContext {
  /** Who has a place now, and where it was asked for from. */
  readonly places: () => Iterable<readonly [PeerId, { readonly addr: Multiaddr }]>;
  /** Where a peer is connected from, by every one of its connections; none where it has gone. */
  readonly hostsOf: (peer: PeerId) => readonly (string | undefined)[];
  readonly now: () => number;
}

/**
 * Whom a relay serves: keys cost nothing, so places and circuits are counted by host too, and by all together. libp2p
 * bounds a circuit's bytes and time, and not how many of them there are. It does not say on which connection a peer asks:
 * there must be room for each of its hosts, or one connection from elsewhere would make all others count there.
 */
export function createRelayGater({
  places,
  hostsOf,
  now,
}: RelayContext): Pick<ConnectionGater, 'denyInboundRelayReservation' | 'denyOutboundRelayedConnection'> {
  const byPeer = createRateLimiter(RELAY.circuitsOfPeer, now, RATE_LIMIT_MAX_PEERS);
  const byHost = createRateLimiter(RELAY.circuitsOfHost, now, RATE_LIMIT_MAX_PEERS);
  const byAll = createRateLimiter(RELAY.circuitsOfAll, now, 1);
  return {
    denyInboundRelayReservation(peer) {
      const taken = [...places()].filter(([other]) => !other.equals(peer)).map(([, { addr }]) => hostIn(addr));
      const isFull = (host: string | undefined): boolean =>
        taken.filter((other) => other === host).length >= RELAY.placesOfHost;
      const hosts = hostsOf(peer);
      return hosts.length === 0 || hosts.some(isFull);
    },
    async denyOutboundRelayedConnection(from) {
      const hosts = new Set(hostsOf(from));
      if (hosts.size === 0 || !byPeer(from.toString()).allowed) return true;
      return ![...hosts].every((host) => byHost(host ?? '').allowed) || !byAll('').allowed;
    },
  };
}

/** Of IPv6 the network: whoever has one address there has 2^64 of them. */
export function hostIn(address: Multiaddr): string | undefined {
  const part = address.getComponents().find(({ name }) => name !== 'ip6zone');
  return part?.name === 'ip6' && part.value !== undefined ? networkOf(part.value) : part?.value;
}

/** Its first 64 bits; the whole where these are zero, as of ::1 and of what stands for an IPv4 address. */
function networkOf(address: string): string {
  // The code of the protocol is one byte.
  const bytes = multiaddr(`/ip6/${address}`).bytes.subarray(1);
  const network = bytes.subarray(0, 8);
  return network.every((byte) => byte === 0) ? address : `${Buffer.from(network).toString('hex')}::/64`;
}
