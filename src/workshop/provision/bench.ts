/** What a step is worked with: one machine with eyes and hands for it, and what does not change while steps run. */
import type { Duration, Recipe, Step, Watch, Drive } from '../../recipe/types.ts';
import type { PictureReader } from '../screen/picture-reader.ts';
import type { Typist } from './acts.ts';
import type { TextReader } from './conditions.ts';
import type { Masker } from './mask.ts';
import type { Observer } from './observer.ts';
import type { BuildEventBody } from './types.ts';

/** One machine and all that a step needs to work on it. A restored or new machine gets a new bench. */
export interface Bench {
  readonly observer: Observer;
  readonly typist: Typist;
  readonly reader: TextReader;
  /** Makes eyes for what is not text, with the needles that the recipe has now. */
  readonly pictures: (needles: Recipe['needles']) => PictureReader;
  /** Input has gone out that no condition has confirmed yet: the next match must be of something new. */
  unconfirmed: boolean;
  /** No step has been done since power-on: firmware and kernels may draw nothing for long. */
  booting: boolean;
}

/** What does not change while the steps run. */
export interface StepSettings {
  readonly watches: readonly Watch[];
  readonly needles: Recipe['needles'];
  /** Unscaled, milliseconds. */
  readonly defaultTimeoutMs: number;
  readonly hostFactor: number;
  readonly durationMs: (duration: Duration) => number;
  readonly secrets: ReadonlyMap<string, string>;
  /** Knows the secrets: a guest may echo one, and what is told of a failure must not. */
  readonly masker: Masker;
  /** The step as the recipe has it, before parameters were bound: what a failure, and so a symptom, speaks of. */
  readonly asWritten: (step: Step) => Step;
  /** The drive that a medium goes into. */
  readonly driveOf: (medium: string) => Drive;
  readonly now: () => number;
  readonly emit: (event: BuildEventBody) => void;
  readonly signal: AbortSignal;
}
