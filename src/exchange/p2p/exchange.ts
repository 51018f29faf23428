/** The running node: a participant on libp2p. What it does is decided there; here its parts are put together. */
import { randomBytes } from 'node:crypto';
import { publicKeyOf } from '../../crypto/ed25519.ts';
import { InterruptedError, UnavailableError } from '../../errors.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import { authorIdOf, isAuthorId } from '../record/identity.ts';
import type { AuthorId } from '../record/types.ts';
import { createGate } from './answering.ts';
import type { AnswerChallenge } from './protocols/challenge.ts';
import { keepRoom, ROOM_FOR_ALL } from './libp2p/crowd.ts';
import type { DialTarget } from './dialling.ts';
import { createDiscovery } from './libp2p/discovery.ts';
import { createDriver } from './libp2p/driver.ts';
import type { Driver } from './libp2p/driver.ts';
import { startGossip } from './libp2p/gossip.ts';
import { createNode } from './libp2p/node.ts';
import type { Node } from './libp2p/node.ts';
import { TIMING } from './limits.ts';
import { Participant } from './participant.ts';
import type { OnTrouble } from './protocol.ts';
import { createPlaces } from './libp2p/places.ts';
import { createShortcuts } from './libp2p/shortcuts.ts';
import { createQuestions } from './questions.ts';
import { createRecentRefusals } from './recent-refusals.ts';
import { createReach, parseAddress, parseListenAddress, peerIdIn, unreachable } from './libp2p/reach.ts';
import { serve } from './libp2p/serve.ts';
import type { RelayClient } from './libp2p/relay.ts';
import { createStanding } from './standing.ts';
import { SYNC_PROTOCOL } from './sync/messages.ts';
import type { Exchange, ExchangeOptions, ExchangeTiming } from './types.ts';
import { createUpkeep } from './upkeep.ts';

/**
 * Starts a node. Rejects with `exchange/cannot-listen`; with `exchange/bad-address` where a listen or bootstrap address
 * is none, before anything is started. What was started by then is stopped.
 *
 * Feeds are carried, peers trusted and questions answered as the options' functions say at each moment, so that a
 * policy that was reloaded holds at once.
 */
export async function createExchange(options: ExchangeOptions): Promise<Exchange> {
  for (const address of options.listen) parseListenAddress(address);
  for (const address of [...(options.bootstrap ?? []), ...(options.announce ?? [])]) parseAddress(address);
  const self = options.author ?? authorIdOf(publicKeyOf(options.seed));
  const standing = createStanding(options, self);
  const made = await createNode(
    {
      seed: options.seed,
      listen: options.listen,
      announce: options.announce ?? [],
      mdns: options.mdns ?? false,
      isBootstrap: options.role === 'bootstrap',
      now: options.now ?? Date.now,
    },
    standing,
  ).catch((cause: unknown) => {
    throw new UnavailableError('exchange/cannot-listen', `cannot listen on ${options.listen.join(', ')}`, {
      hint: 'Does another program listen there, or is the address not one of this machine? `listen:` in config.yaml says where.',
      facts: { listen: options.listen },
      cause,
    });
  });
  const stopping = new AbortController();
  try {
    return await startOn(made, stopping, { ...options, self, standing });
  } catch (error) {
    // It listens already: nobody else could, and nobody would stop it.
    stopping.abort(new InterruptedError('the node did not start'));
    await made.node.stop();
    throw error;
  }
}

async function startOn(
  { node, relays }: { readonly node: Node; readonly relays: RelayClient },
  stopping: AbortController,
  options: ExchangeOptions & { readonly self: AuthorId; readonly standing: ReturnType<typeof createStanding> },
): Promise<Exchange> {
  const { self, standing, store } = options;
  const { acquaintance, carries, carried, trusted, isFriend, mayAsk } = standing;
  const { signal } = stopping;
  const now = options.now ?? Date.now;
  const timing: ExchangeTiming = { ...TIMING, ...options.timing };
  const isBootstrap = options.role === 'bootstrap';
  const onTrouble: OnTrouble = (what, peer, error) => {
    if (!signal.aborted) options.onTrouble?.(what, peer, error);
  };
  const discovery = createDiscovery(node, node.services.dht, now, onTrouble);
  const reach = createReach(node, {
    trusted,
    acquaintance,
    proves: async (peer, by) => driver.sync(peer, by),
    stopping: signal,
  });
  const challenges = underWay(options.answerChallenge, signal);
  /** Records admitted since the start, by whatever way they came. */
  let admitted = 0;
  const refusals = createRecentRefusals(now, (peer) => !isFriend(peer));
  const participant = new Participant({
    self,
    seed: options.seed,
    network: options.network,
    store,
    isBootstrap,
    carries,
    carried,
    isFriend,
    groups: {
      list: options.groups ?? (() => []),
      authorOf: (peer) => acquaintance.authorOf(peer),
    },
    mayAsk,
    maySee: async ({ author }, digest) =>
      options.maySee === undefined || (author !== null && (await options.maySee(author, digest))),
    blobTypes: options.blobTypes,
    answerChallenge: challenges.answer,
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
    onAgenda: () => driver.schedule(),
    onOwnHeadElsewhere: (head, from) => options.onOwnHeadElsewhere?.(head, from),
    onTrouble,
    onAdmission(admission, from) {
      if (admission.result === 'admitted') admitted += 1;
      if (admission.result === 'refused') refusals.add(admission, from);
      options.onAdmission?.(admission, from);
    },
  });
  const driver: Driver = createDriver({
    node,
    participant,
    reach,
    authorOf: (peerId) => acquaintance.authorOf(peerId),
    isFriend,
    strangerWaitMs: timing.strangerWaitMs,
    onSynced: (author) => options.onSynced?.(author),
    onTrouble,
    now,
    stopping: signal,
  });
  await participant.renewHead();
  const gossip = startGossip(node.services.pubsub, participant.judgeGossip);
  const places = createPlaces({
    node,
    relays,
    bootstrap: isBootstrap || options.relay === false ? [] : (options.bootstrap ?? []),
    onTrouble,
  });
  const shortcuts = createShortcuts({ node, isFriend, onTrouble, stopping: signal });
  const upkeep = createUpkeep({
    store,
    standing,
    gossip,
    discovery,
    places,
    shortcuts,
    timing,
    onTrouble,
    stopping: signal,
  });
  node.addEventListener('peer:disconnect', ({ detail }) => driver.left(detail));
  keepRoom(node, isFriend, isBootstrap ? ROOM_FOR_ALL : undefined);
  node.addEventListener('peer:identify', ({ detail }) => {
    upkeep.settle();
    places.met(detail.peerId, detail.protocols);
    shortcuts.met(detail.peerId);
  });
  // Who can be dialled through a relay alone is no place for others to ask: each question would take a circuit.
  node.addEventListener('self:peer:update', () => {
    const mode = relays.reachability() === 'relayed' ? 'client' : 'server';
    upkeep.inBackground('the DHT', () => node.services.dht.setMode(mode));
  });
  node.addEventListener('peer:discovery', ({ detail }) => {
    upkeep.inBackground('dialling a node on this network', () => reach.dial(detail.multiaddrs, signal));
  });
  // Gossip that came before this peer had subscribed was not for it: asking it makes it see what it lacks.
  node.services.pubsub.addEventListener('subscription-change', ({ detail }) => {
    if (detail.subscriptions.some(({ subscribe }) => subscribe)) participant.want(detail.peerId.toString());
  });
  const gate = createGate(isFriend);
  for (const [protocol, answering] of participant.answering) {
    await serve(
      { node, signal, onTrouble, gate, authorOf: (peer) => acquaintance.authorOf(peer) },
      protocol,
      answering,
    );
  }
  if (!isBootstrap) {
    await node.register(SYNC_PROTOCOL, { notifyOnLimitedConnection: true, onConnect: (peer) => driver.met(peer) });
  }
  upkeep.refresh();
  driver.start();

  let stopped: Promise<void> | undefined;
  return {
    peerId: node.peerId.toString(),
    addresses: () => node.getMultiaddrs().map(String),
    reachability: () => relays.reachability(),
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
      upkeep.refresh();
      try {
        // A node that turns us away lets the dial succeed first: only an answer shows that we are in.
        const peer = await reach.dial([target], by);
        if (isBootstrap) await node.services.dht.refreshRoutingTable({ signal: by });
        else await driver.sync(peer, by);
      } catch (cause) {
        if (by.aborted) throw new InterruptedError(`connecting to ${address} was interrupted`, { cause });
        throw unreachable(address, cause);
      }
    },
    async announce(record) {
      const { scope } = record.link;
      if (scope !== PUBLIC_SCOPE) {
        const members = participant.membersOf(scope); // nobody, where the group has left the policy meanwhile
        // Only they are told, and only by a question of which they see that there is more.
        for (const key of participant.agenda.peers) {
          const author = acquaintance.authorOf(key);
          if (author !== null && members.includes(author)) participant.want(key);
        }
        return;
      }
      upkeep.refresh();
      const told = new Set((await gossip.publish(record)).map((peer) => peer.toString()));
      await participant.renewHead();
      // Who was not told sees by our question that we have more.
      for (const key of participant.agenda.peers) if (!told.has(key)) participant.want(key);
      upkeep.settle();
    },
    async sync(by = signal) {
      upkeep.refresh();
      const before = admitted;
      await driver.syncAll(by);
      if (by.aborted) throw new InterruptedError('the sync was interrupted');
      return admitted - before;
    },
    async confirmGroup(scope, by) {
      const others = participant.membersOf(scope).filter((author) => author !== self);
      const answers = await Promise.allSettled(
        others.map(async (author) => {
          const peer = acquaintance.peerOf(author);
          if (!reach.isConnected(peer.toString())) throw unreachable(author, undefined);
          for (const question of participant.groupSyncsWith(peer.toString(), scope))
            await driver.ask(peer, question, by);
        }),
      );
      return answers.some(({ status }) => status === 'fulfilled');
    },
    ...createQuestions({
      self,
      store,
      blobTypes: options.blobTypes,
      standing,
      reach,
      participant,
      driver,
      discovery,
      ownHeadWaitMs: timing.ownHeadWaitMs,
      onTrouble,
      stopping: signal,
    }),
    stop() {
      stopped ??= (async () => {
        stopping.abort(new InterruptedError('the node stops'));
        await node.stop();
        await driver.stop();
        await challenges.ended();
      })();
      return stopped;
    },
  };
}

/** Challenges that are worked on, which takes minutes: the node's stop ends them, and waits until they have. */
function underWay(answer: ExchangeOptions['answerChallenge'], stopping: AbortSignal) {
  const works = new Set<Promise<unknown>>();
  const watched: AnswerChallenge | undefined =
    answer &&
    ((challenge, asker) => {
      const work = answer(challenge, asker, stopping);
      const ended = work.then(
        () => undefined,
        () => undefined, // whoever asked is told
      );
      works.add(ended);
      void ended.then(() => works.delete(ended));
      return work;
    });
  return {
    answer: watched,
    async ended() {
      await Promise.all(works);
    },
  };
}
