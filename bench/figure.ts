export interface Figure {
  readonly what: string;
  readonly value: number;
  readonly unit: 'ms' | 's' | 'ratio' | 'count' | 'bytes' | 'MiB';
  /** What it should be, where that was said before it was measured. */
  readonly aim?: { readonly atMost: number } | { readonly atLeast: number };
  readonly note?: string;
}

/** One line of a table: what, how much, and whether that is enough. */
export function lineOf({ what, value, unit, aim, note }: Figure): string {
  const columns = [what.padEnd(46), numberOf(value).padStart(8), unit.padEnd(5)];
  const said = [...(aim === undefined ? [] : [judged(value, aim)]), ...(note === undefined ? [] : [`(${note})`])];
  return `  ${columns.join(' ')}  ${said.join(' ')}`.trimEnd();
}

function judged(value: number, aim: NonNullable<Figure['aim']>): string {
  const [sign, limit, isMet] =
    'atMost' in aim ? ['≤', aim.atMost, value <= aim.atMost] : ['≥', aim.atLeast, value >= aim.atLeast];
  return `${sign} ${numberOf(limit)}${isMet ? '' : '  missed'}`;
}

function numberOf(value: number): string {
  return value.toLocaleString('en', {
    maximumFractionDigits: value < 10 && !Number.isInteger(value) ? 2 : 0,
    minimumFractionDigits: value < 10 && !Number.isInteger(value) ? 2 : 0,
  });
}

/** The value below which `share` (0 to 1) of the values lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
