/**
 * A guest's screen as evidence for a patch: its text, masked where it was made, and nothing else. It travels as the blob
 * type `screen`, and whoever gets one reads it with the same strict eyes.
 */
import { RefusedError } from '../errors.ts';
import { isSafeText } from '../crypto/text.ts';

export const SCREEN_BLOB = 'screen';

/** UTF-8 bytes of one screen: 160 columns by 64 rows in double-width characters, twice. */
export const SCREEN_MAX_BYTES = 64 * 1024;
export const SCREEN_MAX_ROWS = 128;
export const SCREEN_MAX_COLUMNS = 320;

/** What cannot travel (control and direction characters, unknown cells) becomes U+FFFD; blank ends are cut. */
export function formatScreen(lines: readonly string[]): string {
  const rows = lines
    .slice(0, SCREEN_MAX_ROWS)
    .map((line) =>
      Array.from(line.slice(0, SCREEN_MAX_COLUMNS).toWellFormed().normalize('NFC'), travelling).join('').trimEnd(),
    );
  while (rows.length > 0 && rows.at(-1) === '') rows.pop();
  return rows.map((row) => `${row}\n`).join('');
}

function travelling(char: string): string {
  return char !== '\n' && char !== '\t' && isSafeText(char) ? char : '\ufffd';
}

/** The rows of a screen. Throws RefusedError `evidence/not-a-screen`. */
export function parseScreen(bytes: Uint8Array): string[] {
  const refuse = (why: string): never => {
    throw new RefusedError('evidence/not-a-screen', `this is no screen: ${why}`);
  };
  if (bytes.length > SCREEN_MAX_BYTES) return refuse(`it has ${bytes.length} bytes, more than ${SCREEN_MAX_BYTES}`);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return refuse('it is not UTF-8'); // which is all that the decoder can say
  }
  if (!isSafeText(text) || text.includes('\t')) return refuse('it holds control or direction characters');
  if (text !== '' && !text.endsWith('\n')) return refuse('its last row does not end');
  const rows = text.split('\n').slice(0, -1);
  if (rows.length > SCREEN_MAX_ROWS) return refuse(`it has ${rows.length} rows, more than ${SCREEN_MAX_ROWS}`);
  if (rows.some((row) => row.length > SCREEN_MAX_COLUMNS)) return refuse(`a row is longer than ${SCREEN_MAX_COLUMNS}`);
  return rows;
}
