/** A guest's screen, drawn live in the person's terminal: only rows that changed, and nothing the guest could command. */
import type { Writable } from 'node:stream';
import type { ScreenText } from '../../workshop/screen/types.ts';
import { harmless } from '../repair/boxed-screen.ts';

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

/** The rows of the terminal: the guest's, those around its cursor or its last text if not all fit, and our own line. */
export function liveRows(screen: ScreenText, status: string, size: TerminalSize): string[] {
  const room = Math.max(1, size.rows - 1);
  const from = firstRow(screen, room);
  const rows = Array.from({ length: Math.min(room, screen.rows) }, (_, at) =>
    drawnRow(screen, from + at, size.columns),
  );
  while (rows.length < room) rows.push('');
  return [...rows, `\u001b[7m${harmless(status).slice(0, size.columns).padEnd(size.columns)}\u001b[0m`];
}

function firstRow(screen: ScreenText, room: number): number {
  if (screen.rows <= room) return 0;
  const anchor = screen.cursor?.row ?? screen.lines.findLastIndex((line) => line.trim() !== '');
  return Math.max(0, Math.min(anchor - Math.floor(room / 2), screen.rows - room));
}

/** Highlighted cells stay highlighted: that is how menus are read. */
function drawnRow(screen: ScreenText, row: number, columns: number): string {
  const line = screen.lines[row] ?? '';
  let drawn = '';
  let inverse = false;
  for (let column = 0; column < Math.min(line.length, columns); column += 1) {
    const highlighted = screen.isHighlighted(row, column);
    if (highlighted !== inverse) drawn += highlighted ? '\u001b[7m' : '\u001b[27m';
    inverse = highlighted;
    drawn += harmless(line.charAt(column));
  }
  return inverse ? `${drawn}\u001b[0m` : drawn.trimEnd();
}

export interface LiveScreen {
  draw(screen: ScreenText, status: string): void;
  close(): void;
}

/** Takes the whole terminal (its alternate screen), and gives it back as it was. */
export function openLiveScreen(output: Writable, size: () => TerminalSize): LiveScreen {
  let shown: readonly string[] = [];
  let last: { readonly screen: ScreenText; readonly status: string; readonly size: string } | null = null;
  output.write('\u001b[?1049h\u001b[?25l\u001b[2J');
  return {
    draw(screen, status) {
      const { columns, rows: height } = size();
      const now = { screen, status, size: `${columns}x${height}` };
      // The same reading, drawn already: most looks change nothing.
      if (last?.screen === screen && last.status === status && last.size === now.size) return;
      last = now;
      const rows = liveRows(screen, status, { columns, rows: height });
      const changed = rows.flatMap((text, row) =>
        shown.length === rows.length && shown[row] === text ? [] : [`\u001b[${row + 1};1H${text}\u001b[K`],
      );
      if (shown.length > rows.length) changed.unshift('\u001b[2J');
      shown = rows;
      if (changed.length > 0) output.write(changed.join(''));
    },
    close() {
      output.write('\u001b[?25h\u001b[?1049l');
    },
  };
}
