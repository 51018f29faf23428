/** The running node: a participant on libp2p. What it does is decided there; here it is done. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { PeerId } from '@libp2p/interface';
import { UnsupportedProtocolError } from '@libp2p/interface';
import type { Digest } from '../../crypto/digest.ts';
import { publicKeyOf } from '../../crypto/ed25519.ts';
import { InterruptedError, UnavailableError } from '../../errors.ts';
import { authorIdOf, isAuthorId } from '../record/identity.ts';
import type { AuthorId, VerifiedRecord } from '../record/types.ts';
import { createGate } from './answering.ts';
import { requireBlobType } from './blob.ts';
import { converse } from './converse.ts';
import type { DialTarget } from './dialling.ts';
import { createDiscovery } from './discovery.ts';
import { startGossip } from './gossip.ts';
import { createNode } from './libp2p-node.ts';
import { MAX_CONNECTIONS_PER_PEER, TIMING } from './limits.ts';
import { Participant } from './participant.ts';
import { createAcquaintance } from './peer-identity.ts';
import { asError } from './protocol.ts';
import type { Asker, OnTrouble } from './protocol.ts';
import { createRecentRefusals } from './recent-refusals.ts';
import { createReach, parseAddress, parseListenAddress, peerIdIn, unreachable } from './reach.ts';
import { serve } from './serve.ts';
import { curesSymptom } from './symptom.ts';
import { PUBLIC_SCOPE } from './sync-logic.ts';
import { SYNC_PROTOCOL } from './sync-messages.ts';
import { createSyncs } from './syncs.ts';
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
  const self = options.author ?? authorIdOf(publicKeyOf(options.seed));
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
  const acquaintance = createAcquaintance(options.store, () => [
    ...options.followed(),
    ...trusted().map(({ author }) => author),
  ]);
  const isTrusted = (peerId: string): boolean => {
    const author = acquaintance.authorOf(peerId);
    return author !== null && trusted().some((peer) => peer.author === author);
  };
  const isFriend = (peerId: string): boolean => {
    const author = acquaintance.authorOf(peerId);
    return author !== null && (options.follows(author) || trusted().some((peer) => peer.author === author));
  };
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

  const reach = createReach(node, {
    trusted,
    acquaintance,
    proves: async (peer, by) => syncPeer(peer, by),
    stopping: signal,
  });
  /** Records admitted since the start, by whatever way they came. */
  let admitted = 0;
  const refusals = createRecentRefusals(now);
  const participant = new Participant({
    self,
    seed: options.seed,
    network: options.network,
    store: options.store,
    isBootstrap,
    carries,
    carried,
    isFriend: (peerId) => isFriend(peerId),
    mayAsk,
    maySee: async ({ author }, digest) =>
      options.maySee === undefined || (author !== null && (await options.maySee(author, digest))),
    blobTypes: options.blobTypes,
    answerChallenge: options.answerChallenge,
    timing,
    now,
    random: Math.random,
    nonce: Uint8Array.from(randomBytes(8)),
    targets: (): DialTarget[] => [
      ...trusted().map(({ author, addresses }) => ({ key: author, addresses })),
      ...(options.bootstrap ?? []).map((address) => ({ key: address, addresses: [address] })),
    ],
    isConnected: ({ key }) =>
      isAuthorId(key)
        ? reach.isConnected(acquaintance.peerOf(key).toString())
        : reach.isConnected(peerIdIn(key) ?? key),
    onAgenda: () => schedule(),
    onOwnHeadElsewhere: (head, from) => options.onOwnHeadElsewhere?.(head, from),
    onTrouble,
    onAdmission(admission, from) {
      if (admission.result === 'admitted') admitted += 1;
      if (admission.result === 'refused') refusals.add(admission, from);
      options.onAdmission?.(admission, from);
    },
  });
  const { agenda } = participant;
  const ask = <Result>(peer: PeerId, conversation: Parameters<typeof converse<Result>>[2], by: AbortSignal = signal) =>
    converse(node, peer, conversation, by);

  const peersByKey = new Map<string, PeerId>();
  const syncs = createSyncs(async (key) => {
    const peer = peersByKey.get(key);
    if (peer === undefined) return;
    try {
      await ask(peer, participant.syncWith(key));
    } catch (error) {
      // A bootstrap node, or some other libp2p node: connected, with nothing to tell.
      if (!(error instanceof UnsupportedProtocolError)) throw error;
      agenda.disconnected(key);
    }
  });
  /** A sync that begins after this; who asks meanwhile shares it, so only the node's own stop ends it. */
  const syncPeer = (peer: PeerId, by: AbortSignal = signal): Promise<void> => {
    const key = peer.toString();
    peersByKey.set(key, peer);
    agenda.connected(key);
    agenda.demand(key);
    const next = syncs.next(key);
    schedule();
    return unlessAborted(by, next);
  };

  const dial = async ({ key, addresses }: DialTarget): Promise<void> => {
    try {
      await (isAuthorId(key)
        ? reach.dialAuthor(key, addresses, signal)
        : reach.dial(addresses.map(parseAddress), signal));
    } catch (error) {
      onTrouble('dialling', key, asError(error));
    } finally {
      agenda.dialEnded(key);
    }
  };
  const runSync = async (key: string): Promise<void> => {
    try {
      await syncs.run(key);
      participant.syncEnded(key);
      options.onSynced?.(acquaintance.authorOf(key));
    } catch (error) {
      onTrouble('sync', key, asError(error));
      participant.syncEnded(key, asError(error));
    }
  };

  /** Does what is due, and wakes up when something else will be. */
  let timer: NodeJS.Timeout | undefined;
  let scheduled = false;
  let started = false;
  const pump = (): void => {
    scheduled = false;
    clearTimeout(timer);
    if (signal.aborted || !started) return;
    for (const task of agenda.due()) void (task.do === 'sync' ? runSync(task.peer) : dial(task.target));
    timer = setTimeout(pump, Math.max(0, agenda.wakeAt() - now()));
  };
  const schedule = (): void => {
    if (scheduled) return;
    scheduled = true;
    queueMicrotask(pump);
  };

  const gossip = startGossip(node.services.pubsub, participant.judgeGossip);
  const gate = createGate();
  for (const [protocol, answering] of participant.answering) {
    await serve(
      { node, signal, onTrouble, gate, authorOf: (peer) => acquaintance.authorOf(peer) },
      protocol,
      answering,
    );
  }
  if (!isBootstrap) {
    await node.register(SYNC_PROTOCOL, {
      onConnect(peer) {
        peersByKey.set(peer.toString(), peer);
        agenda.connected(peer.toString());
        schedule();
      },
    });
  }
  node.addEventListener('peer:disconnect', ({ detail }) => {
    const key = detail.toString();
    peersByKey.delete(key);
    agenda.disconnected(key);
    syncs.forget(key, new UnavailableError('exchange/unreachable', `${key} has gone`));
  });
  node.addEventListener('connection:open', ({ detail: { remotePeer } }) => {
    for (const extra of node.getConnections(remotePeer).slice(MAX_CONNECTIONS_PER_PEER)) {
      extra.abort(new UnavailableError('exchange/too-many-connections', 'one peer has too many connections'));
    }
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
      trusted().map(({ author }) => acquaintance.peerOf(author)),
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
    if (detail.subscriptions.some(({ subscribe }) => subscribe)) participant.want(detail.peerId.toString());
  });

  const refreshTimer = setInterval(() => {
    refresh();
    settle();
  }, timing.syncIntervalMs);
  refresh();
  await participant.renewHead();
  started = true;
  schedule();

  let stopped: Promise<void> | undefined;
  return {
    peerId: node.peerId.toString(),
    addresses: () => node.getMultiaddrs().map(String),
    refusals: () => refusals.list(),
    activity: () => ({ ...participant.activity }),
    peers: () =>
      node.getConnections().map(({ remotePeer, remoteAddr }) => ({
        peerId: remotePeer.toString(),
        author: acquaintance.authorOf(remotePeer.toString()),
        address: remoteAddr.toString(),
      })),
    async connect(address, by = signal) {
      const target = parseAddress(address);
      refresh();
      try {
        // A node that turns us away lets the dial succeed first: only an answer shows that we are in.
        const peer = await reach.dial([target], by);
        peersByKey.set(peer.toString(), peer);
        if (isBootstrap) await node.services.dht.refreshRoutingTable({ signal: by });
        else await syncPeer(peer, by);
      } catch (cause) {
        if (by.aborted) throw new InterruptedError(`connecting to ${address} was interrupted`, { cause });
        throw unreachable(address, cause);
      }
    },
    async announce(record) {
      refresh();
      await participant.renewHead();
      const told = new Set((await gossip.publish(record)).map((peer) => peer.toString()));
      // Who was not told sees by our question that we have more.
      for (const key of agenda.peers) if (!told.has(key)) participant.want(key);
      settle();
    },
    async sync(by = signal) {
      refresh();
      const before = admitted;
      await Promise.all(
        agenda.peers.map(async (key) => {
          const peer = peersByKey.get(key);
          if (peer === undefined) return;
          try {
            await syncPeer(peer, by);
          } catch (error) {
            // What went wrong has been told already, to whoever runs the node.
            if (by.aborted) throw new InterruptedError('the sync was interrupted', { cause: error });
          }
        }),
      );
      return admitted - before;
    },
    async confirmOwnHead(by) {
      const both = AbortSignal.any([signal, by]);
      const agrees = async (peer: PeerId): Promise<boolean> => {
        const held = await ask(peer, participant.askOwnHead(peer.toString()), both);
        return held.id === null || (await options.store.idAt(self, PUBLIC_SCOPE, held)) === held.id;
      };
      for (const { author } of trusted()) {
        const peer = acquaintance.peerOf(author);
        if (!reach.isConnected(peer.toString())) continue;
        try {
          if (await agrees(peer)) return author;
          await syncPeer(peer, both);
          if (await agrees(peer)) return author;
        } catch (error) {
          if (by.aborted) throw new InterruptedError('asking for the own head was interrupted', { cause: error });
          onTrouble('asking for the own head', peer.toString(), asError(error));
        }
      }
      return null;
    },
    async askSymptom(symptom, by) {
      const found = new Map<Digest, VerifiedRecord>();
      const askPeer = async (author: AuthorId): Promise<void> => {
        const peer = await reach.connectedTo(author, by);
        const question = participant.askSymptom(peer.toString(), symptom);
        const places = await ask(peer, question, AbortSignal.any([signal, by]));
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
      requireBlobType(options.blobTypes, type);
      const peer = await reach.connectedTo(author, by);
      return ask(peer, participant.askBlob(peer.toString(), type, digest), AbortSignal.any([signal, by]));
    },
    async compareList(author, type, digest, own, by) {
      requireBlobType(options.blobTypes, type);
      const peer = await reach.connectedTo(author, by);
      return ask(peer, participant.compareList(peer.toString(), type, digest, own), AbortSignal.any([signal, by]));
    },
    async challenge(author, challenge, by) {
      const peer = await reach.connectedTo(author, by);
      const until = AbortSignal.any([signal, by]);
      const rest = async (ms: number): Promise<void> => {
        await sleep(ms, undefined, { signal: until }).catch((cause: unknown) => {
          throw new InterruptedError('a challenge was interrupted', { cause });
        });
      };
      return ask(peer, participant.challenge(peer.toString(), challenge, rest), until);
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
        clearInterval(refreshTimer);
        clearTimeout(timer);
        clearTimeout(settling);
        await node.stop();
        await syncs.idle();
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
