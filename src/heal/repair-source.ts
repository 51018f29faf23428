/** The two repair sources that know of peers: patches already in the store, and trusted peers asked for a symptom. */
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
  readonly passedOver: (record: Digest, reason: string) => void;
}

/** Sources in the order in which the engine asks them. A patch is tried once a build, whichever source found it. */
export function peerRepairSources(options: PeerRepairOptions): RepairSource[] {
  const tried = new Set<Digest>();
  const source = (name: string, askPeers: boolean): RepairSource => ({
    name,
    propose: (request, signal) => propose(request, signal, askPeers, options, tried),
  });
  return [source('patches in the store', false), source('trusted peers', true)];
}

async function propose(
  request: RepairRequest,
  signal: AbortSignal,
  askPeers: boolean,
  options: PeerRepairOptions,
  tried: Set<Digest>,
): Promise<RepairAnswer | undefined> {
  const { candidates, unfit } = await options.lookup(request, askPeers, signal);
  for (const { record, reason } of unfit) if (!tried.has(record)) options.passedOver(record, reason);
  for (const candidate of candidates) {
    if (tried.has(candidate.record)) continue;
    if (candidate.decision.apply === 'never') {
      options.passedOver(candidate.record, candidate.decision.because.at(-1) ?? 'policy says never');
      continue;
    }
    if (candidate.decision.apply === 'ask') {
      if (!options.confirm) {
        options.passedOver(candidate.record, 'policy leaves it to you, and nobody was asked');
        continue;
      }
      tried.add(candidate.record);
      if (!(await options.confirm(candidate, request, signal))) continue;
    }
    tried.add(candidate.record);
    return {
      kind: 'patch',
      operations: candidate.operations,
      origin: 'trusted-patch',
      patch: candidate.record,
      summary: candidate.summary,
    };
  }
  return undefined;
}
