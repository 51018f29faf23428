/** Real nodes on loopback, each with a real store in a folder of its own, and a way to wait for what they do. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import type { Digest } from '../../../src/crypto/digest.ts';
import { publicKeyOf } from '../../../src/crypto/ed25519.ts';
import { createExchange } from '../../../src/exchange/p2p/index.ts';
import type { Exchange, ExchangeOptions } from '../../../src/exchange/p2p/index.ts';
import { authorIdOf, patchDraft } from '../../../src/exchange/record/index.ts';
import type { Admission, AuthorId, VerifiedRecord } from '../../../src/exchange/record/index.ts';
import { openStore } from '../../../src/exchange/store/index.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';

export const NETWORK = 'test';

export interface Trouble {
  readonly what: string;
  readonly peer: string;
  readonly error: Error & { readonly code?: string };
}

export interface TestNode {
  readonly author: AuthorId;
  readonly seed: Uint8Array;
  readonly store: OwnStore;
  readonly exchange: Exchange;
  readonly admissions: readonly Admission[];
  readonly troubles: readonly Trouble[];
  /** Its own loopback address, with its PeerId. */
  readonly address: string;
  /** Signs and stores the next record of its own feed, and tells nobody. */
  write(symptom?: Digest): Promise<VerifiedRecord>;
  /** Stops the network and closes the store. */
  stop(): Promise<void>;
}

export interface TestNodeOptions extends Partial<Omit<ExchangeOptions, 'seed' | 'store' | 'follows' | 'followed'>> {
  /** Number of the seed: the same number is the same author. */
  readonly seed: number;
  readonly following?: readonly AuthorId[];
  /** Keeps the store of an earlier node of this author. */
  readonly folder?: string;
}

export function seedOf(number: number): Uint8Array {
  return new Uint8Array(32).fill(number);
}

export function authorOfSeed(number: number): AuthorId {
  return authorIdOf(publicKeyOf(seedOf(number)));
}

/** What a test file uses to make nodes; `clean` belongs into `afterEach`. */
export function createNodes() {
  const cleanups: (() => Promise<void>)[] = [];
  const wakers = new Set<() => void>();
  const wake = (): void => {
    for (const waker of wakers) waker();
  };

  async function folder(): Promise<string> {
    const path = await mkdtemp(join(tmpdir(), 'portalgun-p2p-'));
    cleanups.push(() => rm(path, { recursive: true, force: true }));
    return path;
  }

  async function start(options: TestNodeOptions): Promise<TestNode> {
    const seed = seedOf(options.seed);
    const author = options.author ?? authorOfSeed(options.seed);
    const store = await openStore(join(options.folder ?? (await folder()), 'store'), { network: NETWORK });
    const admissions: Admission[] = [];
    const troubles: Trouble[] = [];
    const following = options.following ?? [];
    const { seed: _number, following: _following, folder: _folder, ...given } = options;
    const exchange = await createExchange({
      network: NETWORK,
      listen: ['/ip4/127.0.0.1/tcp/0'],
      trusted: () => following.map((one) => ({ author: one, addresses: [] })),
      blobTypes: {},
      // By themselves nodes do nothing for a minute: what a test sees happens for the reason that it names.
      timing: { settleMs: 10, redialBaseMs: 50, redialMaxMs: 200 },
      ...given,
      seed,
      store,
      follows: (one) => following.includes(one),
      followed: () => following,
      onAdmission(admission, from) {
        admissions.push(admission);
        given.onAdmission?.(admission, from);
        wake();
      },
      onTrouble(what, peer, error) {
        troubles.push({ what, peer, error });
        given.onTrouble?.(what, peer, error);
        wake();
      },
    }).catch(async (error: unknown) => {
      await store.close();
      throw error;
    });
    let stopped = false;
    const stop = async (): Promise<void> => {
      if (stopped) return;
      stopped = true;
      await exchange.stop();
      await store.close();
    };
    cleanups.push(stop);
    let count = 0;
    return {
      author,
      seed,
      store,
      exchange,
      admissions,
      troubles,
      address: exchange.addresses()[0] ?? '',
      write(symptom = sha256('a symptom')) {
        count += 1;
        return store.append({ seed }, 'public', aPatch(`${options.seed} ${count}`, symptom));
      },
      stop,
    };
  }

  /** Resolves when it holds. Asked again after everything that any node reports, and every 20 ms for what nobody reports. */
  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) {
      await new Promise<void>((resolve) => {
        const done = (): void => {
          clearTimeout(timer);
          wakers.delete(done);
          resolve();
        };
        const timer = setTimeout(done, 20);
        wakers.add(done);
      });
    }
  }

  async function clean(): Promise<void> {
    for (const cleanup of cleanups.splice(0).toReversed()) await cleanup();
  }

  return { start, until, folder, clean };
}

export function aPatch(name: string, symptom: Digest) {
  return patchDraft({
    recipeName: 'debian-12-tiny',
    base: sha256('base'),
    result: sha256(`result ${name}`),
    operations: [{ op: 'remove-step', id: 'language', was: sha256('step') }],
    symptom,
    origin: 'human',
    summary: `patch ${name}`,
    verifiedBy: null,
    supersedes: null,
  });
}

export async function seqOf(node: TestNode, author: AuthorId): Promise<number> {
  return (await node.store.head(author, 'public'))?.seq ?? 0;
}
