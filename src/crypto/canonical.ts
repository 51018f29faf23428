/**
 * Canonical JSON (RFC 8785) over the part of JSON in which two readers cannot disagree: integers that a double holds
 * exactly, NFC strings, no `undefined`. What could be read in two ways is refused here instead of being given a digest.
 */
import canonicalize from 'canonicalize';
import { UsageError } from '../errors.ts';
import { sha256, type Digest } from './digest.ts';
import { isPlainText } from './text.ts';

/** Deeper values are refused before anything recurses over them (levels). */
const MAX_DEPTH = 64;

/** Throws `crypto/not-canonical` naming the place (`$.steps[2].id`) and what is wrong there. */
export function canonicalJson(value: unknown): string {
  assertCanonical(value, '$', 0);
  const text: unknown = canonicalize(value);
  if (typeof text !== 'string') throw refusal('$', 'it is nothing that JSON can hold');
  return text;
}

/** SHA-256 over the canonical JSON: how recipes, steps and build keys are named. */
export function digestOf(value: unknown): Digest {
  return sha256(canonicalJson(value));
}

function assertCanonical(value: unknown, path: string, depth: number): void {
  if (depth > MAX_DEPTH) throw refusal(path, `it lies more than ${MAX_DEPTH} levels deep`);
  switch (typeof value) {
    case 'boolean':
      return;
    case 'number':
      if (!Number.isSafeInteger(value)) throw refusal(path, `the number ${value} is not an integer within ±(2^53 - 1)`);
      // RFC 8785 writes -0 as 0: a value that does not survive its own encoding.
      if (Object.is(value, -0)) throw refusal(path, 'the number is -0');
      return;
    case 'string':
      if (!isPlainText(value)) throw refusal(path, 'the string is not well-formed Unicode in NFC');
      return;
    case 'object':
      if (value === null) return;
      if (Array.isArray(value)) return assertArray(value, path, depth);
      return assertObject(value, path, depth);
    default:
      throw refusal(path, `a value of type ${typeof value} has no place in JSON`);
  }
}

function assertArray(values: readonly unknown[], path: string, depth: number): void {
  // By index: a hole is `undefined`, and forEach would pass over it.
  for (let index = 0; index < values.length; index++) assertCanonical(values[index], `${path}[${index}]`, depth + 1);
}

function assertObject(value: object, path: string, depth: number): void {
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) throw refusal(path, 'it is not a plain object');
  for (const [key, member] of Object.entries(value)) {
    if (!isPlainText(key)) throw refusal(path, 'a key is not well-formed Unicode in NFC');
    if (key === '__proto__') throw refusal(path, 'it has a key "__proto__", which no strict reader accepts');
    assertCanonical(member, `${path}.${key}`, depth + 1);
  }
}

function refusal(path: string, what: string): UsageError {
  return new UsageError('crypto/not-canonical', `This value has no canonical JSON: at ${path}, ${what}.`, {
    facts: { path },
  });
}
