/** When a step need not be waited for to its end: what it waits for cannot come, or does not come nearer. */
import { conditionsOf, describeCondition } from '../../recipe/conditions.ts';
import type { Condition, Duration, Step } from '../../recipe/types.ts';
import type { Bench, StepSettings } from './bench.ts';
import { progressIn, showsAnything, waitsUnseen, type Evaluation } from './conditions.ts';
import { masked, seconds } from './failing.ts';
import { FAIL_EARLY_BOOT_MS, FAIL_EARLY_MS, FAIL_EARLY_PART_OF_TIMEOUT } from './limits.ts';
import type { Observation } from './observer.ts';
import { textOf } from './step-failed.ts';

/** Fails once progress that was seen has stood still for its time: a busy screen is no progress. */
export function stallOf(
  condition: Condition,
  { reader }: Bench,
  settings: StepSettings,
  scaled: (duration: Duration) => number,
): (seen: Observation, guestNowMs: number) => string | undefined {
  const watched = progressIn(condition).map(({ text, stall }) => ({
    text,
    stallMs: scaled(stall),
    last: '',
    sinceMs: 0,
  }));
  return (seen, guestNowMs) => {
    const screen = masked(seen.screen, settings);
    for (const one of watched) {
      const shown = reader
        .find(screen, { regex: one.text })
        .map(({ row, column, length }) => screen.lines[row]?.slice(column, column + length) ?? '')
        .join(' / ');
      if (shown !== one.last) Object.assign(one, { last: shown, sinceMs: guestNowMs });
      if (shown !== '' && guestNowMs - one.sinceMs >= one.stallMs)
        return `${describeCondition(condition)} does not come nearer: "${shown}" has not changed for ${seconds(one.stallMs)}`;
    }
    return undefined;
  };
}

/**
 * A step fails before its time if nothing can be hoped for: the screen and the serial line have been still for the
 * patience below, something is written on the screen, and nothing of it is what the step or a watch speaks of.
 * A black screen never fails early: a machine that boots or switches its display shows one.
 */
export function earlyFailure(
  condition: Condition,
  step: Step,
  bench: Bench,
  settings: StepSettings,
  times: { startedAtGuestMs: number; own: number | undefined; scaled: (duration: Duration) => number },
): (seen: Observation, how: Evaluation, guestNowMs: number) => string | undefined {
  if (waitsUnseen(condition)) return () => undefined;
  const progress = progressIn(condition);
  const patience = Math.max(
    (bench.booting ? FAIL_EARLY_BOOT_MS : FAIL_EARLY_MS) * settings.hostFactor,
    (times.own ?? 0) * FAIL_EARLY_PART_OF_TIMEOUT,
    ...progress.map(({ stall }) => times.scaled(stall)),
  );
  const spokenOf = [...conditionsOf(step).map((one) => one.condition), condition].concat(
    settings.watches.map((watch) => watch.when),
  );
  return (seen, how, guestNowMs) => {
    const quietMs = guestNowMs - Math.max(seen.activeAtGuestMs, times.startedAtGuestMs);
    if (quietMs < patience) return undefined;
    if (textOf(seen.screen.lines).length === 0) return undefined;
    if (spokenOf.some((one) => showsAnything(one, seen, how))) return undefined;
    // Masked as a screen: in a line by itself, the rest of a secret from the row above is known to nobody.
    const lines = textOf(masked(seen.screen, settings).lines).filter((line) => line.trim() !== '');
    const reads = lines
      .slice(-3)
      .map((line) => line.trim())
      .join(' / ');
    return `${describeCondition(condition)} cannot come: the screen has been still for ${seconds(quietMs)} and says "${reads}"`;
  };
}
