/** Where a text differs from the one that was expected, word by word. Pure. */

/** A mark under each character of `seen` whose word is not in `expected` at that point; empty where nothing differs. */
export function differenceMarks(expected: string, seen: string): string {
  const [old, now] = [wordsOf(expected), wordsOf(seen)];
  const common = longestCommon(
    old.map(({ word }) => word),
    now.map(({ word }) => word),
  );
  let marks = '';
  for (const [index, { word, at }] of now.entries()) {
    marks = marks.padEnd(at);
    marks += (common.has(index) ? ' ' : '^').repeat(word.length);
  }
  return marks.trimEnd();
}

function wordsOf(text: string): readonly { readonly word: string; readonly at: number }[] {
  return [...text.matchAll(/\S+/gu)].map((match) => ({ word: match[0], at: match.index }));
}

/** Indices in `b` of a longest common subsequence of both. */
function longestCommon(a: readonly string[], b: readonly string[]): ReadonlySet<number> {
  const lengths = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i -= 1) {
    for (let j = b.length - 1; j >= 0; j -= 1) {
      lengths[i]![j] = a[i] === b[j] ? lengths[i + 1]![j + 1]! + 1 : Math.max(lengths[i + 1]![j]!, lengths[i]![j + 1]!);
    }
  }
  const kept = new Set<number>();
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    if (a[i] === b[j]) {
      kept.add(j);
      i += 1;
      j += 1;
    } else if (lengths[i + 1]![j]! >= lengths[i]![j + 1]!) i += 1;
    else j += 1;
  }
  return kept;
}
