/** Which lines of a screen come nearest to what was wanted: the first thing to look at when a match fails. */
import { foldBlanks, foldText } from './fold.ts';
import { COMPARED_CHARACTERS, NEAREST_LINES } from './limits.ts';
import type { ScreenText } from './types.ts';

export interface NearLine {
  /** As it stands on the screen, without the blanks around it. */
  readonly line: string;
  readonly row: number;
  /** 0 to 1; 1 is the wanted text itself. */
  readonly similarity: number;
}

/** Best first, lines without any likeness left out. */
export function nearestLines(screen: ScreenText, wanted: string, count = NEAREST_LINES): NearLine[] {
  const folded = foldForComparison(wanted);
  if (folded === '') return [];
  return screen.lines
    .map((line, row) => ({ line: line.trim(), row, similarity: similarity(folded, foldForComparison(line)) }))
    .filter(({ similarity }) => similarity > 0)
    .sort((a, b) => b.similarity - a.similarity || a.row - b.row)
    .slice(0, count);
}

/** The better of two views: the same letters in a row (a typo, a changed word), or the same words in any order. */
function similarity(wanted: string, line: string): number {
  if (line === '') return 0;
  const letters = 1 - substringDistance(wanted, line) / wanted.length;
  return Math.round(Math.max(letters, sharedWords(wanted, line)) * 1000) / 1000;
}

/** Least number of edits that turn `wanted` into some part of `line` (Sellers' algorithm). */
export function substringDistance(wanted: string, line: string): number {
  let above = new Uint16Array(line.length + 1);
  for (let i = 1; i <= wanted.length; i++) {
    const row = new Uint16Array(line.length + 1);
    row[0] = i;
    for (let j = 1; j <= line.length; j++) {
      const replaced = above[j - 1]! + (wanted.charCodeAt(i - 1) === line.charCodeAt(j - 1) ? 0 : 1);
      row[j] = Math.min(replaced, above[j]! + 1, row[j - 1]! + 1);
    }
    above = row;
  }
  return Math.min(...above);
}

/** Part of the wanted words that the line has. */
function sharedWords(wanted: string, line: string): number {
  const words = wanted.split(' ');
  const there = new Set(line.split(' '));
  return words.filter((word) => there.has(word)).length / words.length;
}

function foldForComparison(text: string): string {
  return foldBlanks(foldText(text)).toLowerCase().slice(0, COMPARED_CHARACTERS);
}
