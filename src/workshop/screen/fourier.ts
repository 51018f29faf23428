/**
 * Fourier transforms of pictures, in place, with the real parts in one array and the imaginary ones in another. What comes out
 * is in the order that falls out of the work (decimation in frequency): putting it right would be as much work as a quarter of
 * the transform, and whoever reads it can look up where a frequency is.
 */

export interface FourierPlan {
  readonly size: number;
  /** Where the result for each frequency is. */
  readonly positions: Int32Array;
  /** The same for the frequency that turns the other way. */
  readonly mirrored: Int32Array;
  readonly stages: readonly Stage[];
}

interface Stage {
  readonly radix: 2 | 3 | 4;
  /** Elements from one of the `radix` that are put together to the next. */
  readonly span: number;
  /** Turns of the second of them for each of `span`, then those of the third. */
  readonly cosines: Float64Array;
  readonly sines: Float64Array;
}

/** The least size that is no less, and that there is a plan for: 2ⁿ or 3·2ⁿ, and even. */
export function fourierSize(least: number): number {
  let power = 4;
  while (power < least) power *= 2;
  return power >= 8 && (power / 4) * 3 >= least ? (power / 4) * 3 : power;
}

export function fourierPlan(size: number): FourierPlan {
  const stages: Stage[] = [];
  for (let left = size; left > 1;) {
    const radix = left % 3 === 0 ? 3 : left % 4 === 0 ? 4 : 2;
    const span = left / radix;
    const turns = Array.from({ length: radix - 1 }, (_, which) =>
      Array.from({ length: span }, (_, index) => (-2 * Math.PI * (which + 1) * index) / left),
    ).flat();
    stages.push({
      radix,
      span,
      cosines: Float64Array.from(turns, (turn) => Math.cos(turn)),
      sines: Float64Array.from(turns, (turn) => Math.sin(turn)),
    });
    left = span;
  }
  const positions = new Int32Array(size);
  for (let position = 0; position < size; position++) {
    let [frequency, weight, rest] = [0, 1, position];
    for (const { radix, span } of stages) {
      frequency += Math.floor(rest / span) * weight;
      rest %= span;
      weight *= radix;
    }
    positions[frequency] = position;
  }
  const mirrored = Int32Array.from(positions, (_, frequency) => positions[(size - frequency) % size]!);
  return { size, positions, mirrored, stages };
}

/** One row of `plan.size` elements, from `from` on. */
export function transformRow(real: Float64Array, imaginary: Float64Array, from: number, plan: FourierPlan): void {
  const end = from + plan.size;
  for (const { radix, span, cosines, sines } of plan.stages)
    for (let start = from; start < end; start += radix * span)
      if (radix === 4) fours(real, imaginary, start, span, cosines, sines);
      else if (radix === 3) threes(real, imaginary, start, span, cosines, sines);
      else twos(real, imaginary, start, span, cosines, sines);
}

/** Columns that are transformed together: of a tall picture, what fits in the processor's second cache. */
const TILE = 32;

/** The first `columns` columns of a picture of `plan.size` rows, `stride` elements each. */
export function transformColumns(
  real: Float64Array,
  imaginary: Float64Array,
  stride: number,
  columns: number,
  plan: FourierPlan,
): void {
  for (let left = 0; left < columns; left += TILE) {
    const right = Math.min(columns, left + TILE);
    for (const { radix, span, cosines, sines } of plan.stages) {
      const down = span * stride;
      for (let start = 0; start < plan.size; start += radix * span) {
        for (let index = 0; index < span; index++) {
          const row = (start + index) * stride;
          const [from, to] = [row + left, row + right];
          const second = index + span;
          const third = second + span;
          if (radix === 4)
            foursOfRows(
              real,
              imaginary,
              from,
              to,
              down,
              cosines[index]!,
              sines[index]!,
              cosines[second]!,
              sines[second]!,
              cosines[third]!,
              sines[third]!,
            );
          else if (radix === 3)
            threesOfRows(
              real,
              imaginary,
              from,
              to,
              down,
              cosines[index]!,
              sines[index]!,
              cosines[second]!,
              sines[second]!,
            );
          else twosOfRows(real, imaginary, from, to, down, cosines[index]!, sines[index]!);
        }
      }
    }
  }
}

/** cos 30°: what a third of a turn has across. */
const ACROSS = Math.sqrt(3) / 2;

// Down the columns a whole run of butterflies shares its turns; along a row each has turns of its own, and is a run of one.
// No destructuring in here: it would make garbage of every number.

function twos(
  real: Float64Array,
  imaginary: Float64Array,
  start: number,
  span: number,
  cosines: Float64Array,
  sines: Float64Array,
): void {
  for (let index = 0, a = start; index < span; index++, a++) {
    twosOfRows(real, imaginary, a, a + 1, span, cosines[index]!, sines[index]!);
  }
}

function twosOfRows(
  real: Float64Array,
  imaginary: Float64Array,
  from: number,
  to: number,
  down: number,
  cosine: number,
  sine: number,
): void {
  for (let a = from, b = from + down; a < to; a++, b++) {
    const re = real[a]! - real[b]!;
    const im = imaginary[a]! - imaginary[b]!;
    real[a] = real[a]! + real[b]!;
    imaginary[a] = imaginary[a]! + imaginary[b]!;
    real[b] = re * cosine - im * sine;
    imaginary[b] = re * sine + im * cosine;
  }
}

function threes(
  real: Float64Array,
  imaginary: Float64Array,
  start: number,
  span: number,
  cosines: Float64Array,
  sines: Float64Array,
): void {
  for (let index = 0; index < span; index++) {
    const a = start + index;
    threesOfRows(
      real,
      imaginary,
      a,
      a + 1,
      span,
      cosines[index]!,
      sines[index]!,
      cosines[index + span]!,
      sines[index + span]!,
    );
  }
}

function threesOfRows(
  real: Float64Array,
  imaginary: Float64Array,
  from: number,
  to: number,
  down: number,
  cosine1: number,
  sine1: number,
  cosine2: number,
  sine2: number,
): void {
  for (let a = from, b = from + down, c = b + down; a < to; a++, b++, c++) {
    const bothRe = real[b]! + real[c]!;
    const bothIm = imaginary[b]! + imaginary[c]!;
    const acrossRe = (real[b]! - real[c]!) * ACROSS;
    const acrossIm = (imaginary[b]! - imaginary[c]!) * ACROSS;
    const middleRe = real[a]! - bothRe / 2;
    const middleIm = imaginary[a]! - bothIm / 2;
    real[a] = real[a]! + bothRe;
    imaginary[a] = imaginary[a]! + bothIm;
    const secondRe = middleRe + acrossIm;
    const secondIm = middleIm - acrossRe;
    const thirdRe = middleRe - acrossIm;
    const thirdIm = middleIm + acrossRe;
    real[b] = secondRe * cosine1 - secondIm * sine1;
    imaginary[b] = secondRe * sine1 + secondIm * cosine1;
    real[c] = thirdRe * cosine2 - thirdIm * sine2;
    imaginary[c] = thirdRe * sine2 + thirdIm * cosine2;
  }
}

function fours(
  real: Float64Array,
  imaginary: Float64Array,
  start: number,
  span: number,
  cosines: Float64Array,
  sines: Float64Array,
): void {
  const [second, third] = [span, 2 * span];
  for (let index = 0, a = start; index < span; index++, a++) {
    foursOfRows(
      real,
      imaginary,
      a,
      a + 1,
      span,
      cosines[index]!,
      sines[index]!,
      cosines[index + second]!,
      sines[index + second]!,
      cosines[index + third]!,
      sines[index + third]!,
    );
  }
}

function foursOfRows(
  real: Float64Array,
  imaginary: Float64Array,
  from: number,
  to: number,
  down: number,
  cosine1: number,
  sine1: number,
  cosine2: number,
  sine2: number,
  cosine3: number,
  sine3: number,
): void {
  for (let a = from, b = from + down, c = b + down, d = c + down; a < to; a++, b++, c++, d++) {
    const sumRe = real[a]! + real[c]!;
    const sumIm = imaginary[a]! + imaginary[c]!;
    const lessRe = real[a]! - real[c]!;
    const lessIm = imaginary[a]! - imaginary[c]!;
    const otherRe = real[b]! + real[d]!;
    const otherIm = imaginary[b]! + imaginary[d]!;
    const otherLessRe = real[b]! - real[d]!;
    const otherLessIm = imaginary[b]! - imaginary[d]!;
    real[a] = sumRe + otherRe;
    imaginary[a] = sumIm + otherIm;
    const bRe = lessRe + otherLessIm;
    const bIm = lessIm - otherLessRe;
    real[b] = bRe * cosine1 - bIm * sine1;
    imaginary[b] = bRe * sine1 + bIm * cosine1;
    const cRe = sumRe - otherRe;
    const cIm = sumIm - otherIm;
    real[c] = cRe * cosine2 - cIm * sine2;
    imaginary[c] = cRe * sine2 + cIm * cosine2;
    const dRe = lessRe - otherLessIm;
    const dIm = lessIm + otherLessRe;
    real[d] = dRe * cosine3 - dIm * sine3;
    imaginary[d] = dRe * sine3 + dIm * cosine3;
  }
}
