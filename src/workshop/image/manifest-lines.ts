/** A manifest as a set of lines, for comparing two without sending one: docs/manifest.md says in which order they stand. */

/** Index of the path among an entry's fields. */
const PATH_FIELD = 8;

/** The lines, without their line feeds. No line is in a manifest twice. */
export function manifestLines(manifest: Uint8Array): Uint8Array[] {
  const lines: Uint8Array[] = [];
  let begin = 0;
  for (let end = manifest.indexOf(0x0a); end >= 0; end = manifest.indexOf(0x0a, begin)) {
    lines.push(manifest.subarray(begin, end));
    begin = end + 1;
  }
  if (begin < manifest.length) lines.push(manifest.subarray(begin));
  return lines;
}

/** The lines put in a manifest's order. Whether it is one, `parseManifest` says. */
export function manifestOfLines(lines: readonly Uint8Array[]): Uint8Array {
  const placed = lines.map((line) => {
    const text = Buffer.from(line).toString('latin1');
    return { text, place: placeOf(text) };
  });
  placed.sort((a, b) => (a.place < b.place ? -1 : a.place > b.place ? 1 : 0));
  return Buffer.from(placed.map(({ text }) => `${text}\n`).join(''), 'latin1');
}

/** The two lines of the header come first; no path is so short, or begins with what they do. */
function placeOf(line: string): string {
  if (line.startsWith('portalgun-manifest ')) return '\u0000';
  if (line.startsWith('normaliser ')) return '\u0001';
  return line.split(' ')[PATH_FIELD] ?? '';
}
