/** Durations as recipes write them: an integer and one unit, `500ms`, `60s`, `30m`, `2h`. */
import { UsageError } from '../errors.ts';
import { MAX_DURATION_MS } from './limits.ts';
import type { Duration } from './types.ts';

const DURATION = /^([0-9]{1,9})(ms|s|m|h)$/;
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds, or undefined where the text is no duration from 1 ms to one day. */
export function parseDuration(text: string): number | undefined {
  const [, digits, unit] = DURATION.exec(text) ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  const ms = Number(digits) * (UNIT_MS[unit] ?? Number.NaN);
  return ms >= 1 && ms <= MAX_DURATION_MS ? ms : undefined;
}

/** Milliseconds. Throws `recipe/bad-duration`; in a checked recipe every duration parses. */
export function durationMs(duration: Duration): number {
  const ms = parseDuration(duration);
  if (ms !== undefined) return ms;
  throw new UsageError('recipe/bad-duration', `${JSON.stringify(duration)} is not a duration.`, {
    hint: 'Write an integer and a unit, from 1ms to 24h: 500ms, 60s, 30m.',
  });
}
