/**
 * A private group whose one author changes keys, as its members see it: real participants and stores, syncs in a random order,
 * and a thief who has copied the author's key at some time and hands what it signs to whichever member is near.
 */
import assert from 'node:assert/strict';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import type { Conversation } from '../../../src/exchange/p2p/conversation.ts';
import type { Participant } from '../../../src/exchange/p2p/participant.ts';
import {
  compareEpochs,
  epochOf,
  isVouchedFor,
  newestEpoch,
  type AuthorId,
  type FeedKeys,
  type VerifiedRecord,
} from '../../../src/exchange/record/index.ts';
import { LevelStore } from '../../../src/exchange/store/level-store.ts';
import { Disk } from '../../simulator/disk.ts';
import { createRandom } from '../../simulator/random.ts';
import { draft } from '../record/author.ts';
import { SCOPE } from '../record/group-chain.ts';
import { loneParticipant } from './lone-participant.ts';
import { authorOfSeed, NETWORK, seedOf } from './nodes.ts';

const [OWNER, ...MEMBERS] = [1, 2, 3, 4].map(authorOfSeed) as [AuthorId, ...AuthorId[]];
const EVERYBODY = [OWNER, ...MEMBERS];
/** Of the seed of the recovery key. */
const PAPER = 99;

interface Node {
  readonly author: AuthorId;
  readonly store: LevelStore;
  participant: Participant;
}

class GroupWorld {
  readonly random: ReturnType<typeof createRandom>;
  readonly nodes: Node[] = [];
  /** Number of the seed that signs now. */
  key = 1;
  /** What a thief has: homes of the owner, as they were. */
  readonly stolen: { key: number; readonly store: LevelStore }[] = [];
  #newest = 1;
  #now = Date.UTC(2026, 10, 28);
  #starts = 0;
  #texts = 0;
  readonly #disk = new Disk();

  constructor(seed: number) {
    this.random = createRandom(seed, 'a group and a thief');
  }

  async start(): Promise<this> {
    for (const [index, author] of EVERYBODY.entries()) {
      const store = await LevelStore.over(author === OWNER ? this.#disk : new Disk(), NETWORK);
      this.nodes.push({ author, store, participant: this.#participant(author, index + 1, store) });
    }
    await this.owner.store.append(this.signer, 'public', this.#text('opening'));
    return this;
  }

  get owner(): Node {
    return this.nodes[0]!;
  }

  get members(): Node[] {
    return this.nodes.slice(1);
  }

  get signer() {
    return signerOf(this.key);
  }

  async write(scope: string): Promise<void> {
    await this.owner.store.append(this.signer, scope, this.#text('mine'));
  }

  async change(action: 'rotate' | 'recover', goesOn: boolean): Promise<void> {
    this.#newest += 1;
    const [author, newSeed] = [OWNER, seedOf(100 + this.#newest)];
    const change =
      action === 'rotate'
        ? ({ action, author, seed: this.signer.seed, newSeed } as const)
        : ({ action, author, recoverySeed: seedOf(PAPER), newSeed } as const);
    await this.owner.store.changeKey(change, 'public');
    this.key = 100 + this.#newest;
    this.owner.participant = this.#participant(OWNER, this.key, this.owner.store);
    if (goesOn) await this.goOn();
  }

  async goOn(): Promise<void> {
    if ((await this.owner.store.head(OWNER, SCOPE)) !== undefined)
      await this.owner.store.followKeys(this.signer, SCOPE);
  }

  /** The home is copied as it is now, with its key. */
  async steal(): Promise<void> {
    this.stolen.push({ key: this.key, store: await LevelStore.over(this.#disk.copy(), NETWORK) });
  }

  /** A thief gives the feed a key of their own, and the group's too. */
  async usurp(): Promise<void> {
    const thief = this.stolen.at(-1);
    if (thief === undefined) return;
    this.#newest += 1;
    const newKey = 100 + this.#newest;
    const seeds = { seed: seedOf(thief.key), newSeed: seedOf(newKey) };
    try {
      await thief.store.changeKey({ action: 'rotate', author: OWNER, ...seeds }, 'public');
    } catch (error) {
      if (isSpent(error)) return;
      throw error;
    }
    thief.key = newKey;
    await this.forge(SCOPE, thief);
  }

  /** A thief signs something, after what it knows, and a member has it, heads too. */
  async forge(scope: string, thief = this.#aThief()): Promise<void> {
    if (thief === undefined) return;
    const { key, store } = thief;
    const near = this.random.pick(this.members);
    if (this.random.chance(0.3)) await sync(this.#lone(key, store), OWNER, near, () => this.#tick());
    try {
      await store.append(signerOf(key), scope, this.#text('a thief’s'));
    } catch (error) {
      if (isSpent(error)) return;
      throw error;
    }
    await sync(near.participant, near.author, { author: OWNER, store, participant: this.#lone(key, store) }, () =>
      this.#tick(),
    );
  }

  #aThief() {
    return this.stolen.length === 0 ? undefined : this.random.pick(this.stolen);
  }

  async meet(one: Node, other: Node): Promise<void> {
    await sync(one.participant, one.author, other, () => this.#tick());
    await sync(other.participant, other.author, one, () => this.#tick());
  }

  #lone(key: number, store: LevelStore): Participant {
    return this.#participant(OWNER, key, store);
  }

  #participant(self: AuthorId, seed: number, store: LevelStore): Participant {
    this.#starts += 1;
    return loneParticipant({
      seed,
      self,
      store,
      carried: EVERYBODY,
      nonce: this.#starts,
      now: () => this.#now,
      groups: {
        list: () => [{ scope: SCOPE, members: EVERYBODY }],
        authorOf: (peer) => EVERYBODY.find((author) => author === peer) ?? null,
      },
    });
  }

  #tick(): void {
    this.#now += 60_000;
  }

  #text(word: string) {
    this.#texts += 1;
    return draft(`${word} ${this.#texts}`);
  }
}

/** What a store has caught up with says that its key signs nothing more: it was replaced, or the feed is forked. */
function isSpent(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'store/feed-frozen' || code === 'store/key-replaced';
}

function signerOf(key: number) {
  return { seed: seedOf(key), author: OWNER, recoveryPublicKey: publicKeyOf(seedOf(PAPER)) };
}

/** Where a member's copy of the group's feed is frozen, and how far they have the author's keys. */
async function stateOf({ store }: Node) {
  const frozen = (await store.frozen()).find(({ scope }) => scope === SCOPE)?.at;
  return { frozen, newest: newestEpoch(store.keysOf(OWNER, 'public')) };
}

/** What holds at any time, whatever a thief does. `before`: as it was before the last deed. */
async function assertSound(node: Node, before: Awaited<ReturnType<typeof stateOf>>): Promise<void> {
  const { frozen } = await stateOf(node);
  const isNew = frozen !== undefined && before.frozen === undefined;
  assert.ok(!isNew || compareEpochs(frozen, before.newest) >= 0, 'frozen by a key that was given up');
  const [signers, keys] = [node.store.keysOf(OWNER, 'public'), node.store.keysOf(OWNER, SCOPE)];
  for (const epoch of keys.epochs) assert.equal(epochOf(signers, epoch)?.key, epoch.key, 'an epoch of nobody');
}

/** One asks the other, first for what is public and then for the group, as a node does. */
async function sync(asker: Participant, by: AuthorId, other: Node, tick: () => void): Promise<void> {
  tick();
  const ask = async (conversation: Conversation<number>): Promise<void> => {
    const answer = other.participant.answering.get(conversation.protocol);
    assert.ok(answer !== undefined);
    for (;;) {
      const step = await conversation.next();
      if ('done' in step) return;
      for await (const frame of answer(step.ask, { peerId: by, author: by })) await conversation.frame(frame);
    }
  };
  await ask(asker.syncWith(other.author));
  for (const conversation of asker.groupSyncsWith(other.author)) await ask(conversation);
}

async function groupOf({ store }: Node) {
  const head = await store.head(OWNER, SCOPE);
  const keys: FeedKeys = store.keysOf(OWNER, 'public');
  return {
    ids: (await store.range(OWNER, SCOPE, 0, 1000)).map(({ id }: VerifiedRecord) => id),
    isVouchedFor: head !== undefined && isVouchedFor(keys, head),
    frozen: (await store.frozen()).map(({ scope }) => scope),
  };
}

describe('a private group, its author’s keys and a thief', function () {
  this.timeout(60_000);

  for (const seed of [1, 2, 11, 12]) {
    it(`threat 17: of all that is signed keeps what the owner says, and each member has it (seed ${seed})`, async () => {
      const world = await new GroupWorld(seed).start();
      const { random } = world;
      // Of the thief nothing is public, in half of the runs: then nobody's copy of the public feed is frozen either.
      const isQuiet = seed % 2 === 0;
      const deeds: readonly (readonly [number, () => Promise<void>])[] = [
        [6, () => world.write(SCOPE)],
        [2, () => world.write('public')],
        [2, () => world.change('rotate', random.chance(0.7))],
        [1, () => world.change('recover', random.chance(0.7))],
        [2, () => world.steal()],
        [6, () => world.forge(SCOPE)],
        [1, () => (isQuiet ? world.forge(SCOPE) : world.forge('public'))],
        [2, () => (isQuiet ? world.forge(SCOPE) : world.usurp())],
        [8, async () => world.meet(...(random.some(world.nodes, 2) as [Node, Node]))],
      ];
      const all = deeds.flatMap(([weight, deed]) => Array.from({ length: weight }, () => deed));
      for (let count = 0; count < 60; count += 1) {
        const before = await Promise.all(world.members.map(stateOf));
        // The owner cannot sign where the feed is known to be forked, and recovers it then.
        await random
          .pick(all)()
          .catch(async (error: unknown) => {
            if (!isSpent(error)) throw error;
            await world.change('recover', true);
          });
        for (const [index, member] of world.members.entries()) await assertSound(member, before[index]!);
      }
      await world.change('recover', true);
      await world.write(SCOPE);
      // One member hears of it from the owner, who is away then.
      const [first, ...others] = random.some(world.members, world.members.length);
      await world.meet(world.owner, first!);
      for (const other of [...others, ...others]) {
        for (const member of world.members) if (member !== other) await world.meet(member, other);
      }
      const expected = await groupOf(world.owner);
      assert.deepEqual([expected.isVouchedFor, expected.frozen], [true, []]);
      for (const member of world.members) assert.deepEqual(await groupOf(member), expected);
    });
  }
});
