/** The two repair sources that know of peers: patches already in the store, and trusted peers asked for a symptom. */
import { setTimeout } from 'node:timers/promises';
import type { Digest } from '../crypto/digest.ts';
import type { RepairAnswer, RepairRequest, RepairSource } from '../workshop/provision/types.ts';
import type { Candidate, Unfit } from './candidates.ts';

export interface Lookup {
  /** Finds candidates for a failing step; with `askPeers`, after asking trusted peers for a bounded time. */
  (
    request: RepairRequest,
    askPeers: boolean,
    signal: AbortSignal,
  ): Promise<{ candidates: Candidate[]; unfit: Unfit[] }>;
}

export interface PeerRepairOptions {
  readonly lookup: Lookup;
  /** Asks the person about a patch that policy leaves to them. Absent: such patches are not tried. */
  readonly confirm?: (candidate: Candidate, request: RepairRequest, signal: AbortSignal) => Promise<boolean>;
  /** Told about every patch that was passed over, with the reason. */
  readonly passedOver: (record: Digest, reason: string, request: RepairRequest) => void;
  /** Between two looks for what has arrived. */
  readonly wait?: (ms: number, signal: AbortSignal) => Promise<void>;
}

export interface PeerRepairs {
  /** In the order in which the engine asks them. A patch is tried once a build, whichever source found it. */
  readonly sources: readonly RepairSource[];
  /**
   * Patches that come while a failing step waits for its person, each once, until `signal` is aborted. What policy never
   * lets run is not among them; who takes one has decided about it.
   */
  readonly arrivals: (request: RepairRequest, signal: AbortSignal) => AsyncIterable<Candidate>;
}

export function peerRepairs(options: PeerRepairOptions): PeerRepairs {
  const tried = new Set<Digest>();
  const source = (name: string, askPeers: boolean): RepairSource => ({
    name,
    propose: (request, signal) => propose(request, signal, askPeers, options, tried),
  });
  return {
    sources: [source('patches in the store', false), source('trusted peers', true)],
    arrivals: (request, signal) => arriving(request, signal, options, tried),
  };
}

/** Looks anew until something is there that has not been tried or told. */
async function* arriving(
  request: RepairRequest,
  signal: AbortSignal,
  { lookup, wait = pause }: PeerRepairOptions,
  tried: Set<Digest>,
): AsyncGenerator<Candidate> {
  while (!signal.aborted) {
    const { candidates } = await lookup(request, false, signal);
    for (const candidate of candidates) {
      if (tried.has(candidate.record) || candidate.decision.apply === 'never') continue;
      tried.add(candidate.record);
      yield candidate;
    }
    await wait(ARRIVALS_EVERY_MS, signal);
  }
}

/** How often the store is looked at for patches while somebody is waited for, milliseconds. */
export const ARRIVALS_EVERY_MS = 2_000;

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal });
}

/** A candidate as what the engine applies. */
export function answerOf({ operations, record, summary }: Candidate): RepairAnswer & { readonly kind: 'patch' } {
  return { kind: 'patch', operations, origin: 'trusted-patch', patch: record, summary };
}

async function propose(
  request: RepairRequest,
  signal: AbortSignal,
  askPeers: boolean,
  options: PeerRepairOptions,
  tried: Set<Digest>,
): Promise<RepairAnswer | undefined> {
  const { candidates, unfit } = await options.lookup(request, askPeers, signal);
  for (const { record, reason } of unfit) if (!tried.has(record)) options.passedOver(record, reason, request);
  for (const candidate of candidates) {
    if (tried.has(candidate.record)) continue;
    if (candidate.decision.apply === 'never') {
      options.passedOver(
        candidate.record,
        `${candidate.decision.because.at(-1) ?? 'policy says never'} (class ${candidate.changeClass})`,
        request,
      );
      continue;
    }
    if (candidate.decision.apply === 'ask') {
      if (!options.confirm) {
        options.passedOver(
          candidate.record,
          `policy leaves it to you (class ${candidate.changeClass}), and nobody was asked`,
          request,
        );
        continue;
      }
      tried.add(candidate.record);
      if (!(await options.confirm(candidate, request, signal))) continue;
    }
    tried.add(candidate.record);
    return answerOf(candidate);
  }
  return undefined;
}
