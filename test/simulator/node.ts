/** One simulated node: the real participant and the real store, on a disk in memory and a network that is not there. */
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { Participant } from '../../src/exchange/p2p/participant.ts';
import type { Asker } from '../../src/exchange/p2p/protocol.ts';
import type { AgendaTiming } from '../../src/exchange/p2p/types.ts';
import { authorIdOf } from '../../src/exchange/record/index.ts';
import type { Admission, AuthorId } from '../../src/exchange/record/index.ts';
import { LevelStore } from '../../src/exchange/store/level-store.ts';
import { Disk } from './disk.ts';
import type { Random } from './random.ts';
import type { Memo } from './shared.ts';

export const NETWORK = 'simulated';

/** How a node's words differ from this version's: an older or a newer one, or a liar. */
export interface Dialect {
  /** Before this node sees a request. */
  readonly hearAsk?: (protocol: string, bytes: Uint8Array) => Uint8Array;
  /** Before this node sees a frame of an answer. */
  readonly hearAnswer?: (protocol: string, bytes: Uint8Array) => Uint8Array;
  /** Frames that go out in place of one. */
  readonly sayAnswer?: (protocol: string, bytes: Uint8Array) => readonly Uint8Array[];
  readonly sayAsk?: (protocol: string, bytes: Uint8Array) => Uint8Array;
  /** Answers in place of the participant. */
  readonly respond?: (protocol: string, request: Uint8Array, asker: Asker) => readonly Uint8Array[];
}

export interface SimNodeOptions {
  readonly name: string;
  /** Of the author's first key. */
  readonly seed: Uint8Array;
  /** Of the recovery key that its feed commits to. */
  readonly recoverySeed: Uint8Array;
  readonly follows: readonly AuthorId[];
  /** Whose nodes it dials. */
  readonly dials: readonly AuthorId[];
  readonly honest: boolean;
  readonly dialect?: Dialect;
  /** Bytes a second, both ways together. */
  readonly bandwidth: number;
}

export interface NodeStats {
  sentBytes: number;
  receivedBytes: number;
  gossipBytes: number;
  gossipSent: number;
  syncs: number;
  questions: number;
  /** Of honest nodes' answers to its questions. */
  answerBytes: number;
  refused: number;
}

export interface NodeEnvironment {
  readonly now: () => number;
  readonly timing: AgendaTiming;
  readonly memo: Memo;
  readonly random: Random;
  readonly isConnected: (node: SimNode, key: string) => boolean;
  readonly onAgenda: (node: SimNode) => void;
  readonly onAdmission: (node: SimNode, admission: Admission) => void;
  readonly onTrouble: (node: SimNode, what: string, error: Error) => void;
}

export class SimNode {
  readonly name: string;
  readonly author: AuthorId;
  readonly options: SimNodeOptions;
  readonly stats: NodeStats = {
    sentBytes: 0,
    receivedBytes: 0,
    gossipBytes: 0,
    gossipSent: 0,
    syncs: 0,
    questions: 0,
    answerBytes: 0,
    refused: 0,
  };
  /** Of the key that signs now. */
  seed: Uint8Array;
  disk = new Disk();
  /** Raised by every start and stop: what was begun before concerns nobody any more. */
  life = 0;
  /** Gossip that was seen, by message id, and when. */
  readonly seen = new Map<string, number>();
  wakeAt = Number.POSITIVE_INFINITY;
  readonly #environment: NodeEnvironment;
  readonly #follows: ReadonlySet<AuthorId>;
  #running: { readonly participant: Participant; readonly store: LevelStore } | undefined;

  constructor(options: SimNodeOptions, environment: NodeEnvironment) {
    this.name = options.name;
    this.options = options;
    this.author = authorIdOf(publicKeyOf(options.seed));
    this.seed = options.seed;
    this.#environment = environment;
    this.#follows = new Set([this.author, ...options.follows]);
  }

  get isUp(): boolean {
    return this.#running !== undefined;
  }

  get participant(): Participant {
    return this.#must().participant;
  }

  get store(): LevelStore {
    return this.#must().store;
  }

  /** Who signs its next record. */
  get signer() {
    return { seed: this.seed, author: this.author, recoveryPublicKey: publicKeyOf(this.options.recoverySeed) };
  }

  carries(author: AuthorId): boolean {
    return this.#follows.has(author);
  }

  async start(disk = this.disk): Promise<void> {
    const { dials } = this.options;
    const { memo, now, timing, random } = this.#environment;
    this.life += 1;
    // Another process opens it: what the one before still wants to write does not come through.
    this.disk = disk.copy();
    const life = this.life;
    const store = await LevelStore.over(this.disk, NETWORK, memo);
    const friends = new Set([...this.#follows, ...dials]);
    const own = random.named(`${this.name} ${life}`);
    const participant = new Participant({
      self: this.author,
      seed: this.seed,
      network: NETWORK,
      store,
      isBootstrap: false,
      carries: (author) => this.#follows.has(author),
      carried: () => [...this.#follows],
      isFriend: (peer) => friends.has(peer as AuthorId),
      mayAsk: ({ author }) => author !== null && friends.has(author),
      maySee: async () => true,
      blobTypes: {},
      timing,
      now,
      random: own,
      nonce: own.bytes(8),
      targets: () => dials.map((author) => ({ key: author, addresses: ['simulated'] })),
      isConnected: ({ key }) => this.#environment.isConnected(this, key),
      onAgenda: () => this.#environment.onAgenda(this),
      onAdmission: (admission) => {
        if (admission.result === 'refused') this.stats.refused += 1;
        this.#environment.onAdmission(this, admission);
      },
      onTrouble: (what, _peer, error) => this.#environment.onTrouble(this, what, error),
    });
    this.#running = { participant, store };
  }

  /** As `kill -9` does: nothing is finished, the disk is as it was. */
  async kill(): Promise<void> {
    this.life += 1;
    this.#running = undefined;
    this.seen.clear();
    this.wakeAt = Number.POSITIVE_INFINITY;
    await this.disk.close();
  }

  #must() {
    if (this.#running === undefined) throw new Error(`${this.name} does not run`);
    return this.#running;
  }
}
