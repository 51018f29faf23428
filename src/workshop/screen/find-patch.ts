/**
 * Where on a screen a patch of pixels fits best, by the sum of squared differences (OpenCV's TM_SQDIFF), and by openQA's
 * rule for which of nearly equal places counts. Every answer is exact; what is saved is looking at places that a lower
 * bound shows to be worse.
 *
 * The bound: cut the patch into blocks of 8x8 pixels (4x4 where it is small). Over one block of n pixels, with means m and standard deviations s,
 * the squared differences of patch and screen sum up to at least n((m1 - m2)² + (s1 - s2)²), with equality where one of
 * them is flat, as most of a screen is.
 */
import type { Rect } from '../../picture/types.ts';
import { createBlockMap, type BlockMap } from './block-map.ts';
import { correlate, transformWork } from './correlate.ts';

/** Brightnesses; `stride` is the width of the picture that it is part of. */
export interface Plane {
  readonly plane: Uint8Array;
  readonly width: number;
  readonly height: number;
}

export interface Found {
  readonly x: number;
  readonly y: number;
  /** Sum of squared differences at that place. */
  readonly difference: number;
}

/** Places whose sums differ by no more than this are equally good; the nearest to the original one counts. */
const EQUALLY_GOOD = 10;

/** Pixels across and down a block, in a patch that has so many. */
const BLOCKS = [8, 4];
/** Before the search the best of every so manieth place are tried, for a bound that is worth something. */
const PROBE_STEP = 4;
const PROBES = 12;
/** Places where the most telling block fits that are tried, at most about so many: on a pattern it fits everywhere. */
const MOST_TELLING = 2000;
/** Comparisons of single pixels that take as long as that of a block, measured. */
const BLOCK_WORK = 3;
/** Places a sample is taken from, apart from each other by this. */
const SAMPLE_STEP = 7;
/** In a window of more places than these, a whole screen, both are twice as far apart: the transform would be done meanwhile. */
const MANY_PLACES = 100_000;

const apart = (step: number, { columns, rows }: Pick<Places, 'columns' | 'rows'>): number =>
  columns * rows > MANY_PLACES ? 2 * step : step;

/**
 * `window`: the places where the patch may lie, whole. `original`: where it lies if it has not moved; inside the window.
 *
 * openQA's rule, kept with its oddities: at an exact fit in the original place nothing is searched. Otherwise the places
 * within 10 of the least sum are taken (those in reading order before the first least one are not, unless the original
 * is one of the least), and of them the one nearest to the original counts, where the place is counted from the window's
 * corner and the original from the screen's.
 */
export function findPatch(screen: Plane, patch: Plane, window: Rect, original: { x: number; y: number }): Found {
  const atOriginal = differenceAt(screen, patch, original.x, original.y, Number.POSITIVE_INFINITY);
  if (atOriginal === 0) return { ...original, difference: 0 };
  const places: Places = {
    left: window.x,
    top: window.y,
    columns: window.width - patch.width + 1,
    rows: window.height - patch.height + 1,
  };
  const good = goodPlaces(screen, patch, window, places, atOriginal);
  let least = Number.POSITIVE_INFINITY;
  for (const { difference } of good) least = Math.min(least, difference);
  const first = least === atOriginal ? 0 : good.findIndex(({ difference }) => difference === least);
  let chosen: Found | undefined;
  let nearest = Number.POSITIVE_INFINITY;
  for (const place of good.slice(first)) {
    if (place.difference > least + EQUALLY_GOOD) continue;
    const distance = (place.x - window.x - original.x) ** 2 + (place.y - window.y - original.y) ** 2;
    if (distance < nearest) [chosen, nearest] = [place, distance];
  }
  return chosen ?? { ...original, difference: atOriginal };
}

interface Places {
  readonly left: number;
  readonly top: number;
  readonly columns: number;
  readonly rows: number;
}

/** In reading order, all places that are no more than 10 worse than the best (and some that are). */
function goodPlaces(screen: Plane, patch: Plane, window: Rect, places: Places, atOriginal: number): Found[] {
  const { left, top, columns, rows } = places;
  const blocks = patchBlocks(patch, window.width);
  const map = blocks.count > 0 ? createBlockMap(screen.plane, screen.width, window, blocks.size) : undefined;
  let limit = atOriginal + EQUALLY_GOOD;
  if (map) limit = Math.min(limit, probe(screen, patch, places, map, blocks, limit));
  const most = transformWork(window);
  // Noise, stripes and the like: the bound shows nothing, and comparing place by place would take longer.
  if (map && expectedWork(patch, places, map, blocks, limit) > most)
    return transformed(screen, patch, window, places, limit);
  const good: Found[] = [];
  let work = 0;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      if (map && bound(map, blocks, row * map.stride + column, limit) < 0) continue;
      const difference = differenceAt(screen, patch, left + column, top + row, limit);
      work += patch.plane.length;
      if (difference > limit) continue;
      good.push({ x: left + column, y: top + row, difference });
      limit = Math.min(limit, difference + EQUALLY_GOOD);
    }
    // The sample was not like the rest.
    if (work > 2 * most) return transformed(screen, patch, window, places, limit);
  }
  return good;
}

/** Comparisons of pixels that a search place by place would take, from a sample of the places. */
function expectedWork(
  patch: Plane,
  { columns, rows }: Pick<Places, 'columns' | 'rows'>,
  map: BlockMap,
  blocks: PatchBlocks,
  limit: number,
): number {
  let sampled = 0;
  let work = 0;
  const step = apart(SAMPLE_STEP, { columns, rows });
  for (let row = 0; row < rows; row += step) {
    for (let column = row % 3; column < columns; column += step) {
      sampled += 1;
      const value = bound(map, blocks, row * map.stride + column, limit);
      work += value < 0 ? BLOCK_WORK * -value : BLOCK_WORK * blocks.count + patch.plane.length / 2;
    }
  }
  return (work / Math.max(1, sampled)) * columns * rows;
}

function transformed(
  screen: Plane,
  patch: Plane,
  window: Rect,
  { left, top, columns, rows }: Places,
  limit: number,
): Found[] {
  const differences = correlate(screen, patch, window);
  let lowest = limit;
  for (const difference of differences) if (difference + EQUALLY_GOOD < lowest) lowest = difference + EQUALLY_GOOD;
  const good: Found[] = [];
  for (let row = 0, at = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, at++) {
      const difference = differences[at]!;
      if (difference <= lowest) good.push({ x: left + column, y: top + row, difference });
    }
  }
  return good;
}

/** A limit near the least sum: from the places that look best by their bounds. */
function probe(screen: Plane, patch: Plane, places: Places, map: BlockMap, blocks: PatchBlocks, limit: number): number {
  const { left, top, columns, rows } = places;
  const best: { place: number; bound: number }[] = [];
  let worst = limit;
  const every = apart(PROBE_STEP, places);
  for (let row = 0; row < rows; row += every) {
    for (let column = 0; column < columns; column += every) {
      const value = bound(map, blocks, row * map.stride + column, worst);
      if (value < 0) continue;
      best.push({ place: row * columns + column, bound: value });
      best.sort((a, b) => a.bound - b.bound);
      if (best.length > PROBES) {
        best.pop();
        worst = best.at(-1)!.bound;
      }
    }
  }
  let lowest = fromTellingBlock(screen, patch, places, map, blocks, limit);
  for (const { place } of best) {
    let [row, column] = [Math.floor(place / columns), place % columns];
    // The best of the places around, the widest step first.
    for (let step = every / 2; step >= 1; step /= 2) {
      let least = Number.POSITIVE_INFINITY;
      let [nextRow, nextColumn] = [row, column];
      for (let y = Math.max(0, row - step); y <= Math.min(rows - 1, row + step); y += step) {
        for (let x = Math.max(0, column - step); x <= Math.min(columns - 1, column + step); x += step) {
          const value = bound(map, blocks, y * map.stride + x, Number.POSITIVE_INFINITY);
          if (value < least) [least, nextRow, nextColumn] = [value, y, x];
        }
      }
      [row, column] = [nextRow, nextColumn];
    }
    lowest = Math.min(lowest, differenceAt(screen, patch, left + column, top + row, lowest) + EQUALLY_GOOD);
  }
  return lowest;
}

/**
 * A limit from the places where the patch's most telling block fits: where the patch is on the screen as it was, but
 * moved, one of them is its place, which the probes around it would miss.
 */
function fromTellingBlock(
  screen: Plane,
  patch: Plane,
  { left, top, columns, rows }: Places,
  map: BlockMap,
  blocks: PatchBlocks,
  limit: number,
): number {
  const { sums, spreads, stride } = map;
  const [offset, sum, spread] = [blocks.offsets[0]!, blocks.sums[0]!, blocks.spreads[0]!];
  const tolerance = (blocks.size * blocks.size) / 2;
  let lowest = limit;
  for (let row = 0, tried = 0; row < rows && tried < MOST_TELLING; row++) {
    const from = row * stride;
    for (let column = 0; column < columns; column++) {
      const at = from + column + offset;
      if (Math.abs(sums[at]! - sum) > tolerance || Math.abs(spreads[at]! - spread) > tolerance) continue;
      tried += 1;
      if (bound(map, blocks, from + column, lowest) < 0) continue;
      lowest = Math.min(lowest, differenceAt(screen, patch, left + column, top + row, lowest) + EQUALLY_GOOD);
    }
  }
  return lowest;
}

/** Exact where it is no more than `limit`; otherwise some sum above the limit. */
function differenceAt(screen: Plane, patch: Plane, left: number, top: number, limit: number): number {
  const { plane, width } = screen;
  const { plane: wanted, width: across, height: down } = patch;
  let sum = 0;
  let at = 0;
  for (let y = 0; y < down; y++) {
    let from = (top + y) * width + left;
    // 8-bit squares: a row of 33,000 pixels still fits 31 bits.
    let inRow = 0;
    for (const end = at + across; at < end; at++, from++) {
      const difference = plane[from]! - wanted[at]!;
      inRow += difference * difference;
    }
    sum += inRow;
    if (sum > limit) return sum;
  }
  return sum;
}

interface PatchBlocks {
  readonly size: number;
  readonly count: number;
  /** Where each block begins, as an offset in a block map of the window. */
  readonly offsets: Int32Array;
  /** Sum of a block's pixels, and its standard deviation times its number of pixels. */
  readonly sums: Float64Array;
  readonly spreads: Float64Array;
}

/** Telling blocks (those unlike the usual ground) first, so that a bound soon is above its limit. */
function patchBlocks(patch: Plane, stride: number): PatchBlocks {
  const size = BLOCKS.find((one) => one <= Math.min(patch.width, patch.height)) ?? 1;
  // A patch of a line or two is compared as it is.
  const across = size === 1 ? 0 : Math.floor(patch.width / size);
  const down = Math.floor(patch.height / size);
  const all = Array.from({ length: across * down }, (_, index) => {
    const [left, top] = [(index % across) * size, Math.floor(index / across) * size];
    let sum = 0;
    let squares = 0;
    for (let y = 0; y < size; y++) {
      for (let x = 0; x < size; x++) {
        const value = patch.plane[(top + y) * patch.width + left + x]!;
        sum += value;
        squares += value * value;
      }
    }
    return { offset: top * stride + left, sum, spread: Math.sqrt(size * size * squares - sum * sum) };
  });
  all.sort((a, b) => b.spread - a.spread);
  return {
    size,
    count: all.length,
    offsets: Int32Array.from(all, ({ offset }) => offset),
    sums: Float64Array.from(all, ({ sum }) => sum),
    spreads: Float64Array.from(all, ({ spread }) => spread),
  };
}

/**
 * No more than the sum of squared differences there, and no less than 0; where it is above `limit`, minus the number of
 * blocks that it took to know.
 */
function bound(map: BlockMap, blocks: PatchBlocks, place: number, limit: number): number {
  const { sums, spreads } = map;
  const { size, count, offsets, sums: wantedSums, spreads: wantedSpreads } = blocks;
  // Sums are n times means: their squares are n times too large. The margin is for the rounding of `spreads`.
  const scaled = (limit + 1) * (size * size) * 1.0001;
  let total = 0;
  for (let index = 0; index < count; index++) {
    const at = place + offsets[index]!;
    const mean = sums[at]! - wantedSums[index]!;
    const spread = spreads[at]! - wantedSpreads[index]!;
    total += mean * mean + spread * spread;
    if (total > scaled) return -(index + 1);
  }
  return Math.max(0, total / (size * size) / 1.0001 - 1);
}
