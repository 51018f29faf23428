/**
 * A network that is not there: connections with latency, loss, bandwidth and partitions, one event after another in the
 * order of a clock that is not there either. One seed gives the same run again, to the byte.
 *
 * Gossip is a model of gossipsub's: a message goes to peers who carry its topic, is seen once, judged by the real
 * validator, and passed on to six where that accepts it.
 */
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { createHash } from 'node:crypto';
import type { Digest } from '../../src/crypto/digest.ts';
import { asError, UnavailableError } from '../../src/errors.ts';
import type { Task } from '../../src/exchange/p2p/agenda.ts';
import type { Conversation } from '../../src/exchange/p2p/conversation.ts';
import { IDLE_TIMEOUT_MS } from '../../src/exchange/p2p/limits.ts';
import type { AgendaTiming } from '../../src/exchange/p2p/types.ts';
import { keyDraft } from '../../src/exchange/record/index.ts';
import type { Admission, AuthorId, Draft, VerifiedRecord } from '../../src/exchange/record/index.ts';
import type { Disk } from './disk.ts';
import { SimNode } from './node.ts';
import type { SimNodeOptions } from './node.ts';
import { Queue } from './queue.ts';
import { createRandom } from './random.ts';
import type { Random } from './random.ts';
import { createMemo } from './shared.ts';
import type { Memo } from './shared.ts';

/** Of gossipsub: peers that a message is passed on to, and how long a message id is remembered. */
const MESH_DEGREE = 6;
const SEEN_TTL_MS = 120_000;
/** Until a connection on which nothing comes through is given up (measured with real ones: 15 to 20 s). */
const DEAD_AFTER_MS = 15_000;
/** What carries a message: noise, yamux and a length. */
const OVERHEAD_BYTES = 32;

export interface WorldOptions {
  readonly seed: number;
  readonly timing: AgendaTiming;
  readonly latencyMs: readonly [number, number];
  /** Of messages; a lost one of a stream breaks the stream. */
  readonly loss: number;
  readonly memo?: Memo;
}

interface Connection {
  readonly nodes: readonly [SimNode, SimNode];
  readonly lives: readonly [number, number];
  readonly latencyMs: number;
  isOpen: boolean;
  /** Streams that end with it. */
  readonly streams: Set<(error: Error) => void>;
}

export class World {
  readonly nodes: SimNode[] = [];
  /** What each honest author has really published. */
  readonly truth = new Map<AuthorId, VerifiedRecord[]>();
  /** All that honest authors ever published, also what a recovery of theirs has left since. */
  readonly published = new Set<Digest>();
  readonly troubles = new Map<string, number>();
  readonly onAdmission: ((node: SimNode, admission: Admission) => void)[] = [];
  /** Whoever puts bytes on a topic, or passes them on. */
  readonly onGossip: ((node: SimNode, data: Uint8Array) => void)[] = [];
  events = 0;
  now = Date.UTC(2026, 10, 27);
  readonly random: Random;
  readonly memo: Memo;
  readonly #options: WorldOptions;
  readonly #queue = new Queue();
  readonly #byAuthor = new Map<AuthorId, SimNode[]>();
  readonly #connections = new Map<SimNode, Map<AuthorId, Connection>>();
  readonly #busyUntil = new Map<SimNode, number>();
  readonly #restless = new Set<SimNode>();
  #side: ((node: SimNode) => number) | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.random = createRandom(options.seed);
    this.memo = options.memo ?? createMemo();
  }

  add(options: SimNodeOptions): SimNode {
    const node: SimNode = new SimNode(options, {
      now: () => this.now,
      timing: this.#options.timing,
      memo: this.memo,
      random: this.random,
      isConnected: (one, key) => this.#connectionsOf(one).has(key as AuthorId),
      onAgenda: (one) => this.#restless.add(one),
      onAdmission: (one, admission) => this.onAdmission.forEach((told) => told(one, admission)),
      onTrouble: (one, what, error) => {
        const code = 'code' in error ? String(error.code) : error.message;
        const key = `${one.options.honest ? 'honest' : 'other'}: ${what}: ${code}`;
        this.troubles.set(key, (this.troubles.get(key) ?? 0) + 1);
      },
    });
    this.nodes.push(node);
    this.#byAuthor.set(node.author, [...(this.#byAuthor.get(node.author) ?? []), node]);
    return node;
  }

  async start(node: SimNode, disk?: Disk): Promise<void> {
    await node.start(disk);
    this.#wake(node, this.now);
  }

  async kill(node: SimNode): Promise<void> {
    await node.kill();
    for (const connection of this.#connectionsOf(node).values()) this.#close(connection);
  }

  /** Nodes on different sides hear nothing of one another. */
  partition(side: (node: SimNode) => number): void {
    this.#side = side;
    for (const connection of this.#allConnections()) {
      if (this.#isCut(connection.nodes)) {
        this.after(this.random.between(0, DEAD_AFTER_MS), () => {
          if (this.#isCut(connection.nodes)) this.#close(connection);
        });
      }
    }
  }

  heal(): void {
    this.#side = undefined;
  }

  /** Signs a record into the author's own store, and tells the network. */
  async publish(node: SimNode, draft: Draft): Promise<VerifiedRecord> {
    const record = await node.store.append(node.signer, 'public', draft);
    await this.#announce(node, record);
    return record;
  }

  /** The node goes on under the new key, as a real one does: it stops and starts again. */
  async rotate(node: SimNode, newSeed: Uint8Array): Promise<VerifiedRecord> {
    const { author, seed, signer } = node;
    const { recoveryPublicKey } = signer;
    const change = { action: 'rotate', author, seed, newSeed, recoveryPublicKey } as const;
    return this.#changed(node, newSeed, (await node.store.changeKey(change, 'public')).record);
  }

  /** Keeps what the owner names, or the newest record here. `newRecoverySeed`: of the recovery key from then on. */
  async recover(
    node: SimNode,
    newSeed: Uint8Array,
    { keep, newRecoverySeed }: { readonly keep?: Digest; readonly newRecoverySeed?: Uint8Array } = {},
  ): Promise<VerifiedRecord> {
    const { author, options } = node;
    const named = {
      ...(keep !== undefined && { keep }),
      ...(newRecoverySeed !== undefined && { newRecoveryPublicKey: publicKeyOf(newRecoverySeed) }),
    };
    const change = { action: 'recover', author, recoverySeed: options.recoverySeed, newSeed, ...named } as const;
    return this.#changed(node, newSeed, (await node.store.changeKey(change, 'public')).record);
  }

  async revoke(node: SimNode): Promise<VerifiedRecord> {
    return this.publish(node, keyDraft(node.author, { action: 'revoke', reason: 'stolen' }));
  }

  async #changed(node: SimNode, newSeed: Uint8Array, record: VerifiedRecord): Promise<VerifiedRecord> {
    node.seed = newSeed;
    await this.#announce(node, record);
    await this.kill(node);
    await this.start(node);
    return record;
  }

  async #announce(node: SimNode, record: VerifiedRecord): Promise<void> {
    // An opening record, or what a recovery has left, goes with it.
    if (node.options.honest) {
      const feed = await node.store.range(node.author, 'public', 0, 10_000);
      this.truth.set(node.author, feed);
      for (const { id } of feed) this.published.add(id);
    }
    await node.participant.renewHead();
    const told = this.gossip(node, node.author, record.envelope, Number.POSITIVE_INFINITY);
    for (const peer of node.participant.agenda.peers) if (!told.has(peer)) node.participant.want(peer);
    await this.#settle();
  }

  /** Sends bytes on an author's topic to peers who carry it. */
  gossip(node: SimNode, author: AuthorId, data: Uint8Array, atMost: number, but?: SimNode): Set<string> {
    const carriers = [...this.#connectionsOf(node).values()]
      .map((connection) => ({ connection, peer: other(connection, node) }))
      .filter(({ peer }) => peer !== but && peer.carries(author));
    this.onGossip.forEach((listener) => listener(node, data));
    const told = new Set<string>();
    for (const { connection, peer } of carriers.length > atMost ? this.random.some(carriers, atMost) : carriers) {
      told.add(peer.author);
      node.stats.gossipBytes += data.length;
      node.stats.gossipSent += 1;
      this.#send(connection, node, data.length, () => this.#gossipArrives(node, peer, author, data));
    }
    return told;
  }

  after(delayMs: number, run: () => Promise<void> | void): void {
    this.#queue.push({ at: this.now + delayMs, run });
  }

  /** Time passes, and everything that is due in it happens. */
  async run(ms: number): Promise<void> {
    const until = this.now + ms;
    while (this.#queue.nextAt <= until) await this.#step();
    this.now = until;
  }

  /** Runs until it holds, asking once a second. @returns how long it took, or undefined if it was not within `atMostMs`. */
  async runUntil(holds: () => boolean | Promise<boolean>, atMostMs: number): Promise<number | undefined> {
    const start = this.now;
    while (!(await holds())) {
      if (this.now - start >= atMostMs) return undefined;
      await this.run(1000);
    }
    return this.now - start;
  }

  /** All machines sleep for so long, with what was under way. */
  jump(ms: number): void {
    this.now += ms;
  }

  peersOf(node: SimNode): SimNode[] {
    return [...this.#connectionsOf(node).values()].map((connection) => other(connection, node));
  }

  /** A conversation with a connected peer; `done` is called once. */
  async converse<T>(
    from: SimNode,
    key: AuthorId,
    conversation: Conversation<T>,
    done: (error: Error | undefined, result?: T) => Promise<void> | void,
  ): Promise<void> {
    const connection = this.#connectionsOf(from).get(key);
    if (connection === undefined) return done(new UnavailableError('exchange/unreachable', 'not connected'));
    const to = other(connection, from);
    const { protocol } = conversation;
    let over = false;
    /** Frames, questions and their ends; what comes of an earlier answer is not of this one. */
    let answers = 0;
    const finish = async (error: Error | undefined, result?: T): Promise<void> => {
      if (over) return;
      over = true;
      connection.streams.delete(onClose);
      await done(error, result);
    };
    const onClose = (error: Error): void => this.after(0, () => broke(error));
    const broke = async (error: Error): Promise<void> => {
      if (over) return;
      try {
        conversation.broke(error);
      } catch (cause) {
        return finish(asError(cause));
      }
      return step();
    };
    const lost = (answer: number): void =>
      this.after(IDLE_TIMEOUT_MS, async () => {
        if (answer === answers) await broke(new UnavailableError('exchange/timeout', 'nothing came'));
      });
    const step = async (): Promise<void> => {
      answers += 1;
      const answer = answers;
      let next;
      try {
        next = await conversation.next();
      } catch (error) {
        return finish(asError(error));
      }
      if ('done' in next) return finish(undefined, next.done);
      from.stats.questions += 1;
      const say = from.options.dialect?.sayAsk ?? ((_: string, bytes: Uint8Array) => bytes);
      const request = say(protocol, next.ask);
      const asked = async (): Promise<void> => {
        const hear = from.options.dialect?.hearAnswer ?? ((_: string, bytes: Uint8Array) => bytes);
        const frames = await this.#answer(to, protocol, request, from);
        if (to.options.honest) for (const { length } of frames) from.stats.answerBytes += length;
        const arrivals = frames.map((frame) => async (): Promise<void> => {
          try {
            await conversation.frame(hear(protocol, frame));
          } catch (error) {
            await broke(asError(error));
          }
        });
        // After the last frame the stream ends; after one that is lost nothing more comes of it.
        let stalled = false;
        for (const [index, arrives] of [...arrivals, step].entries()) {
          if (stalled) break;
          const isAwaited = async (): Promise<void> => {
            if (!over && answer === answers) await arrives();
          };
          this.#send(connection, to, frames[index]?.length ?? 0, isAwaited, () => {
            stalled = true;
            lost(answer);
          });
        }
      };
      this.#send(connection, from, request.length, asked, () => lost(answer));
    };
    connection.streams.add(onClose);
    await step();
  }

  async #answer(to: SimNode, protocol: string, request: Uint8Array, from: SimNode): Promise<readonly Uint8Array[]> {
    const asker = { peerId: from.author, author: from.author };
    const { dialect } = to.options;
    if (dialect?.respond !== undefined) return dialect.respond(protocol, request, asker);
    const answering = to.participant.answering.get(protocol);
    if (answering === undefined) return [];
    const frames: Uint8Array[] = [];
    for await (const frame of answering(dialect?.hearAsk?.(protocol, request) ?? request, asker)) {
      frames.push(...(dialect?.sayAnswer?.(protocol, frame) ?? [frame]));
    }
    return frames;
  }

  async #step(): Promise<void> {
    const event = this.#queue.pop();
    if (event === undefined) return;
    this.now = Math.max(this.now, event.at);
    this.events += 1;
    await event.run();
    await this.#settle();
  }

  /** Whoever has something to do begins it. */
  async #settle(): Promise<void> {
    while (this.#restless.size > 0) {
      const restless = [...this.#restless];
      this.#restless.clear();
      for (const node of restless) if (node.isUp) await this.#pump(node);
    }
  }

  async #pump(node: SimNode): Promise<void> {
    for (const task of node.participant.agenda.due()) await this.#begin(node, task);
    this.#wake(node, node.participant.agenda.wakeAt());
  }

  #wake(node: SimNode, at: number): void {
    if (at >= node.wakeAt && node.wakeAt > this.now) return;
    node.wakeAt = at;
    const { life } = node;
    this.#queue.push({
      at,
      run: () => {
        if (node.life !== life || node.wakeAt !== at) return;
        node.wakeAt = Number.POSITIVE_INFINITY;
        this.#restless.add(node);
      },
    });
  }

  async #begin(node: SimNode, task: Task): Promise<void> {
    if (task.do === 'dial') return this.#dial(node, task.target.key as AuthorId);
    const { peer } = task;
    const { life } = node;
    node.stats.syncs += 1;
    let conversation;
    try {
      conversation = node.participant.syncWith(peer);
    } catch (error) {
      node.participant.syncEnded(peer, asError(error));
      return;
    }
    await this.converse(node, peer as AuthorId, conversation, (error) => {
      if (node.life === life) node.participant.syncEnded(peer, error);
    });
  }

  #dial(node: SimNode, key: AuthorId): void {
    const { life } = node;
    // An author with two faces shows one of them to each.
    const faces = this.#byAuthor.get(key) ?? [];
    const target = faces[this.nodes.indexOf(node) % faces.length];
    const latencyMs = this.random.between(...this.#options.latencyMs);
    this.after(3 * latencyMs, () => {
      if (node.life !== life) return;
      node.participant.agenda.dialEnded(key);
      const isThere = target !== undefined && target.isUp && target !== node && !this.#isCut([node, target]);
      if (!isThere || this.#connectionsOf(node).has(key) || this.#connectionsOf(target).has(node.author)) return;
      const connection: Connection = {
        nodes: [node, target],
        lives: [node.life, target.life],
        latencyMs,
        isOpen: true,
        streams: new Set(),
      };
      this.#connectionsOf(node).set(target.author, connection);
      this.#connectionsOf(target).set(node.author, connection);
      for (const [one, peer] of [
        [node, target],
        [target, node],
      ] as const) {
        one.participant.agenda.connected(peer.author);
        this.#restless.add(one);
      }
    });
  }

  #close(connection: Connection): void {
    if (!connection.isOpen) return;
    connection.isOpen = false;
    const [a, b] = connection.nodes;
    for (const [one, peer] of [
      [a, b],
      [b, a],
    ] as const) {
      this.#connectionsOf(one).delete(peer.author);
      if (one.isUp) one.participant.agenda.disconnected(peer.author);
    }
    for (const onClose of connection.streams)
      onClose(new UnavailableError('exchange/unreachable', 'the peer has gone'));
    connection.streams.clear();
  }

  /** One message; `lost` is called where it does not arrive. */
  #send(
    connection: Connection,
    from: SimNode,
    bytes: number,
    arrives: () => Promise<void> | void,
    lost: () => void = () => undefined,
  ): void {
    const size = bytes + OVERHEAD_BYTES;
    const to = other(connection, from);
    from.stats.sentBytes += size;
    if (this.random.chance(this.#options.loss) || this.#isCut(connection.nodes)) return lost();
    const bandwidth = Math.min(from.options.bandwidth, to.options.bandwidth);
    const begins = Math.max(this.now, this.#busyUntil.get(from) ?? 0);
    const sent = begins + (size / bandwidth) * 1000;
    this.#busyUntil.set(from, sent);
    this.#queue.push({
      at: sent + connection.latencyMs,
      run: async () => {
        if (!connection.isOpen || !to.isUp) return;
        to.stats.receivedBytes += size;
        await arrives();
      },
    });
  }

  async #gossipArrives(from: SimNode, to: SimNode, author: AuthorId, data: Uint8Array): Promise<void> {
    const id = createHash('sha256').update(author).update(data).digest('base64');
    const seenAt = to.seen.get(id);
    if (seenAt !== undefined && this.now - seenAt < SEEN_TTL_MS) return;
    to.seen.set(id, this.now);
    const { life } = to;
    const { verdict, stored } = to.participant.judgeGossip(from.author, author, data);
    await stored;
    if ((await verdict) === 'accept' && to.life === life) this.gossip(to, author, data, MESH_DEGREE, from);
  }

  #isCut([a, b]: readonly [SimNode, SimNode]): boolean {
    return this.#side !== undefined && this.#side(a) !== this.#side(b);
  }

  #connectionsOf(node: SimNode): Map<AuthorId, Connection> {
    let connections = this.#connections.get(node);
    if (connections === undefined) this.#connections.set(node, (connections = new Map()));
    return connections;
  }

  #allConnections(): Set<Connection> {
    return new Set([...this.#connections.values()].flatMap((connections) => [...connections.values()]));
  }
}

function other({ nodes: [a, b] }: Connection, node: SimNode): SimNode {
  return node === a ? b : a;
}
