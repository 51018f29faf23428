/**
 * Feeds in the DHT: a node provides the feeds that it carries, so that a follower finds one while its author is away.
 * Nothing else goes there. Anybody may claim to provide anything, so what is found is only a place to ask.
 */
import { createHash } from 'node:crypto';
import type { Libp2p, PeerInfo } from '@libp2p/interface';
import { kadDHT, passthroughMapper } from '@libp2p/kad-dht';
import type { KadDHT } from '@libp2p/kad-dht';
import { CID } from 'multiformats/cid';
import * as raw from 'multiformats/codecs/raw';
import { create as createMultihash } from 'multiformats/hashes/digest';
import type { AuthorId } from '../../record/types.ts';
import { DHT_QUERY_TIMEOUT_MS, FIND_MAX_PROVIDERS, PROVIDE_AGAIN_MS } from '../limits.ts';
import type { OnTrouble } from '../protocol.ts';
import { asError } from '../../../errors.ts';

export const DHT_PROTOCOL = '/portalgun/kad/1.0.0';

/** Multicodec of SHA-256. */
const SHA_256 = 0x12;

/** Where a feed is looked for: SHA-256 of the author id's text, as a CIDv1 with the raw codec. */
export function feedCid(author: AuthorId): CID {
  const digest = Uint8Array.from(createHash('sha256').update(author, 'utf8').digest());
  return CID.createV1(raw.code, createMultihash(SHA_256, digest));
}

/** The service for `createLibp2p`. */
export function dhtService() {
  return kadDHT({
    protocol: DHT_PROTOCOL,
    // Server from the start: left alone it waits for a public address, which a node on a LAN never has.
    clientMode: false,
    // The default drops private addresses, and with them every peer on a LAN.
    peerInfoMapper: passthroughMapper,
    allowQueryWithZeroPeers: true,
  });
}

export interface Discovery {
  /** Puts feeds into the DHT that are not there yet, or were put there when it was smaller. */
  provide(authors: readonly AuthorId[], signal: AbortSignal): Promise<void>;
  /** Other nodes that say they carry a feed, each once. */
  find(author: AuthorId, signal: AbortSignal): AsyncGenerator<PeerInfo>;
}

export function createDiscovery(node: Libp2p, dht: KadDHT, now: () => number, onTrouble: OnTrouble): Discovery {
  /** Author to when, and among how many nodes, the feed was provided. */
  const provided = new Map<AuthorId, { at: number; nodes: number }>();
  return {
    async provide(authors, signal) {
      const wanted = new Set(authors);
      for (const author of provided.keys()) {
        if (wanted.has(author)) continue;
        provided.delete(author);
        await dht.cancelReprovide(feedCid(author), { signal });
      }
      for (const author of wanted) {
        const nodes = node.getPeers().length;
        const before = provided.get(author);
        // The DHT puts it among the k closest nodes, and until there are k of them, a new one may be among them. Providing
        // makes new connections in its turn: done again for each, it would keep a growing network busy with itself.
        const settled = before !== undefined && (nodes < 2 * before.nodes || before.nodes >= dht.k);
        if (nodes === 0 || (settled && now() - before.at < PROVIDE_AGAIN_MS)) continue;
        try {
          // Without a node that took it, the feed counts as not provided, and is tried again.
          if ((await provideOnce(dht, author, bounded(signal))) > 0) provided.set(author, { at: now(), nodes });
        } catch (error) {
          if (signal.aborted) return;
          onTrouble(`providing the feed of ${author}`, 'the DHT', asError(error));
        }
      }
    },
    async *find(author, signal) {
      const seen = new Set<string>([node.peerId.toString()]);
      for await (const provider of node.contentRouting.findProviders(feedCid(author), { signal: bounded(signal) })) {
        const key = provider.id.toString();
        if (seen.has(key)) continue;
        seen.add(key);
        yield provider;
        if (seen.size > FIND_MAX_PROVIDERS) return;
      }
    },
  };
}

/** @returns how many nodes took it */
async function provideOnce(dht: KadDHT, author: AuthorId, signal: AbortSignal): Promise<number> {
  let taken = 0;
  for await (const event of dht.provide(feedCid(author), { signal })) {
    if (event.name === 'PEER_RESPONSE' && event.messageName === 'ADD_PROVIDER') taken += 1;
  }
  return taken;
}

function bounded(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(DHT_QUERY_TIMEOUT_MS)]);
}
