/** The running node: starts the parts, tells them of one another, and stops them. */
import type { PeerId } from '@libp2p/interface';
import { UnsupportedProtocolError } from '@libp2p/interface';
import type { Digest } from '../../crypto/digest.ts';
import { publicKeyOf } from '../../crypto/ed25519.ts';
import { InterruptedError, UnavailableError } from '../../errors.ts';
import { authorIdOf } from '../record/identity.ts';
import type { AuthorId, VerifiedRecord } from '../record/types.ts';
import { blobProtocol, fetchBlobFrom, requireBlobType } from './blob.ts';
import { createDiscovery } from './discovery.ts';
import { startGossip } from './gossip.ts';
import { createNode } from './libp2p-node.ts';
import { TIMING } from './limits.ts';
import { renewOwnHead } from './own-head.ts';
import { authorOf, peerIdOf, peerOf } from './peer-identity.ts';
import { asError, serve } from './protocol.ts';
import type { Asker, OnTrouble } from './protocol.ts';
import { createReach, parseAddress, parseListenAddress, peerIdIn, unreachable } from './reach.ts';
import { createRedial } from './redial.ts';
import type { DialTarget } from './redial.ts';
import { askForSymptom, curesSymptom, symptomProtocol } from './symptom.ts';
import { SYNC_PROTOCOL, syncProtocol, syncWith } from './sync-wire.ts';
import type { SyncContext } from './sync-wire.ts';
import { createTurns } from './turns.ts';
import type { Exchange, ExchangeOptions, ExchangeTiming } from './types.ts';

/**
 * Starts a node. Rejects with `exchange/cannot-listen`; with `exchange/bad-address` where a listen or bootstrap address
 * is none, before anything is started.
 *
 * Feeds are carried, peers trusted and questions answered as the options' functions say at each moment, so that a
 * policy that was reloaded holds at once.
 */
export async function createExchange(options: ExchangeOptions): Promise<Exchange> {
  for (const address of options.listen) parseListenAddress(address);
  for (const address of options.bootstrap ?? []) parseAddress(address);
  const self = authorIdOf(publicKeyOf(options.seed));
  const now = options.now ?? Date.now;
  const timing: ExchangeTiming = { ...TIMING, ...options.timing };
  const stopping = new AbortController();
  const { signal } = stopping;
  const onTrouble: OnTrouble = (what, peer, error) => {
    if (!signal.aborted) options.onTrouble?.(what, peer, error);
  };
  const isBootstrap = options.role === 'bootstrap';
  const carries = (author: AuthorId): boolean => !isBootstrap && (author === self || options.follows(author));
  const carried = (): AuthorId[] => (isBootstrap ? [] : [...new Set([self, ...options.followed()])].filter(carries));
  const trusted = () => options.trusted().filter(({ author }) => author !== self);
  const isTrusted = (peerId: string): boolean => trusted().some(({ author }) => peerIdOf(author) === peerId);
  const mayAsk = ({ author }: Asker): boolean => {
    if (author === null) return false;
    if (options.mayAsk !== undefined) return options.mayAsk(author);
    return options.follows(author) || trusted().some((peer) => peer.author === author);
  };

  const node = await createNode(
    { seed: options.seed, listen: options.listen, mdns: options.mdns ?? false },
    { carries, isTrusted },
  ).catch((cause: unknown) => {
    throw new UnavailableError('exchange/cannot-listen', `cannot listen on ${options.listen.join(', ')}`, {
      hint: 'Is another node running here, or the address not one of this machine?',
      facts: { listen: options.listen },
      cause,
    });
  });
  const discovery = createDiscovery(node, node.services.dht, now, onTrouble);

  /** Records admitted since the start, by whatever way they came. */
  let admitted = 0;
  const context: SyncContext = {
    network: options.network,
    store: options.store,
    carries,
    carried,
    now,
    onTrouble,
    onAdmission(admission, from) {
      if (admission.result === 'admitted') admitted += 1;
      options.onAdmission?.(admission, from);
    },
  };
  const renewHead = (): Promise<void> =>
    isBootstrap ? Promise.resolve() : renewOwnHead({ seed: options.seed, self, ...context });

  /** One sync with a peer at a time; who asks meanwhile shares the next one, so only the node's own stop ends it. */
  const turns = createTurns();
  const syncPeer = (peer: PeerId, by: AbortSignal = signal): Promise<number> =>
    unlessAborted(
      by,
      turns(peer.toString(), async () => {
        await renewHead();
        try {
          return await syncWith(node, peer, context, signal);
        } catch (error) {
          // A bootstrap node, or some other libp2p node: connected, with nothing to tell.
          if (error instanceof UnsupportedProtocolError) return 0;
          throw error;
        }
      }),
    );
  const syncInBackground = (peer: PeerId): void => {
    if (signal.aborted || peer.equals(node.peerId)) return;
    syncPeer(peer).catch((error: unknown) => onTrouble('sync', peer.toString(), asError(error)));
  };

  const gossip = startGossip(node.services.pubsub, {
    ...context,
    isTrusted,
    onGap: syncInBackground,
  });

  const syncable = new Map<string, PeerId>();
  const serving = { node, signal, now, onTrouble };
  if (!isBootstrap) {
    await serve(serving, syncProtocol(context, { renewHead, onBehind: syncInBackground }));
    await serve(serving, symptomProtocol({ ...context, mayAsk }));
    await serve(serving, blobProtocol({ ...context, types: options.blobTypes, mayAsk }));
    await node.register(SYNC_PROTOCOL, {
      onConnect(peer) {
        syncable.set(peer.toString(), peer);
        syncInBackground(peer);
      },
      onDisconnect(peer) {
        syncable.delete(peer.toString());
      },
    });
  }

  const reach = createReach(node, trusted, signal);
  const targets = (): DialTarget[] => [
    ...trusted().map(({ author, addresses }) => ({ key: peerIdOf(author), addresses })),
    ...(options.bootstrap ?? []).map((address) => ({ key: address, addresses: [address] })),
  ];
  const redial = createRedial({
    targets,
    isConnected: ({ key }) => reach.isConnected(peerIdIn(key) ?? key),
    dial: async ({ key, addresses }) => {
      await reach.dial(addresses.map(parseAddress), signal, key.startsWith('/') ? undefined : key);
    },
    onFailure: ({ key }, error) => onTrouble('dialling', key, asError(error)),
    backoff: timing,
    now,
    random: Math.random,
  });

  /** Feeds that this node can give. */
  const provideFeeds = async (): Promise<void> => {
    const heads = await options.store.heads();
    const held = new Set(heads.map(({ author }) => author));
    await discovery.provide(
      carried().filter((author) => held.has(author)),
      signal,
    );
  };
  const refresh = (): void =>
    gossip.refresh(
      carried(),
      trusted().map(({ author }) => peerOf(author)),
    );
  const inBackground = (what: string, work: () => Promise<unknown>): void => {
    if (signal.aborted) return;
    work().catch((error: unknown) => onTrouble(what, 'this node', asError(error)));
  };

  // Many peers come at once: what follows from it is done once, a moment later.
  let settling: NodeJS.Timeout | undefined;
  const settle = (): void => {
    if (signal.aborted) return;
    settling ??= setTimeout(() => {
      settling = undefined;
      inBackground('providing feeds', provideFeeds);
    }, timing.settleMs);
  };
  node.addEventListener('peer:identify', settle);
  node.addEventListener('peer:discovery', ({ detail }) => {
    inBackground('dialling a node on this network', () => reach.dial(detail.multiaddrs, signal));
  });
  // Gossip that came before this peer had subscribed was not for it: asking it makes it see what it lacks.
  node.services.pubsub.addEventListener('subscription-change', ({ detail }) => {
    if (detail.subscriptions.some(({ subscribe }) => subscribe) && syncable.has(detail.peerId.toString())) {
      syncInBackground(detail.peerId);
    }
  });

  const redialTimer = setInterval(() => inBackground('dialling', redial), timing.redialBaseMs);
  const syncTimer = setInterval(() => {
    refresh();
    settle();
    for (const peer of syncable.values()) syncInBackground(peer);
  }, timing.syncIntervalMs);
  refresh();
  await renewHead();
  inBackground('dialling', redial);

  let stopped: Promise<void> | undefined;
  return {
    peerId: node.peerId.toString(),
    addresses: () => node.getMultiaddrs().map(String),
    peers: () =>
      node.getConnections().map(({ remotePeer, remoteAddr }) => ({
        peerId: remotePeer.toString(),
        author: authorOf(remotePeer),
        address: remoteAddr.toString(),
      })),
    async connect(address, by = signal) {
      const target = parseAddress(address);
      refresh();
      try {
        // A node that turns us away lets the dial succeed first: only an answer shows that we are in.
        const peer = await reach.dial([target], by);
        if (isBootstrap) await node.services.dht.refreshRoutingTable({ signal: by });
        else await syncPeer(peer, by);
      } catch (cause) {
        if (by.aborted) throw new InterruptedError(`connecting to ${address} was interrupted`, { cause });
        throw unreachable(address, cause);
      }
    },
    async announce(record) {
      refresh();
      await renewHead();
      const told = new Set((await gossip.publish(record)).map((peer) => peer.toString()));
      // Who was not told sees by our question that we have more.
      for (const [key, peer] of syncable) if (!told.has(key)) syncInBackground(peer);
      settle();
    },
    async sync(by = signal) {
      refresh();
      const before = admitted;
      await Promise.all(
        [...syncable.values()].map(async (peer) => {
          try {
            await syncPeer(peer, by);
          } catch (error) {
            if (by.aborted) throw new InterruptedError('the sync was interrupted', { cause: error });
            onTrouble('sync', peer.toString(), asError(error));
          }
        }),
      );
      return admitted - before;
    },
    async askSymptom(symptom, by) {
      const found = new Map<Digest, VerifiedRecord>();
      const askPeer = async (author: AuthorId): Promise<void> => {
        const peer = await reach.connectedTo(author, by);
        const places = await askForSymptom(node, peer, options.network, symptom, AbortSignal.any([signal, by]));
        const wanted = places.filter((place) => carries(place.author));
        if (wanted.length === 0) return;
        const missing = await Promise.all(wanted.map(async ({ id }) => (await options.store.get(id)) === undefined));
        if (missing.includes(true)) await syncPeer(peer, by);
        for (const { id } of wanted) {
          const record = await options.store.get(id);
          if (record !== undefined && curesSymptom(record, symptom)) found.set(id, record);
        }
      };
      await Promise.all(
        trusted().map(({ author }) =>
          askPeer(author).catch((error: unknown) => onTrouble('asking for a symptom', author, asError(error))),
        ),
      );
      return [...found.values()];
    },
    async fetchBlob(author, type, digest, by) {
      const wanted = { network: options.network, type, digest };
      requireBlobType(options.blobTypes, type);
      const peer = await reach.connectedTo(author, by);
      return fetchBlobFrom(node, peer, wanted, options.blobTypes, AbortSignal.any([signal, by]));
    },
    async findFeed(author, by) {
      let found = 0;
      try {
        for await (const { id, multiaddrs } of discovery.find(author, AbortSignal.any([signal, by]))) {
          try {
            if (!reach.isConnected(id.toString())) await reach.dial(multiaddrs, by, id.toString());
            await syncPeer(id, by);
            found += 1;
          } catch (error) {
            onTrouble(`looking for the feed of ${author}`, id.toString(), asError(error));
          }
        }
      } catch (cause) {
        if (by.aborted) throw new InterruptedError('the search for a feed was interrupted', { cause });
        onTrouble(`looking for the feed of ${author}`, 'the DHT', asError(cause));
      }
      return found;
    },
    stop() {
      stopped ??= (async () => {
        stopping.abort(new InterruptedError('the node stops'));
        clearInterval(redialTimer);
        clearInterval(syncTimer);
        clearTimeout(settling);
        await node.stop();
        await turns.idle();
      })();
      return stopped;
    },
  };
}

/** Stops waiting, not the work. */
async function unlessAborted<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = (): void => aborted.reject(asError(signal.reason));
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}
