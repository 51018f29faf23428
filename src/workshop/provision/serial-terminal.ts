/** The serial line as a terminal shows it: a screen that was redrawn is a screen, not a soup of escape sequences. */
import xterm from '@xterm/headless';
import { SERIAL_COLUMNS, SERIAL_ROWS, SERIAL_SCROLLBACK_LINES } from './limits.ts';
import type { SerialTerminal } from './observer.ts';

export function createSerialTerminal(): SerialTerminal {
  const terminal = new xterm.Terminal({
    cols: SERIAL_COLUMNS,
    rows: SERIAL_ROWS,
    scrollback: SERIAL_SCROLLBACK_LINES,
    allowProposedApi: true,
  });
  let lines: readonly string[] | null = null;
  return {
    write: (bytes) =>
      new Promise((resolve) => {
        lines = null;
        terminal.write(bytes, resolve);
      }),
    lines() {
      lines ??= readLines(terminal);
      return lines;
    },
  };
}

/** Rows that the terminal wrapped are one line again. */
function readLines(terminal: xterm.Terminal): string[] {
  const lines: string[] = [];
  const buffer = terminal.buffer.active;
  for (let row = 0; row < buffer.length; row += 1) {
    const line = buffer.getLine(row);
    if (line === undefined) continue;
    const text = line.translateToString(true);
    if (line.isWrapped && lines.length > 0) lines.push(`${lines.pop() ?? ''}${text}`);
    else lines.push(text);
  }
  while (lines.length > 0 && lines.at(-1) === '') lines.pop();
  return lines;
}
