/** A participant with a store and no network: it knows nobody's address, and whoever asks it is a friend. */
import { TIMING } from '../../../src/exchange/p2p/limits.ts';
import { Participant, type ParticipantOptions } from '../../../src/exchange/p2p/participant.ts';
import type { AuthorId } from '../../../src/exchange/record/index.ts';
import type { OwnStore } from '../../../src/exchange/store/index.ts';
import { authorOfSeed, NETWORK, seedOf } from './nodes.ts';

export interface LoneOptions extends Partial<Omit<ParticipantOptions, 'seed' | 'nonce' | 'carried'>> {
  /** Number of the seed: the same number is the same author. */
  readonly seed: number;
  readonly store: OwnStore;
  /** Read anew at each question. */
  readonly carried: readonly AuthorId[];
  /** Another one for every start. */
  readonly nonce: number;
}

export function loneParticipant({ seed, carried, nonce, ...options }: LoneOptions): Participant {
  return new Participant({
    self: authorOfSeed(seed),
    seed: seedOf(seed),
    network: NETWORK,
    isBootstrap: false,
    carries: (author) => carried.includes(author),
    carried: () => carried,
    isFriend: () => true,
    mayAsk: () => true,
    maySee: async () => true,
    blobTypes: {},
    timing: TIMING,
    now: () => Date.UTC(2026, 10, 27),
    random: () => 0.5,
    nonce: Uint8Array.from(Buffer.from(String(nonce).padStart(8, '0'))),
    targets: () => [],
    isConnected: () => false,
    onAdmission: () => undefined,
    onTrouble: () => undefined,
    onAgenda: () => undefined,
    ...options,
  });
}
