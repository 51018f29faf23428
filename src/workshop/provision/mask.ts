/** Keeps the values of secret parameters out of whatever is written or shown. Made once, from the values themselves. */
import { UNKNOWN } from '../screen/read-grid.ts';
import { MASK_PREFIX_CHARACTERS } from './limits.ts';

export interface Masker {
  text(text: string): string;
  /** Rows of a screen: a value may run over the end of a row. */
  lines(lines: readonly string[]): string[];
  /** Every string inside of a plain value. */
  value<T>(value: T): T;
}

/** Stands for each character of a secret. */
export const MASK = '•';

/** A value, or the beginning of one that is being typed, becomes as many dots. */
export function createMasker(secrets: Iterable<string>): Masker {
  const values = [...secrets].filter((secret) => secret !== '').sort((a, b) => b.length - a.length);

  function text(text: string): string {
    let masked = text;
    for (const secret of values) masked = masked.replaceAll(secret, MASK.repeat(secret.length));
    if (masked.includes(UNKNOWN)) for (const secret of values) masked = maskHalfRead(masked, secret);
    for (const secret of values) masked = maskBeginnings(masked, secret);
    return masked;
  }

  function lines(lines: readonly string[]): string[] {
    if (values.length === 0) return [...lines];
    // All rows as one text, then cut where they were cut: dots are as long as what they hide.
    const masked = text(lines.join(''));
    let at = 0;
    return lines.map((line) => {
      const piece = masked.slice(at, at + line.length);
      at += line.length;
      return piece;
    });
  }

  function value<T>(input: T): T {
    if (values.length === 0) return input;
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- strings become strings, and nothing else changes
    return deepMask(input) as T;
  }

  function deepMask(input: unknown): unknown {
    if (typeof input === 'string') return text(input);
    if (Array.isArray(input)) return input.every((one) => typeof one === 'string') ? lines(input) : input.map(deepMask);
    if (input === null || typeof input !== 'object') return input;
    return Object.fromEntries(Object.entries(input).map(([key, inner]) => [key, deepMask(inner)]));
  }

  return { text, lines, value };
}

/** A value with cells in it that could not be read: each of them may be any character. */
function maskHalfRead(text: string, secret: string): string {
  const units = secret.split('').map((unit) => `(?:${RegExp.escape(unit)}|${UNKNOWN})`);
  return text.replaceAll(new RegExp(units.join(''), 'g'), MASK.repeat(secret.length));
}

/** Only where a word begins: to dot out the middle of an unrelated word would tell what the secret begins with. */
function maskBeginnings(text: string, secret: string): string {
  let masked = text;
  for (let length = secret.length - 1; length >= MASK_PREFIX_CHARACTERS; length -= 1) {
    const beginning = new RegExp(`(?<![\\p{L}\\p{N}])${RegExp.escape(secret.slice(0, length))}`, 'gu');
    masked = masked.replaceAll(beginning, MASK.repeat(length));
  }
  return masked;
}
