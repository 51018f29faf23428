/**
 * Sums of squared differences at every place at once, by a Fourier transform: always the same time, however much alike the
 * places are. Exact: the sums are whole numbers below 2^36, far from where a double's rounding could move them by a half.
 *
 * sum (S - P)² = sum S² - 2 sum SP + sum P²; the middle term is the transform's, the first slides.
 */
import type { Rect } from '../../picture/types.ts';
import type { Plane } from './find-patch.ts';
import { fourierPlan, fourierSize, transformColumns, transformRow, type FourierPlan } from './fourier.ts';

/** Comparisons of pixels that take as long as one step of the transform for one element, measured. */
const WORK = 1.7;

/** One number a place of the window, in reading order. */
export function correlate(screen: Plane, patch: Plane, window: Rect): Float64Array {
  const columns = window.width - patch.width + 1;
  const rows = window.height - patch.height + 1;
  const across = fourierPlan(fourierSize(window.width));
  const down = fourierPlan(fourierSize(window.height));
  const { real, imaginary, stride } = spectrum(together(screen, patch, window, across, down), across, down);
  transformColumns(real, imaginary, stride, stride, down);
  const own = squaresOf(patch.plane);
  const differences = windowSquares(screen, patch, window, columns, rows);
  const scale = 1 / (across.size * down.size);
  // The forward transform is used for the way back: its result is mirrored.
  const rowOf = (y: number): number => down.mirrored[y]! * stride;
  const pair = { real: new Float64Array(across.size), imaginary: new Float64Array(across.size) };
  for (let y = 0; y < rows; y += 2) {
    twoRows({ real, imaginary, stride }, rowOf(y), rowOf(Math.min(y + 1, rows - 1)), pair);
    transformRow(pair.real, pair.imaginary, 0, across);
    for (let x = 0; x < columns; x++) {
      const at = across.mirrored[x]!;
      const index = y * columns + x;
      differences[index] = differences[index]! + own - 2 * Math.round(pair.real[at]! * scale);
      if (y + 1 < rows)
        differences[index + columns] =
          differences[index + columns]! + own - 2 * Math.round(pair.imaginary[at]! * scale);
    }
  }
  return differences;
}

interface Complex {
  readonly real: Float64Array;
  readonly imaginary: Float64Array;
}

/** The transform of screen + i patch: one for both. */
function together(screen: Plane, patch: Plane, window: Rect, across: FourierPlan, down: FourierPlan): Complex {
  const real = new Float64Array(across.size * down.size);
  const imaginary = new Float64Array(across.size * down.size);
  for (let y = 0; y < window.height; y++) {
    const from = (window.y + y) * screen.width + window.x;
    const to = y * across.size;
    for (let x = 0; x < window.width; x++) real[to + x] = screen.plane[from + x]!;
    if (y < patch.height) for (let x = 0; x < patch.width; x++) imaginary[to + x] = patch.plane[y * patch.width + x]!;
    transformRow(real, imaginary, to, across);
  }
  transformColumns(real, imaginary, across.size, across.size, down);
  return { real, imaginary };
}

/** Of a picture's spectrum those columns that are not the mirror of another one: half of them, and the one in the middle. */
interface HalfSpectrum extends Complex {
  readonly stride: number;
}

/** From the transform Z of screen + i patch to the spectrum of their correlation, in the order of frequencies. */
function spectrum({ real, imaginary }: Complex, across: FourierPlan, down: FourierPlan): HalfSpectrum {
  const stride = across.size / 2 + 1;
  const out = { real: new Float64Array(stride * down.size), imaginary: new Float64Array(stride * down.size), stride };
  const { positions, mirrored: others } = across;
  for (let v = 0; v < down.size; v++) {
    const row = down.positions[v]! * across.size;
    const mirrored = down.mirrored[v]! * across.size;
    for (let u = 0; u < stride; u++) {
      const at = row + positions[u]!;
      const other = mirrored + others[u]!;
      const re = real[at]!;
      const im = imaginary[at]!;
      const otherRe = real[other]!;
      const otherIm = imaginary[other]!;
      const screenReal = re + otherRe;
      const screenImaginary = im - otherIm;
      const patchReal = im + otherIm;
      const patchImaginary = otherRe - re;
      const to = v * stride + u;
      out.real[to] = (screenReal * patchReal + screenImaginary * patchImaginary) / 4;
      out.imaginary[to] = (screenImaginary * patchReal - screenReal * patchImaginary) / 4;
    }
  }
  return out;
}

/** Two rows whose transforms are real, as one whose transform has the one for its real part, the other for its imaginary one. */
function twoRows({ real, imaginary, stride }: HalfSpectrum, first: number, second: number, to: Complex): void {
  const size = 2 * (stride - 1);
  for (let u = 0; u < stride; u++) {
    const re = real[first + u]!;
    const im = imaginary[first + u]!;
    const otherRe = real[second + u]!;
    const otherIm = imaginary[second + u]!;
    to.real[u] = re - otherIm;
    to.imaginary[u] = im + otherRe;
    if (u === 0 || u === stride - 1) continue;
    to.real[size - u] = re + otherIm;
    to.imaginary[size - u] = otherRe - im;
  }
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
  const size = fourierSize(width) * fourierSize(height);
  return WORK * size * Math.log2(size);
}
