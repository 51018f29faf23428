/**
 * Sums of squared differences at every place at once, by a Fourier transform: always the same time, however much alike the
 * places are. Exact: the sums are whole numbers below 2^36, far from where a double's rounding could move them by a half.
 *
 * sum (S - P)² = sum S² - 2 sum SP + sum P²; the middle term is the transform's, the first slides.
 */
import type { Rect } from '../../picture/types.ts';
import type { Plane } from './find-patch.ts';

/** Comparisons of pixels that take as long as one step of the transform for one element, measured. */
const WORK = 5;

/** One number a place of the window, in reading order. */
export function correlate(screen: Plane, patch: Plane, window: Rect): Float64Array {
  const columns = window.width - patch.width + 1;
  const rows = window.height - patch.height + 1;
  const across = powerOfTwo(window.width);
  const down = powerOfTwo(window.height);
  // The screen is the real part and the patch the imaginary one: one transform for both.
  const real = new Float64Array(across * down);
  const imaginary = new Float64Array(across * down);
  for (let y = 0; y < window.height; y++) {
    const from = (window.y + y) * screen.width + window.x;
    for (let x = 0; x < window.width; x++) real[y * across + x] = screen.plane[from + x]!;
  }
  for (let y = 0; y < patch.height; y++) {
    for (let x = 0; x < patch.width; x++) imaginary[y * across + x] = patch.plane[y * patch.width + x]!;
  }
  transform2d(real, imaginary, across, down);
  multiplyByConjugate(real, imaginary, across, down);
  transform2d(real, imaginary, across, down);
  const own = squaresOf(patch.plane);
  const squares = windowSquares(screen, patch, window, columns, rows);
  const scale = 1 / (across * down);
  const differences = new Float64Array(columns * rows);
  for (let y = 0; y < rows; y++) {
    for (let x = 0; x < columns; x++) {
      // The forward transform was used for the way back: its result is mirrored.
      const at = ((down - y) % down) * across + ((across - x) % across);
      const index = y * columns + x;
      differences[index] = squares[index]! + own - 2 * Math.round(real[at]! * scale);
    }
  }
  return differences;
}

/** From the transform Z of screen + i patch to the spectrum of their correlation. */
function multiplyByConjugate(real: Float64Array, imaginary: Float64Array, across: number, down: number): void {
  const outReal = new Float64Array(real.length);
  const outImaginary = new Float64Array(real.length);
  for (let v = 0; v < down; v++) {
    for (let u = 0; u < across; u++) {
      const at = v * across + u;
      const other = ((down - v) % down) * across + ((across - u) % across);
      const screenReal = (real[at]! + real[other]!) / 2;
      const screenImaginary = (imaginary[at]! - imaginary[other]!) / 2;
      const patchReal = (imaginary[at]! + imaginary[other]!) / 2;
      const patchImaginary = (real[other]! - real[at]!) / 2;
      outReal[at] = screenReal * patchReal + screenImaginary * patchImaginary;
      outImaginary[at] = screenImaginary * patchReal - screenReal * patchImaginary;
    }
  }
  real.set(outReal);
  imaginary.set(outImaginary);
}

function squaresOf(plane: Uint8Array): number {
  let sum = 0;
  for (const value of plane) sum += value * value;
  return sum;
}

/** The sum of squares under the patch at every place. */
function windowSquares(screen: Plane, patch: Plane, window: Rect, columns: number, rows: number): Float64Array {
  const result = new Float64Array(columns * rows);
  const column = new Float64Array(window.width);
  const change = (row: number, sign: 1 | -1): void => {
    const from = (window.y + row) * screen.width + window.x;
    for (let x = 0; x < window.width; x++) column[x] = column[x]! + sign * screen.plane[from + x]! ** 2;
  };
  for (let row = 0; row < patch.height - 1; row++) change(row, 1);
  for (let y = 0; y < rows; y++) {
    change(y + patch.height - 1, 1);
    let sum = 0;
    for (let x = 0; x < patch.width - 1; x++) sum += column[x]!;
    for (let x = 0; x < columns; x++) {
      sum += column[x + patch.width - 1]!;
      result[y * columns + x] = sum;
      sum -= column[x]!;
    }
    change(y, -1);
  }
  return result;
}

/** How many comparisons of single pixels take about as long as `correlate` for this window. */
export function transformWork({ width, height }: Rect): number {
  const size = powerOfTwo(width) * powerOfTwo(height);
  return WORK * size * Math.log2(size);
}

function powerOfTwo(size: number): number {
  let power = 1;
  while (power < size) power *= 2;
  return power;
}

function transform2d(real: Float64Array, imaginary: Float64Array, across: number, down: number): void {
  const rowPlan = createPlan(across);
  const rowReal = new Float64Array(across);
  const rowImaginary = new Float64Array(across);
  for (let y = 0; y < down; y++) {
    const from = y * across;
    rowReal.set(real.subarray(from, from + across));
    rowImaginary.set(imaginary.subarray(from, from + across));
    transform(rowReal, rowImaginary, rowPlan);
    real.set(rowReal, from);
    imaginary.set(rowImaginary, from);
  }
  const columnPlan = createPlan(down);
  const columnReal = new Float64Array(down);
  const columnImaginary = new Float64Array(down);
  for (let x = 0; x < across; x++) {
    for (let y = 0, at = x; y < down; y++, at += across) {
      columnReal[y] = real[at]!;
      columnImaginary[y] = imaginary[at]!;
    }
    transform(columnReal, columnImaginary, columnPlan);
    for (let y = 0, at = x; y < down; y++, at += across) {
      real[at] = columnReal[y]!;
      imaginary[at] = columnImaginary[y]!;
    }
  }
}

interface Plan {
  readonly cosines: Float64Array;
  readonly sines: Float64Array;
  /** Where each element goes: its index with the bits the other way round. */
  readonly order: Uint32Array;
}

function createPlan(size: number): Plan {
  const cosines = Float64Array.from({ length: size / 2 }, (_, index) => Math.cos((2 * Math.PI * index) / size));
  const sines = Float64Array.from({ length: size / 2 }, (_, index) => -Math.sin((2 * Math.PI * index) / size));
  const order = new Uint32Array(size);
  for (let index = 1; index < size; index++) order[index] = (order[index >> 1]! >> 1) | (index & 1 ? size / 2 : 0);
  return { cosines, sines, order };
}

/** Cooley and Tukey's, in place, for powers of two. No destructuring in here: it would make garbage of every number. */
function transform(real: Float64Array, imaginary: Float64Array, { cosines, sines, order }: Plan): void {
  const size = real.length;
  for (let index = 0; index < size; index++) {
    const other = order[index]!;
    if (other <= index) continue;
    const re = real[index]!;
    real[index] = real[other]!;
    real[other] = re;
    const im = imaginary[index]!;
    imaginary[index] = imaginary[other]!;
    imaginary[other] = im;
  }
  for (let half = 1; half < size; half *= 2) {
    const step = size / (2 * half);
    for (let start = 0; start < size; start += 2 * half) {
      for (let index = start, turn = 0; index < start + half; index++, turn += step) {
        const other = index + half;
        const cosine = cosines[turn]!;
        const sine = sines[turn]!;
        const re = real[other]! * cosine - imaginary[other]! * sine;
        const im = real[other]! * sine + imaginary[other]! * cosine;
        real[other] = real[index]! - re;
        imaginary[other] = imaginary[index]! - im;
        real[index] = real[index]! + re;
        imaginary[index] = imaginary[index]! + im;
      }
    }
  }
}
