/** How answers look: tables for people, one JSON document for programs. */
import type { Context } from './context.ts';

export function printLine(context: Context, line = ''): void {
  context.stdout.write(`${harmless(line)}\n`);
}

/**
 * What guests, peers and tools say must not speak to the person's terminal (threat 36): of all control and direction
 * characters only line ends, tabs and our own colours get through.
 */
export function harmless(text: string): string {
  // oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
  return text.replaceAll(/\u001b\[\d{1,2}m|[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, (found) =>
    found.length > 1 || found === '\n' || found === '\t' ? found : '·',
  );
}

/** One line of JSON that says the same and holds none of those characters, wherever it is shown. */
export function jsonLine(value: unknown): string {
  const escaped = (found: string): string => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu, (found) =>
    found.split('').map(escaped).join(''),
  );
}

/** `--json`: the value as it is. Otherwise what `text` makes of it. */
export function printResult<T>(context: Context, value: T, text: (value: T) => string | readonly string[]): void {
  if (context.json) {
    context.stdout.write(`${jsonLine(value)}\n`);
    return;
  }
  const lines = text(value);
  printLine(context, typeof lines === 'string' ? lines : lines.join('\n'));
}

/** Progress and remarks for people: stderr, so that stdout stays what was asked for. Silent with `--json`. */
export function note(context: Context, line: string): void {
  if (!context.json) context.stderr.write(`${harmless(line)}\n`);
}

/** Columns as wide as their widest cell, two blanks apart; the last one is not padded. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) =>
    row
      .map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}

export type Colour = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';

const CODES: Readonly<Record<Colour, number>> = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 };

/** Colour where the stream is a terminal and NO_COLOR (no-color.org) is not set. */
export function paint(context: Context, stream: 'stdout' | 'stderr', colour: Colour, text: string): string {
  const wanted = context[stream].isTTY === true && !context.environment['NO_COLOR'];
  return wanted ? `\u001b[${CODES[colour]}m${text}\u001b[0m` : text;
}

export function bytes(size: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB'];
  let value = size;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

export function seconds(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
