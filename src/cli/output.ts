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
  if (context.json) return;
  for (const one of fitting(context, harmless(line).split('\n'), 'stderr')) context.stderr.write(`${one}\n`);
}

/**
 * Columns as wide as their widest cell, two blanks apart; the last one is not padded. A last cell that does not fit into
 * `width` columns is broken at blanks; every row stays one string, so that rows can be counted.
 */
export function table(header: readonly string[], rows: readonly (readonly string[])[], width = Infinity): string[] {
  const all = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...all.map((row) => (row[column] ?? '').length)));
  return all.map((row) => {
    const last = row.at(-1) ?? '';
    const lead = row
      .slice(0, -1)
      .map((cell, column) => `${cell.padEnd(widths[column] ?? 0)}  `)
      .join('');
    if (lead.length + last.length <= width) return (lead + last).trimEnd();
    const longestWord = Math.max(...last.split(' ').map((word) => word.length));
    const needed = Math.max(MIN_CELL_COLUMNS, longestWord);
    const indent = ' '.repeat(width - lead.length >= needed ? lead.length : INDENT_COLUMNS);
    const lines = wrap(last, width - indent.length).map((line) => indent + line);
    const beside = indent.length === lead.length;
    return beside
      ? [lead + lines[0]!.trimStart(), ...lines.slice(1)].join('\n')
      : [lead.trimEnd(), ...lines].join('\n');
  });
}

/** With fewer columns than this beside the others, or than its longest word, a last cell gets lines of its own. */
const MIN_CELL_COLUMNS = 30;

const INDENT_COLUMNS = 4;

/** Breaks at blanks. A word that is longer than a line stays whole, so that it can be copied. */
export function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width) lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

/** A line that may be too long, broken at its blanks; what goes on stands two columns further in. */
export function folded(line: string, width: number): string[] {
  if (line.length <= width) return [line];
  const indent = ' '.repeat(line.search(/[^ ]|$/));
  const [first = '', ...more] = wrap(line.slice(indent.length), width - indent.length - 2);
  return [`${indent}${first}`, ...more.map((rest) => `${indent}  ${rest}`)];
}

/** Columns of the terminal that is written to; without a terminal nothing is broken, so that tools see whole lines. */
export function columns(context: Context, stream: 'stdout' | 'stderr' = 'stdout'): number {
  // A terminal that nobody has told its size says 0.
  return context[stream].isTTY === true ? context[stream].columns || 80 : Infinity;
}

/** Lines, those broken that do not fit into the terminal that is written to. */
export function fitting(context: Context, lines: readonly string[], stream: 'stdout' | 'stderr' = 'stdout'): string[] {
  return lines.flatMap((line) => folded(line, columns(context, stream)));
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

/** For people, who name a peer by their own name for them; `peer show` has the whole id. */
export function shortAuthor(author: string): string {
  return `${author.slice(0, 'ed25519:'.length + 12)}…`;
}

/** `2026-01-02 03:04`, from ISO 8601. */
export function minute(time: string): string {
  return time.slice(0, 16).replace('T', ' ');
}

export function seconds(ms: number): string {
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000);
  return `${Math.floor(whole / 60)} min ${whole % 60} s`;
}
