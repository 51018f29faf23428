/**
 * Armored OpenPGP (RFC 9580, section 6.2), looked at line by line before a library reads it: nothing may stand around it, for
 * what does is signed by nobody.
 */
import type { RefusedError } from '../../errors.ts';

export const BEGIN_SIGNATURE = '-----BEGIN PGP SIGNATURE-----';
export const END_SIGNATURE = '-----END PGP SIGNATURE-----';

/** The text, and its lines without their ends (LF or CRLF): from `begin` to the end of a signature. Throws what `wrong` makes. */
export function readArmored(
  bytes: Uint8Array,
  begin: string,
  wrong: (why: string, cause?: unknown) => RefusedError,
): { readonly armored: string; readonly lines: readonly string[] } {
  let armored: string;
  try {
    armored = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw wrong('it is not UTF-8 text', cause);
  }
  const lines = armored.split('\n').map((line) => (line.endsWith('\r') ? line.slice(0, -1) : line));
  while (lines.at(-1) === '') lines.pop();
  if (lines[0] !== begin) throw wrong(`text stands before "${begin}", or it is not there`);
  if (lines.at(-1) !== END_SIGNATURE) throw wrong('text stands after the signature, or the file is cut off');
  return { armored, lines };
}
