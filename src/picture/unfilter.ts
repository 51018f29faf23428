/**
 * PNG's five row filters undone (ISO/IEC 15948, 9). This loop touches every byte of every screenshot, so the filters are
 * written out one by one, without a function call a byte.
 */

/** `raw` holds rows of one filter byte and `rowBytes`; gives the rows alone. `distance`: bytes to the pixel on the left. */
export function unfilter(
  raw: Uint8Array,
  rowBytes: number,
  rows: number,
  distance: number,
  unknownFilter: (filter: number, row: number) => Error,
): Uint8Array {
  const out = new Uint8Array(rowBytes * rows);
  let from = 0;
  for (let row = 0; row < rows; row++) {
    const filter = raw[from++]!;
    const start = row * rowBytes;
    const end = start + rowBytes;
    const up = start - rowBytes;
    // The first row has nothing above it: zeros, for which Up is None and Paeth is Sub.
    const kind = row > 0 ? filter : filter === 2 ? 0 : filter === 4 ? 1 : filter;
    if (kind === 0) out.set(raw.subarray(from, from + rowBytes), start);
    else if (kind === 1) sub(raw, from, out, start, end, distance);
    else if (kind === 2) for (let to = start, at = from; to < end; to++, at++) out[to] = raw[at]! + out[to - rowBytes]!;
    else if (kind === 3) average(raw, from, out, start, end, distance, row > 0 ? up : -1);
    else if (kind === 4) paeth(raw, from, out, start, end, distance, up);
    else throw unknownFilter(filter, row);
    from += rowBytes;
  }
  return out;
}

function sub(raw: Uint8Array, from: number, out: Uint8Array, start: number, end: number, distance: number): void {
  let at = from;
  let to = start;
  for (; to < start + distance; to++, at++) out[to] = raw[at]!;
  for (; to < end; to++, at++) out[to] = raw[at]! + out[to - distance]!;
}

function average(
  raw: Uint8Array,
  from: number,
  out: Uint8Array,
  start: number,
  end: number,
  distance: number,
  up: number,
): void {
  for (let to = start, at = from; to < end; to++, at++) {
    const left = to - start < distance ? 0 : out[to - distance]!;
    const above = up < 0 ? 0 : out[up + (to - start)]!;
    out[to] = raw[at]! + ((left + above) >> 1);
  }
}

function paeth(
  raw: Uint8Array,
  from: number,
  out: Uint8Array,
  start: number,
  end: number,
  distance: number,
  up: number,
): void {
  let at = from;
  let to = start;
  let above = up;
  // Without a pixel on the left Paeth chooses the one above.
  for (; to < start + distance; to++, at++, above++) out[to] = raw[at]! + out[above]!;
  for (; to < end; to++, at++, above++) {
    const left = out[to - distance]!;
    const over = out[above]!;
    const corner = out[above - distance]!;
    const toLeft = Math.abs(over - corner);
    const toOver = Math.abs(left - corner);
    const toCorner = Math.abs(left + over - 2 * corner);
    out[to] = raw[at]! + (toLeft <= toOver && toLeft <= toCorner ? left : toOver <= toCorner ? over : corner);
  }
}
