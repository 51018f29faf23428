/** What a transcript tells of a build: its steps' times, why one failed and what was tried, what the guest asked of its network. Pure. */
import type { Digest } from '../crypto/digest.ts';
import type { Condition } from '../recipe/types.ts';
import type { BuildEvent } from '../workshop/provision/types.ts';

export interface StepTime {
  readonly step: string;
  /** Of the try that passed; `null` where none did. */
  readonly tookMs: number | null;
  readonly tries: number;
}

/** The last failure of a step, and all that was tried since it first failed. */
export interface StepTrouble {
  readonly step: string;
  readonly phase: 'when' | 'expect' | 'watch' | 'act';
  readonly reason: string;
  /** Absent in transcripts of earlier versions. */
  readonly expected?: Condition;
  readonly screen: readonly string[];
  readonly nearest: readonly { readonly line: string; readonly row: number; readonly similarity: number }[];
  /** Of the picture, in the build's folder. */
  readonly picture?: string;
  readonly failures: number;
  readonly tried: readonly Tried[];
  /** True where it was done in the end. */
  readonly cured: boolean;
}

export interface Tried {
  readonly source: string;
  readonly what: string;
  readonly patch?: Digest;
}

export function stepTimes(events: readonly BuildEvent[]): StepTime[] {
  const times = new Map<string, { tookMs: number | null; tries: number }>();
  for (const event of events) {
    if (event.event !== 'step-start' && event.event !== 'step-done') continue;
    const time = times.get(event.step) ?? { tookMs: null, tries: 0 };
    if (event.event === 'step-start') time.tries += 1;
    else time.tookMs = event.tookMs;
    times.set(event.step, time);
  }
  return [...times].map(([step, time]) => ({ step, ...time }));
}

/** What a guest asked of one machine, and what became of it. */
export interface AskedOf {
  readonly host: string;
  readonly outcome: RequestEvent['outcome'];
  /** Repeated refusals of one thing are told once (workshop/network/requests.ts). */
  readonly times: number;
  /** That came back, all together. */
  readonly sizeBytes: number;
  /** Each thing once, in the order in which it was asked for first. */
  readonly what: readonly string[];
}

type RequestEvent = Extract<BuildEvent, { event: 'request' }>;

/** In the order in which the machines were asked first. */
export function askedOfNetwork(events: readonly BuildEvent[]): AskedOf[] {
  const requests = events.filter((event) => event.event === 'request');
  const byHost = Map.groupBy(requests, ({ host, outcome }) => `${outcome} ${host ?? UNNAMED}`);
  return [...byHost.values()].map((asked) => ({
    host: asked[0]!.host ?? UNNAMED,
    outcome: asked[0]!.outcome,
    times: asked.length,
    sizeBytes: asked.reduce((sum, { sizeBytes = 0 }) => sum + sizeBytes, 0),
    what: [...new Set(asked.map(({ what }) => what))],
  }));
}

/** The host, where an earlier version wrote the transcript: it is in `what` only. */
const UNNAMED = '?';

/** In the order in which the steps failed first. */
export function troubles(events: readonly BuildEvent[]): StepTrouble[] {
  const found = new Map<string, StepTrouble>();
  for (const event of events) {
    if (event.event === 'step-failed') {
      const { step, phase, reason, screen, expected } = event;
      // An earlier version did not write the nearest lines.
      const nearest = Array.isArray(event.nearest) ? event.nearest : [];
      const { failures = 0, tried = [] } = found.get(step) ?? {};
      const told = { step, phase, reason, screen, nearest, failures: failures + 1, tried, cured: false };
      found.set(step, { ...told, ...(expected && { expected }) });
      continue;
    }
    if (!('step' in event)) continue;
    const trouble = found.get(event.step);
    if (trouble === undefined) continue;
    found.set(event.step, after(trouble, event));
  }
  return [...found.values()];
}

function after(trouble: StepTrouble, event: BuildEvent): StepTrouble {
  const tried = (one: Tried): StepTrouble => ({ ...trouble, tried: [...trouble.tried, one] });
  switch (event.event) {
    case 'step-done':
      return { ...trouble, cured: true };
    case 'picture':
      return { ...trouble, picture: event.file };
    case 'repair':
      return tried({ source: event.source, what: event.summary, ...(event.patch && { patch: event.patch }) });
    case 'patch-passed-over':
      return tried({ source: 'a patch', what: `not used: ${event.reason}`, patch: event.record });
    default:
      return trouble;
  }
}
