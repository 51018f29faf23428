/**
 * A JSON reader (RFC 8259) for what strangers send. `JSON.parse` takes the last of two equal keys, rounds integers,
 * and sets `__proto__` as an own key that later copies turn into a prototype: readers that differ in such things have
 * let one signed text mean two things. Here such texts are refused, in one pass, with the place where.
 */
import { RefusedError } from '../errors.ts';
import { isPlainText, isSafeName } from './text.ts';

export interface JsonLimits {
  /** Size of the whole text in bytes, checked before anything is decoded. */
  readonly maxBytes: number;
  /** Arrays and objects within one another: `[[]]` is 2. */
  readonly maxDepth: number;
}

export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;
export type JsonObject = { readonly [key: string]: JsonValue };

export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const [TAB, LINE_FEED, CARRIAGE_RETURN, SPACE, QUOTE, BACKSLASH] = [0x09, 0x0a, 0x0d, 0x20, 0x22, 0x5c] as const;
/** Integers only, without -0, leading zeros, fraction or exponent: one text for one number. */
const NUMBER = /-?(?:0|[1-9][0-9]*)(?<rest>[.eE]?)/y;
const HEX4 = /[0-9a-fA-F]{4}/y;
const LITERALS = [
  ['true', true],
  ['false', false],
  ['null', null],
] as const;
const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/**
 * Throws `crypto/bad-json` (what and at which character) or `crypto/json-too-large`. Objects come back without
 * surprises: plain, own keys only, and no key is called `__proto__`.
 */
export function parseStrictJson(bytes: Uint8Array, limits: JsonLimits): JsonValue {
  if (bytes.length > limits.maxBytes) {
    throw new RefusedError(
      'crypto/json-too-large',
      `This JSON has ${bytes.length} bytes; at most ${limits.maxBytes} are read.`,
      { facts: { sizeBytes: bytes.length, maxBytes: limits.maxBytes } },
    );
  }
  const text = decodeUtf8(bytes);
  // As many characters as bytes: each of them is ASCII.
  const reader = new Reader(text, { maxDepth: limits.maxDepth, isAscii: text.length === bytes.length });
  return reader.document();
}

/** `ignoreBOM: true` keeps a byte order mark in the text, where the grammar then refuses it. Keeps nothing between calls. */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return UTF8.decode(bytes);
  } catch (cause) {
    throw new RefusedError('crypto/bad-json', 'This JSON is not valid UTF-8.', { cause });
  }
}

class Reader {
  readonly #text: string;
  readonly #maxDepth: number;
  readonly #isAscii: boolean;
  #at = 0;

  constructor(text: string, { maxDepth, isAscii }: { readonly maxDepth: number; readonly isAscii: boolean }) {
    this.#text = text;
    this.#maxDepth = maxDepth;
    this.#isAscii = isAscii;
  }

  document(): JsonValue {
    const value = this.#value(0);
    this.#skipSpace();
    if (this.#at !== this.#text.length) throw this.#refusal('something follows after the end of the value');
    return value;
  }

  #value(depth: number): JsonValue {
    this.#skipSpace();
    const next = this.#text[this.#at];
    if (next === undefined) throw this.#refusal('the text ends where a value should stand');
    if (next === '{') return this.#object(depth + 1);
    if (next === '[') return this.#array(depth + 1);
    if (next === '"') return this.#string();
    if (next === '-' || (next >= '0' && next <= '9')) return this.#number();
    for (const [word, value] of LITERALS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    throw this.#refusal('no value starts here');
  }

  #object(depth: number): JsonValue {
    this.#open(depth);
    const members: Record<string, JsonValue> = {};
    if (this.#take('}')) return members;
    do {
      this.#skipSpace();
      if (this.#text[this.#at] !== '"') throw this.#refusal('a key should stand here');
      const key = this.#string();
      if (key === '__proto__') throw this.#refusal('the key "__proto__" is not allowed');
      if (Object.hasOwn(members, key)) throw this.#refusal(`the key${shown(key)} stands twice in one object`);
      if (!this.#take(':')) throw this.#refusal('a colon should stand here');
      members[key] = this.#value(depth);
    } while (this.#take(','));
    if (!this.#take('}')) throw this.#refusal('a comma or a closing brace should stand here');
    return members;
  }

  #array(depth: number): JsonValue {
    this.#open(depth);
    const values: JsonValue[] = [];
    if (this.#take(']')) return values;
    do {
      values.push(this.#value(depth));
    } while (this.#take(','));
    if (!this.#take(']')) throw this.#refusal('a comma or a closing bracket should stand here');
    return values;
  }

  #open(depth: number): void {
    if (depth > this.#maxDepth) throw this.#refusal(`it is more than ${this.#maxDepth} levels deep`);
    this.#at++;
  }

  #number(): number {
    const start = this.#at;
    const match = this.#match(NUMBER);
    if (match === undefined) throw this.#refusal('this is not a number');
    if (match.groups?.['rest'] !== '') throw this.#refusal('a number has a fraction or an exponent: only integers');
    const next = this.#text[this.#at];
    if (next !== undefined && next >= '0' && next <= '9') throw this.#refusal('a number has a leading zero');
    const value = Number(match[0]);
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      this.#at = start;
      throw this.#refusal('a number is -0 or not within ±(2^53 - 1)');
    }
    return value;
  }

  #string(): string {
    const start = this.#at++;
    let value = this.#plain();
    // ASCII is well-formed and in NFC; an escape can bring in anything.
    let isPlain = this.#isAscii;
    for (;;) {
      const next = this.#text[this.#at++];
      if (next === '"') break;
      if (next === '\\') {
        isPlain = false;
        value += this.#escape() + this.#plain();
      } else {
        this.#at--;
        throw this.#refusal(next === undefined ? 'a string does not end' : 'a string holds a raw control character');
      }
    }
    if (!isPlain && !isPlainText(value)) {
      this.#at = start;
      throw this.#refusal('a string is not well-formed Unicode in NFC');
    }
    return value;
  }

  /** Everything up to the next quote, escape or control character, which RFC 8259 forbids unescaped. */
  #plain(): string {
    const start = this.#at;
    let at = start;
    for (; at < this.#text.length; at++) {
      const code = this.#text.charCodeAt(at);
      if (code === QUOTE || code === BACKSLASH || code < SPACE) break;
    }
    this.#at = at;
    return this.#text.slice(start, at);
  }

  #escape(): string {
    const letter = this.#text[this.#at++] ?? '';
    if (letter === 'u') {
      const digits = this.#match(HEX4);
      if (digits === undefined) throw this.#refusal('\\u needs four hex digits');
      return String.fromCharCode(Number.parseInt(digits[0], 16));
    }
    const value = Object.hasOwn(ESCAPES, letter) ? ESCAPES[letter] : undefined;
    if (value === undefined) throw this.#refusal('this escape does not exist');
    return value;
  }

  #take(character: string): boolean {
    this.#skipSpace();
    if (this.#text[this.#at] !== character) return false;
    this.#at++;
    return true;
  }

  /** JSON's own white space: Unicode has more. */
  #skipSpace(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at);
      if (code !== SPACE && code !== LINE_FEED && code !== CARRIAGE_RETURN && code !== TAB) return;
      this.#at++;
    }
  }

  #match(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match === null) return undefined;
    this.#at = pattern.lastIndex;
    return match;
  }

  #refusal(what: string): RefusedError {
    return new RefusedError('crypto/bad-json', `This JSON is refused: ${what} (character ${this.#at}).`, {
      facts: { at: this.#at },
    });
  }
}

/** A key is the sender's own word: shown only where it is short and cannot harm a terminal. */
function shown(key: string): string {
  return isSafeName(key, 40) ? ` ${JSON.stringify(key)}` : '';
}
