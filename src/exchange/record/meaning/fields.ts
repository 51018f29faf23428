/**
 * Reads the fields of a predicate one by one, each with its type and limit. The first that does not hold ends it with
 * `NotUnderstood`, whose message names the place: never shown are values that were not checked.
 */
import { isDigest, type Digest } from '../../../crypto/digest.ts';
import { isSafeLine, isSafeName, isSafeText } from '../../../crypto/text.ts';
import { LINE_MAX_LENGTH, NAME_MAX_LENGTH } from '../limits.ts';

/** The record counts for nothing. Caught by `judge`, and by the drafts. */
export class NotUnderstood extends Error {}

export class Fields {
  /** For messages: `predicate.operations[2]`. */
  readonly where: string;
  readonly #members: Readonly<Record<string, unknown>>;

  constructor(value: unknown, where: string) {
    if (!isRecord(value)) throw new NotUnderstood(`${where} is not an object`);
    this.where = where;
    this.#members = value;
  }

  /** For the parts where a field that this version does not know could change what the rest means. */
  only(...known: readonly string[]): this {
    for (const key of Object.keys(this.#members)) {
      if (known.includes(key)) continue;
      throw new NotUnderstood(
        `${this.where} has a field that this version does not know${isSafeName(key, 40) ? `: ${key}` : ''}`,
      );
    }
    return this;
  }

  has(key: string): boolean {
    return this.#members[key] !== undefined;
  }

  keys(): string[] {
    return Object.keys(this.#members);
  }

  value(key: string): unknown {
    return this.#members[key];
  }

  string(key: string): string {
    const value = this.#members[key];
    return typeof value === 'string' ? value : this.#fail(key, 'is not a string');
  }

  name(key: string): string {
    const value = this.string(key);
    return isSafeName(value, NAME_MAX_LENGTH) ? value : this.#fail(key, 'is not a proper name');
  }

  line(key: string): string {
    const value = this.string(key);
    return isSafeLine(value, LINE_MAX_LENGTH) ? value : this.#fail(key, 'is not one proper line of text');
  }

  text(key: string, maxBytes: number): string {
    const value = this.string(key);
    if (Buffer.byteLength(value) > maxBytes) return this.#fail(key, `is longer than ${maxBytes} bytes`);
    return isSafeText(value)
      ? value
      : this.#fail(key, 'holds control or bidi characters (line ends are single line feeds)');
  }

  digest(key: string): Digest {
    const value = this.#members[key];
    return isDigest(value) ? value : this.#fail(key, 'is not a digest');
  }

  /** Absent and null are the same: there is none. */
  optionalDigest(key: string): Digest | null {
    const value = this.#members[key];
    return value === undefined || value === null ? null : this.digest(key);
  }

  oneOf<T extends string>(key: string, known: readonly T[]): T {
    const value = this.#members[key];
    return known.find((word) => word === value) ?? this.#fail(key, `is none of ${known.join(', ')}`);
  }

  list(key: string, maxLength: number): readonly unknown[] {
    const value = this.#members[key];
    if (!Array.isArray(value)) return this.#fail(key, 'is not a list');
    return value.length <= maxLength ? value : this.#fail(key, `has more than ${maxLength} entries`);
  }

  names(key: string, maxLength: number): readonly string[] {
    return this.list(key, maxLength).map((value, index) => {
      if (typeof value === 'string' && isSafeName(value, NAME_MAX_LENGTH)) return value;
      return this.#fail(`${key}[${index}]`, 'is not a proper name');
    });
  }

  object(key: string): Fields {
    return new Fields(this.#members[key], `${this.where}.${key}`);
  }

  #fail(key: string, what: string): never {
    // A key can be the sender's own word.
    throw new NotUnderstood(`${this.where}.${isSafeName(key, NAME_MAX_LENGTH) ? key : '?'} ${what}`);
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
