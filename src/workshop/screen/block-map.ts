/** For every place of a window: the sum of the block of pixels that begins there, and how much they spread. */
import type { Rect } from '../../picture/types.ts';

export interface BlockMap {
  /** Entries a row: the window's width. The last `block - 1` entries of a row and the last rows are not filled in. */
  readonly stride: number;
  readonly sums: Uint16Array;
  /** Standard deviation times the number of pixels in a block. */
  readonly spreads: Float32Array;
}

/** Sums down each column slide along the rows, and sums of those along the columns: two additions a pixel each way. */
export function createBlockMap(plane: Uint8Array, planeWidth: number, window: Rect, block: number): BlockMap {
  const { x, y, width, height } = window;
  const sums = new Uint16Array(width * height);
  const spreads = new Float32Array(width * height);
  const column = new Int32Array(width);
  const columnSquares = new Int32Array(width);
  const pixels = block * block;
  for (let row = 0; row < block - 1; row++) addRow(plane, (y + row) * planeWidth + x, column, columnSquares);
  for (let top = 0; top + block <= height; top++) {
    addRow(plane, (y + top + block - 1) * planeWidth + x, column, columnSquares);
    let sum = 0;
    let squares = 0;
    for (let at = 0; at < block - 1; at++) {
      sum += column[at]!;
      squares += columnSquares[at]!;
    }
    const to = top * width;
    for (let left = 0; left + block <= width; left++) {
      sum += column[left + block - 1]!;
      squares += columnSquares[left + block - 1]!;
      sums[to + left] = sum;
      spreads[to + left] = Math.sqrt(pixels * squares - sum * sum);
      sum -= column[left]!;
      squares -= columnSquares[left]!;
    }
    subtractRow(plane, (y + top) * planeWidth + x, column, columnSquares);
  }
  return { stride: width, sums, spreads };
}

function addRow(plane: Uint8Array, from: number, column: Int32Array, squares: Int32Array): void {
  for (let x = 0; x < column.length; x++) {
    const value = plane[from + x]!;
    column[x] = column[x]! + value;
    squares[x] = squares[x]! + value * value;
  }
}

function subtractRow(plane: Uint8Array, from: number, column: Int32Array, squares: Int32Array): void {
  for (let x = 0; x < column.length; x++) {
    const value = plane[from + x]!;
    column[x] = column[x]! - value;
    squares[x] = squares[x]! - value * value;
  }
}
