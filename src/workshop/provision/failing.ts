/** What is told of a step that failed, without what it may show of a secret. */
import { PortalgunError } from '../../errors.ts';
import { placesOf } from '../../recipe/conditions.ts';
import { stepDigest } from '../../recipe/digest.ts';
import type { Act, Condition, Step } from '../../recipe/types.ts';
import type { ScreenText } from '../screen/types.ts';
import type { Bench, StepSettings } from './bench.ts';
import { nearestTo, serialText } from './conditions.ts';
import { NEAREST_LINES, SERIAL_TAIL_CHARACTERS } from './limits.ts';
import type { Observation } from './observer.ts';
import { StepFailed } from './step-failed.ts';
import type { StepFailure } from './types.ts';

export interface Failing {
  readonly step: Step;
  readonly phase: StepFailure['phase'];
  readonly condition: Condition;
  readonly asked?: (written: Step) => Condition | undefined;
  readonly reason: string;
  readonly seen: Observation;
  readonly bench: Bench;
  readonly settings: StepSettings;
}

export function failed(
  { step, phase, condition, asked, reason, seen, bench, settings }: Failing,
  cause?: unknown,
): StepFailed {
  const { masker } = settings;
  const screen = masked(seen.screen, settings);
  const written = settings.asWritten(step);
  const failure: StepFailure = {
    stepId: step.id,
    stepDigest: stepDigest(written),
    phase,
    // As written it is the same on every host, whatever its parameters: a symptom is made of it.
    expected: asked?.(written) ?? condition,
    reason: masker.text(reason),
    seen: screen,
    ...(seen.mark.screen && { before: masked(seen.mark.screen, settings) }),
    // Masked before it is cut: what is left of a secret at its edge nobody would know.
    serialTail: masker.text(serialText(seen)).slice(-SERIAL_TAIL_CHARACTERS),
    nearest: masker.value(nearestTo(condition, screen, bench.reader, NEAREST_LINES)),
  };
  const error = new StepFailed(failure, seen.frame);
  if (cause !== undefined) error.cause = cause;
  return error;
}

export function masked(screen: ScreenText, { secrets, masker }: StepSettings): ScreenText {
  return secrets.size === 0 ? screen : { ...screen, lines: masker.lines(screen.lines) };
}

/** Typing that could not be read back or a menu entry that is not there: the step's failure, and mendable. */
export async function actFailed(
  error: unknown,
  act: Act,
  step: Step,
  bench: Bench,
  settings: StepSettings,
): Promise<unknown> {
  if (!(error instanceof PortalgunError) || !error.code.startsWith('input/')) return error;
  const seen = await bench.observer.look(settings.signal);
  const condition = wantedBy(act) ?? step.expect ?? step.when ?? { changed: true };
  return failed({ step, phase: 'act', condition, reason: error.message, seen, bench, settings }, error);
}

/** What an act looked for on the screen. */
function wantedBy(act: Act): Condition | undefined {
  if ('menu' in act) return { text: act.menu };
  if ('check' in act) return { text: act.check };
  if ('uncheck' in act) return { text: act.uncheck };
  if ('type' in act) return { text: act.type };
  if ('key' in act) return act.until;
  const place = placesOf(act).find((one) => !('at' in one));
  if (place === undefined || 'at' in place) return undefined;
  return 'needle' in place ? { needle: place.needle } : { text: place.text };
}

export function seconds(ms: number): string {
  return ms < 1_000 ? `${Math.round(ms)} ms` : `${Math.round(ms / 100) / 10} s`;
}
