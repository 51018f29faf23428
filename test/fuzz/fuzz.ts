/**
 * Bytes made from well-formed ones and from the corpus by small changes. What gives an outcome that nothing in the
 * corpus gives yet is kept: so the corpus grows towards what was never seen, without knowing the code.
 */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import * as fc from 'fast-check';
import type { Target } from './target.ts';

export const CORPUS = path.join(import.meta.dirname, 'corpus');
/** Of one target; and the largest input that is kept. */
const CORPUS_MAX_FILES = 60;
const CORPUS_MAX_BYTES = 4096;

export interface Outcome {
  readonly runs: number;
  readonly outcomes: number;
  /** Inputs that were added to the corpus. */
  readonly added: number;
}

type Change =
  | { readonly what: 'flip' | 'drop' | 'repeat' | 'cut'; readonly at: number; readonly size: number }
  | { readonly what: 'insert' | 'overwrite'; readonly at: number; readonly bytes: Uint8Array }
  | { readonly what: 'word'; readonly at: number; readonly word: number }
  | { readonly what: 'splice'; readonly at: number; readonly from: number; readonly size: number };

const at = fc.nat(0xffff);
const size = fc.integer({ min: 1, max: 64 });
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ what: fc.constantFrom('flip' as const, 'drop' as const, 'repeat' as const, 'cut' as const), at, size }),
  fc.record({
    what: fc.constantFrom('insert' as const, 'overwrite' as const),
    at,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 8 }),
  }),
  { weight: 2, arbitrary: fc.record({ what: fc.constant('word' as const), at, word: fc.nat(0xffff) }) },
  fc.record({ what: fc.constant('splice' as const), at, from: fc.nat(0xffff), size }),
);

export function corpusOf(target: Target): Uint8Array[] {
  const folder = path.join(CORPUS, target.name);
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder)
    .sort()
    .map((file) => Uint8Array.from(readFileSync(path.join(folder, file))));
}

/** Throws, with the input kept in the corpus, where something is no answer and no refusal. */
export async function fuzz(
  target: Target,
  options: { seconds: number; seed: number; grow: boolean },
): Promise<Outcome> {
  const inputs = [...target.seeds, ...corpusOf(target)];
  const seen = new Set<string>();
  for (const input of inputs) seen.add(kindOf(await run(target, input)));
  let [runs, added] = [0, 0];
  const made = fc.record({ from: fc.nat(0xffff), changes: fc.array(change, { minLength: 1, maxLength: 6 }) });
  const property = fc.asyncProperty(made, async ({ from, changes }) => {
    const input = changes.reduce(
      (bytes, one) => changed(bytes, one, target.words, inputs),
      inputs[from % inputs.length] ?? new Uint8Array(),
    );
    runs += 1;
    const kind = kindOf(await run(target, input));
    if (seen.has(kind)) return;
    seen.add(kind);
    if (input.length > CORPUS_MAX_BYTES || inputs.length >= CORPUS_MAX_FILES) return;
    inputs.push(input);
    added += 1;
    if (options.grow) keep(target, input);
  });
  const { seed } = options;
  // `changed` draws on what was found before, so that one counterexample alone would not play again: it is kept instead.
  await fc.assert(property, {
    seed,
    numRuns: Number.MAX_SAFE_INTEGER,
    endOnFailure: true,
    interruptAfterTimeLimit: options.seconds * 1000,
    markInterruptAsFailure: false,
  });
  return { runs, outcomes: seen.size, added };
}

async function run(target: Target, input: Uint8Array): Promise<string> {
  try {
    return await target.run(Uint8Array.from(input));
  } catch (error) {
    const file = keep(target, input);
    throw new Error(`${target.name} crashed on ${path.relative(process.cwd(), file)}: ${String(error)}`, {
      cause: error,
    });
  }
}

function keep(target: Target, input: Uint8Array): string {
  const name = createHash('sha256').update(input).digest('hex').slice(0, 16);
  const file = path.join(CORPUS, target.name, name);
  writeFileSync(file, input);
  return file;
}

/** An outcome without what differs from input to input: numbers, quoted words, hex. */
function kindOf(outcome: string): string {
  return outcome
    .replaceAll(/(["'“`]).*?(?:["'”`]|$)/gu, '…')
    .replaceAll(/[0-9a-f]{6,}/g, '…')
    .replaceAll(/\d+/g, '0')
    .replaceAll(/[^\x20-\x7e…]+/g, '?')
    .slice(0, 100);
}

function changed(bytes: Uint8Array, one: Change, words: readonly string[], others: readonly Uint8Array[]): Uint8Array {
  const place = bytes.length === 0 ? 0 : one.at % (bytes.length + 1);
  const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
  switch (one.what) {
    case 'flip': {
      const copy = Uint8Array.from(bytes);
      if (place < copy.length) copy[place] = (copy[place] ?? 0) ^ (1 << (one.size % 8));
      return copy;
    }
    case 'drop':
      return Buffer.concat([before, after.subarray(one.size)]);
    case 'repeat':
      return Buffer.concat([before, after.subarray(0, one.size), after]);
    case 'cut':
      return before;
    case 'insert':
      return Buffer.concat([before, one.bytes, after]);
    case 'overwrite':
      return Buffer.concat([before, one.bytes, after.subarray(one.bytes.length)]);
    case 'word':
      return Buffer.concat([before, Buffer.from(words[one.word % Math.max(1, words.length)] ?? ''), after]);
    default: {
      const other = others[one.from % others.length] ?? new Uint8Array();
      const start = other.length === 0 ? 0 : one.from % other.length;
      return Buffer.concat([before, other.subarray(start, start + one.size), after]);
    }
  }
}
