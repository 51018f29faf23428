/**
 * Blind steps, done once by the engine in a person's place, with everything that showed recorded. A step is blind whose
 * `expect` says only that the screen rests: what an import puts where another tool slept.
 *
 * How long to wait is known here alone, and only this once: as long as the step says (scaled, in the guest's time), and on
 * until the screen has rested too. Digits count as resting, so that a countdown or a clock does not hold it up; nor does
 * anything for ever.
 * What the last key of all does is waited for longer, where nothing shows of it: the other tool had its own way to go on.
 */
import { servedBy } from '../../recipe/conditions.ts';
import { durationMs } from '../../recipe/duration.ts';
import type { Act, Step } from '../../recipe/types.ts';
import { UsageError } from '../../errors.ts';
import { digitsAlike } from './harvest.ts';
import { PLAY_ANSWER_MS, PLAY_AT_MOST, PLAY_REST_MS, PRESS_MOST_MS, PRESS_REST_MS } from './limits.ts';
import { startRecorder, type LiveMachine, type Recorder } from './recorder.ts';
import type { Input, Recording } from './recording.ts';
import type { ScreenText } from '../screen/types.ts';

export function isBlind(step: Step): boolean {
  return step.expect !== undefined && 'still' in step.expect && step.when === undefined;
}

export interface Played {
  readonly recording: Recording;
  /** How many of the steps were done: fewer than there are where the machine went off. */
  readonly done: number;
}

/** Throws `harvest/cannot-play` where a step does more than type and press keys, and what the machine throws. */
export async function playBlind(
  live: LiveMachine,
  steps: readonly Step[],
  tell: (step: Step) => void,
  signal: AbortSignal,
): Promise<Played> {
  const rested = (recorder: Recorder, times: Rest) => rest(recorder, live, times, signal);
  const inputs = steps.map((step) => (step.do ?? []).flatMap((act) => inputsOf(step, act)));
  // What is served is there before the first key: the recipe says so of each step, and nothing is taken away again.
  for (const { file, content } of servedBy(steps)) live.network?.serve(file, content);
  const recorder = await startRecorder(live, signal);
  for (const [index, step] of steps.entries()) {
    tell(step);
    for (const input of inputs[index] ?? []) {
      await recorder.send(input, signal);
      // What a key leads to is seen before the next one goes out, so that each is confirmed by something of its own.
      if (!('char' in input)) await rested(recorder, { atLeastMs: 0, restMs: PRESS_REST_MS, atMostMs: PRESS_MOST_MS });
      if (recorder.recording().off) return { recording: recorder.recording(), done: index + 1 };
    }
    const atLeastMs = step.expect !== undefined && 'still' in step.expect ? durationMs(step.expect.still) : 0;
    const atMostMs = Math.max(PRESS_MOST_MS, atLeastMs * PLAY_AT_MOST);
    await rested(recorder, { atLeastMs, restMs: PLAY_REST_MS, atMostMs });
    if (step.checkpoint === true) recorder.markCheckpoint();
    if (recorder.recording().off) return { recording: recorder.recording(), done: index + 1 };
  }
  if (await answered(recorder, live, signal)) {
    await rested(recorder, { atLeastMs: 0, restMs: PLAY_REST_MS, atMostMs: PRESS_MOST_MS });
  }
  return { recording: recorder.recording(), done: steps.length };
}

/**
 * Waits for what the last key does, where nothing shows of it yet, and says whether anything came: a boot loader may read a
 * whole kernel without a word, and only what comes then tells that from a key that was lost.
 */
async function answered(
  recorder: Recorder,
  { observer, hostFactor }: LiveMachine,
  signal: AbortSignal,
): Promise<boolean> {
  const last = recorder.recording().inputs.at(-1);
  const unmoved = last && wordsOf(last.before);
  // A picture says nothing that could be expected: it is not waited for.
  if (last === undefined || unmoved === '') return false;
  if (wordsOf(last.seen.at(-1)?.screen ?? last.before) !== unmoved) return false;
  const deadline = observer.guestNow() + PLAY_ANSWER_MS * hostFactor;
  while (observer.guestNow() < deadline) {
    const { screen } = await recorder.next(signal);
    if (recorder.recording().off) return false;
    if (wordsOf(screen) !== unmoved) return true;
  }
  return false;
}

/** Milliseconds of the reference machine. */
interface Rest {
  readonly atLeastMs: number;
  readonly restMs: number;
  readonly atMostMs: number;
}

async function rest(
  recorder: Recorder,
  { observer, hostFactor }: LiveMachine,
  times: Rest,
  signal: AbortSignal,
): Promise<void> {
  const [atLeastMs, restMs, atMostMs] = [times.atLeastMs, times.restMs, times.atMostMs].map(
    (ms) => ms * hostFactor,
  ) as [number, number, number];
  const began = observer.guestNow();
  let shown = '';
  let restsSince = began;
  for (;;) {
    const look = await recorder.next(signal);
    if (recorder.recording().off) return;
    const words = wordsOf(look.screen);
    const at = observer.guestNow();
    // A screen without words is a picture: it rests when none of it moves.
    if (words !== shown || (words === '' && look.activeAtGuestMs > restsSince)) [shown, restsSince] = [words, at];
    const passed = at - began;
    if (passed >= atMostMs || (passed >= atLeastMs && at - restsSince >= restMs)) return;
  }
}

function wordsOf({ lines }: Pick<ScreenText, 'lines'>): string {
  return lines
    .map((line) => digitsAlike(line).trimEnd())
    .join('\n')
    .trim();
}

function inputsOf(step: Step, act: Act): Input[] {
  if ('type' in act && act.clear !== true) return Array.from(act.type, (char): Input => ({ char }));
  if ('key' in act && act.until === undefined) return [inputOf(act.key)];
  if ('keys' in act) return act.keys.map(inputOf);
  if ('serve' in act) return [];
  throw new UsageError('harvest/cannot-play', `the step ${step.id} does more than type and press keys`, {
    hint: 'Give it an expect of its own, instead of still; only what waits blindly is harvested.',
  });
}

/** Characters as characters: whether one is text or a command is read off the screen. */
function inputOf(key: string): Input {
  if (key === 'space') return { char: ' ' };
  return key.length === 1 ? { char: key } : { key };
}
