/**
 * Characters that a console draws alike are alike to us: a Latin `a` and a Cyrillic `а` have one bitmap, so what was read
 * cannot tell them apart. Expected and read text are folded the same way before they are compared.
 *
 * One character becomes one character, so columns stay where they are.
 */
const LOOKALIKES: readonly (readonly [like: string, as: string])[] = [
  // Cyrillic
  ['АВЕЅІЈКМНОРСТУХаеѕіјорсухһԁԛԝ', 'ABESIJKMHOPCTYXaesijopcyxhdqw'],
  // Greek
  ['ΑΒΕΖΗΙΚΜΝΟΡΤΥΧονϳ', 'ABEZHIKMNOPTYXovj'],
  // Typographic quotes, dashes, spaces; signs that share a glyph
  ['‘’‛′´“”″‐‑‒–—−\u00a0\u2007\u202fµK', "'''''\"\"\"------   μK"],
];

/** Folded to blanks where text is followed across rows: the frame of a dialog is no part of its sentences. */
const BOX_DRAWING = /[\u2500-\u259f]/g;

export function foldText(text: string): string {
  // Almost all text is ASCII.
  // oxlint-disable-next-line no-control-regex
  if (/^[\x00-\x7f]*$/.test(text)) return text;
  let folded = '';
  for (const char of text) folded += TABLE.get(char) ?? char;
  return folded;
}

/** Box drawing and block elements as blanks, each run of blanks as one, none at the ends. */
export function foldBlanks(text: string): string {
  return text.replace(BOX_DRAWING, ' ').replace(/\s+/g, ' ').trim();
}

const TABLE: ReadonlyMap<string, string> = new Map(
  LOOKALIKES.flatMap(([like, as]) => Array.from(like, (char, index) => [char, as[index] ?? char] as const)),
);
