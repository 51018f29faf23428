/** Steps, events, checkpoints and repair: the words that the engine and those around it share. */
import type { Digest } from '../../crypto/digest.ts';
import type { Condition, Drive, Operation, ResolvedRecipe, Step } from '../../recipe/types.ts';
import type { GuestRequest } from '../network/requests.ts';
import type { ScreenText } from '../screen/types.ts';
import type { LiveMachine } from './recorder.ts';

/** Why a step failed, with what a person needs to see to mend it. */
export interface StepFailure {
  readonly stepId: string;
  readonly stepDigest: Digest;
  /** `when` was never met · `expect` was never met · a watch fired · an act could not be carried out (typing, menu). */
  readonly phase: 'when' | 'expect' | 'watch' | 'act';
  readonly expected: Condition;
  /** One sentence. */
  readonly reason: string;
  readonly seen: ScreenText;
  /** The screen before the last input, where there was one: what stood there already is no answer to it. */
  readonly before?: ScreenText;
  readonly serialTail: string;
  /** Lines of the screen nearest to what was expected, best first; similarity 0 to 1. */
  readonly nearest: readonly { readonly line: string; readonly row: number; readonly similarity: number }[];
}

export interface RepairRequest {
  readonly resolved: ResolvedRecipe;
  readonly step: Step;
  readonly failure: StepFailure;
  /** Counts from 1 for each time this build has asked about this step. */
  readonly attempt: number;
  /** Steps whose end is a checkpoint to roll back to, oldest first; `null` is power-on. */
  readonly checkpoints: readonly (string | null)[];
  /** The machine as the step left it, for a person to work on. Whatever they do there, no build passes by it. */
  readonly live?: LiveMachine;
  /** Where the picture of the screen is kept (0600), if it may be. */
  readonly picture?: string;
  /** For the transcript: a patch that is not used, and why. */
  readonly passedOver?: (record: Digest, reason: string) => void;
}

/** What a repair source says. A `patch` is applied, and the build goes on from before the earliest step it changes. */
export type RepairAnswer =
  | {
      readonly kind: 'patch';
      readonly operations: readonly Operation[];
      readonly origin: 'trusted-patch' | 'suggestion' | 'human';
      /** Record id of a peer's patch. */
      readonly patch?: Digest;
      /** Shown to the person and written in the transcript. */
      readonly summary: string;
    }
  | { readonly kind: 'retry' }
  | { readonly kind: 'rollback'; readonly to: string | null }
  | { readonly kind: 'abort'; readonly reason: string };

/** Where a new version of a failing step comes from. The engine asks its sources in order until one answers. */
export interface RepairSource {
  readonly name: string;
  /** `undefined`: nothing to offer. A source that has offered a patch that did not help is asked again. */
  propose(request: RepairRequest, signal: AbortSignal): Promise<RepairAnswer | undefined>;
}

/** One line of the transcript (JSON Lines) and one event of `build --json`. `atMs` counts from the start of the build. */
export type BuildEvent = { readonly atMs: number } & (
  | { readonly event: 'phase'; readonly phase: BuildPhase; readonly detail?: string }
  | {
      readonly event: 'step-start';
      readonly step: string;
      readonly index: number;
      readonly of: number;
      readonly try: number;
    }
  | { readonly event: 'step-done'; readonly step: string; readonly tookMs: number }
  | {
      readonly event: 'step-failed';
      readonly step: string;
      readonly phase: StepFailure['phase'];
      readonly reason: string;
      readonly screen: readonly string[];
      readonly expected: Condition;
      readonly nearest: StepFailure['nearest'];
    }
  /** The picture of the screen that a step failed on, beside the transcript (0600). */
  | { readonly event: 'picture'; readonly step: string; readonly file: string }
  /** A patch that fits the failing step, and why it is not used. */
  | { readonly event: 'patch-passed-over'; readonly step: string; readonly record: Digest; readonly reason: string }
  | {
      readonly event: 'seen';
      readonly step: string;
      readonly condition: Condition;
      readonly frameSequence: number;
      readonly capturedAtMs: number;
      readonly eye: string;
    }
  /** `text` as the recipe has it: secrets stay `{{name}}`. `sentAtMs`: when its first key went out. */
  | {
      readonly event: 'typed';
      readonly step: string;
      readonly text: string;
      readonly retyped: number;
      readonly sentAtMs?: number;
    }
  | { readonly event: 'key'; readonly step: string; readonly key: string; readonly sentAtMs: number }
  /** From here on the guest finds this file on its network. */
  | { readonly event: 'serves'; readonly step: string; readonly file: string; readonly sizeBytes: number }
  /** What is in a drive from here on; `null`: nothing. */
  | { readonly event: 'medium'; readonly step: string; readonly drive: Drive; readonly medium: string | null }
  /** What the guest has asked of its network, and what became of it. */
  | {
      readonly event: 'request';
      readonly outcome: GuestRequest['outcome'];
      /** Absent in transcripts of earlier versions. */
      readonly host?: string;
      readonly what: string;
      readonly sizeBytes?: number;
    }
  | { readonly event: 'checkpoint'; readonly step: string; readonly key: Digest; readonly memoryBytes: number }
  | { readonly event: 'resumed'; readonly step: string; readonly key: Digest }
  | { readonly event: 'rolled-back'; readonly to: string | null }
  | { readonly event: 'repair-asked'; readonly step: string; readonly source: string }
  | {
      readonly event: 'repair';
      readonly step: string;
      readonly source: string;
      readonly answer: RepairAnswer['kind'];
      readonly summary: string;
      readonly patch?: Digest;
    }
  | { readonly event: 'progress'; readonly what: string; readonly done: number; readonly total: number }
  | { readonly event: 'done'; readonly recipe: Digest; readonly manifest?: Digest }
);

/** An event before it has its time. */
export type BuildEventBody = BuildEvent extends infer E ? (E extends BuildEvent ? Omit<E, 'atMs'> : never) : never;

export type BuildPhase = 'media' | 'boot' | 'steps' | 'measure' | 'personalise' | 'store';
