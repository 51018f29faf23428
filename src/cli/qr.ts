/** A QR code in the terminal: two rows of modules a line, light on whatever the terminal is. */
import { encodeQR } from 'qr';

/** Light modules around it, which scanners need. */
const BORDER = 2;

/** Lines of block characters, half as many as the code has rows. */
export function qrLines(text: string): string[] {
  const rows = encodeQR(text, 'raw', { ecc: 'low', border: BORDER });
  const lines: string[] = [];
  for (let row = 0; row < rows.length; row += 2) {
    const upper = rows[row] ?? [];
    const lower = rows[row + 1] ?? upper.map(() => false);
    // A module that is set is dark, which is the terminal's own background.
    lines.push(upper.map((dark, column) => BLOCKS[Number(dark) * 2 + Number(lower[column])] ?? ' ').join(''));
  }
  return lines;
}

/** By (upper is dark, lower is dark). */
const BLOCKS = ['█', '▀', '▄', ' '];
