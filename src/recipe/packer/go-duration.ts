/** Go's way of writing times: `1m30s`, `1.5h`, `250ms`. */

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};

/** Milliseconds; `undefined` where the text is no such time. */
export function durationUnits(text: string): number | undefined {
  if (!/^(?:-?\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h))+$/.test(text)) return undefined;
  let total = 0;
  for (const [, number, unit] of text.matchAll(/(-?\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g))
    total += Number(number) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}

/** As recipes write times, rounded up to whole milliseconds, seconds or minutes. */
export function recipeDuration(ms: number): string {
  const whole = Math.max(1, Math.ceil(ms));
  if (whole % 60_000 === 0) return `${whole / 60_000}m`;
  if (whole % 1_000 === 0) return `${whole / 1_000}s`;
  return `${whole}ms`;
}
