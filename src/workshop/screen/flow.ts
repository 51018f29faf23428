/** Text that goes on in the next row, as one line: what a person reads in a dialog or a wrapped terminal line. */
import { foldBlanks } from './fold.ts';

export interface Flow {
  readonly text: string;
  /** Where each character of `text` stands. */
  readonly places: readonly { readonly row: number; readonly column: number }[];
}

/**
 * Frames count as blanks, and a run of blanks as one. `joint` is what stands between two rows: a blank for text broken
 * between words, nothing for a terminal that breaks anywhere, when the row is full to its last cell.
 */
export function flow(lines: readonly string[], joint: ' ' | ''): Flow {
  let text = '';
  const places: { row: number; column: number }[] = [];
  const add = (char: string, row: number, column: number) => {
    if (char === ' ' && (text === '' || text.endsWith(' '))) return;
    text += char;
    places.push({ row, column });
  };
  for (const [row, line] of lines.entries()) {
    for (let column = 0; column < line.length; column++) {
      const char = line.charAt(column);
      add(foldBlanks(char) === '' ? ' ' : char, row, column);
    }
    const goesOn = joint === '' && !line.endsWith(' ') && lines[row + 1]?.startsWith(' ') === false;
    if (!goesOn) add(' ', row, line.length);
  }
  return { text, places };
}
