/**
 * Names as they stand in a manifest: every byte that is not a printable ASCII character, and the backslash, as `\xHH`.
 * Nothing is lost, no two names look the same, and none can act on a terminal or break a line.
 */

export function escapeName(bytes: Uint8Array): string {
  let escaped = '';
  for (const byte of bytes) {
    escaped +=
      byte > 0x20 && byte < 0x7f && byte !== 0x5c
        ? String.fromCharCode(byte)
        : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return escaped;
}

/** The bytes again, or undefined where `escapeName` would not have written this. */
export function unescapeName(escaped: string): Buffer | undefined {
  const latin1 = escaped.replaceAll(/\\x([0-9a-f]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
  const bytes = Buffer.from(latin1, 'latin1');
  return escapeName(bytes) === escaped ? bytes : undefined;
}
