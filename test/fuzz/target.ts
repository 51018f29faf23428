/** One thing that strangers' bytes reach, and what its targets share. */
import { PortalgunError } from '../../src/errors.ts';

export interface Target {
  readonly name: string;
  readonly group: 'decoders' | 'signatures' | 'policy' | 'patches' | 'imports';
  /** Well-formed inputs, from which others are made. */
  readonly seeds: readonly Uint8Array[];
  /** Words that mean something there. */
  readonly words: readonly string[];
  /** What came of it, in words. Throws what is no error of ours: that is the crash. */
  run(bytes: Uint8Array): string | Promise<string>;
  /** Ends what it has started. */
  close?(): Promise<void>;
}

export const JSON_WORDS = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  'null',
  '__proto__',
  '\\u0000',
  '1e9',
  '-0',
  '9007199254740993',
];

export async function orRefusal(work: () => void | Promise<void>): Promise<string> {
  try {
    await work();
    return 'accepted';
  } catch (error) {
    if (error instanceof PortalgunError) return `${error.code}: ${error.message}`;
    throw error;
  }
}

export function asJson(bytes: Uint8Array): unknown {
  try {
    const value: unknown = JSON.parse(Buffer.from(bytes).toString());
    return Array.isArray(value) ? value : [value];
  } catch {
    // Not this target's business: the statement's parser is strict about JSON.
    return undefined;
  }
}

export function text(value: string): Uint8Array {
  return Uint8Array.from(Buffer.from(value));
}
