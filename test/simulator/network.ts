/** A network of people: authors, followers who trust some of them, and those who mean no good. */
import { createHash } from 'node:crypto';
import { sha256 } from '../../src/crypto/digest.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import type { AgendaTiming } from '../../src/exchange/p2p/types.ts';
import { authorIdOf, patchDraft } from '../../src/exchange/record/index.ts';
import type { AuthorId, Draft } from '../../src/exchange/record/index.ts';
import { NEWER, OLDER } from './dialects.ts';
import type { Dialect, SimNode } from './node.ts';
import { World } from './world.ts';
import type { WorldOptions } from './world.ts';

export const TIMING: AgendaTiming = {
  syncIntervalMs: 60_000,
  syncRetryMs: 1_000,
  settleMs: 200,
  redialBaseMs: 5_000,
  redialMaxMs: 60_000,
};

export interface NetworkOptions extends Partial<WorldOptions> {
  readonly seed: number;
  readonly nodes: number;
  readonly authors: number;
  /** Feeds that each node follows. */
  readonly following: number;
  /** Nodes of anybody that each dials, beside those of whom it follows. Default 2. */
  readonly neighbours?: number;
  /** Some nodes are slow, some older, some newer. Default true. */
  readonly mixed?: boolean;
}

export function seedNumber(number: number): Uint8Array {
  return Uint8Array.from(createHash('sha256').update(`person ${number}`).digest());
}

export function recoverySeedNumber(number: number): Uint8Array {
  return seedNumber(1_000_000 + number);
}

export function authorNumber(number: number): AuthorId {
  return authorIdOf(publicKeyOf(seedNumber(number)));
}

export interface Network {
  readonly world: World;
  readonly authors: readonly SimNode[];
}

/** Adds the people and starts their nodes. The first `authors` of them publish; each dials whom it follows and some more. */
export async function createNetwork(options: NetworkOptions): Promise<Network> {
  const world = new World({ timing: TIMING, latencyMs: [5, 150], loss: 0.01, ...options });
  const random = world.random.named('people');
  const ids = Array.from({ length: options.nodes }, (_, number) => authorNumber(number));
  for (let number = 0; number < options.nodes; number += 1) {
    const follows = random.some(ids.slice(0, options.authors), options.following);
    const isAuthor = number < options.authors;
    const kind = options.mixed === false ? 9 : random.int(10);
    const dialect: Dialect | undefined = kind === 0 ? OLDER : kind === 1 ? NEWER : undefined;
    world.add({
      name: `${isAuthor ? 'author' : 'reader'} ${number}`,
      seed: seedNumber(number),
      recoverySeed: recoverySeedNumber(number),
      follows,
      dials: [...new Set([...follows, ...random.some(ids, options.neighbours ?? 2)])].filter(
        (id) => id !== ids[number],
      ),
      honest: true,
      // Bytes a second: a telephone line now and then.
      bandwidth: kind === 2 ? 4_000 : 2_000_000,
      ...(dialect && { dialect }),
    });
  }
  for (const node of world.nodes) await world.start(node);
  return { world, authors: world.nodes.slice(0, options.authors) };
}

/** A small patch, of a step of its own: it contradicts no other. */
export function aDraft(text: string, changes: Partial<Parameters<typeof patchDraft>[0]> = {}): Draft {
  return patchDraft({
    recipeName: 'debian-12-tiny',
    base: sha256('base'),
    result: sha256(`result ${text}`),
    operations: [{ op: 'remove-step', id: `step-${sha256(text).slice(7, 19)}`, was: sha256('step') }],
    symptom: sha256(`symptom ${text}`),
    origin: 'human',
    summary: `patch ${text}`,
    verifiedBy: null,
    supersedes: null,
    ...changes,
  });
}
