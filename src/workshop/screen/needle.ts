/**
 * Needles: pictures of parts of a screen, compared as openQA compares them, in the same arithmetic
 * (docs/needles.md). Pure functions of pixels.
 */
import { createSoftened, type Softened } from '../../picture/softened.ts';
import type { Picture, Rect } from '../../picture/types.ts';
import { findPatch, type Plane } from './find-patch.ts';

export interface ClickPoint {
  /** Pixels from the area's own corner, or its middle. */
  readonly at: 'center' | { readonly x: number; readonly y: number };
  readonly id?: string;
}

export interface NeedleArea {
  readonly rect: Rect;
  /** What is looked for, softened already. */
  readonly patch: Plane;
  /** Percent; the least similarity that counts as found. */
  readonly match: number;
  /** Pixels around the area that it may have moved by. */
  readonly margin: number;
  readonly click?: ClickPoint;
}

export interface Needle {
  readonly name: string;
  readonly areas: readonly NeedleArea[];
  /** Parts of the screen that say nothing: painted over before comparing. */
  readonly exclude: readonly Rect[];
  readonly tags: readonly string[];
  /** Kept for a defect that is known: preferred among equals, so that it is seen that it still is needed. */
  readonly workaround: boolean;
}

export interface AreaMatch extends Rect {
  readonly similarity: number;
  readonly ok: boolean;
  /** Where to click, in pixels of the screen. */
  readonly click?: { readonly x: number; readonly y: number; readonly id?: string };
}

export interface NeedleMatch {
  readonly needle: Needle;
  readonly ok: boolean;
  /** Mean of the squares of what each area lacks; 0 is perfect. Ranks needles. */
  readonly error: number;
  /** Where each area was found, or fits best; in the needle's order. */
  readonly areas: readonly AreaMatch[];
}

/** One picture of a screen, prepared once for all needles that are looked for in it. */
export interface Scene {
  without(exclude: readonly Rect[]): Softened;
}

export function createScene(picture: Picture): Scene {
  const whole = createSoftened(picture);
  return { without: (exclude) => (exclude.length === 0 ? whole : createSoftened(picture, exclude)) };
}

/** What openQA gives a needle to find by beyond its margin: a little at each look, everything now and then. */
export const USUAL_SEARCH_RATIO = 0.02;

/** The full width of a screen as openQA counts it: a search ratio of 1 widens every margin to this. */
const FULL_MARGIN = 1024;

/** `searchRatio`: 0 is the area's own margin, 1 the whole screen. */
export function matchNeedle(scene: Scene, needle: Needle, searchRatio = USUAL_SEARCH_RATIO): NeedleMatch {
  const screen = scene.without(needle.exclude);
  const prepare = softenedTogether(screen);
  const areas = needle.areas.map((area) => matchArea(screen, prepare, area, searchRatio));
  const lacks = areas.reduce((sum, { similarity }) => sum + (1 - similarity) * (1 - similarity), 0);
  return { needle, ok: areas.every(({ ok }) => ok), error: lacks / areas.length, areas };
}

/** Best first: found, least error, workarounds, by name. */
export function rankMatches(matches: readonly NeedleMatch[]): NeedleMatch[] {
  return [...matches].sort(
    (a, b) =>
      Number(b.ok) - Number(a.ok) ||
      a.error - b.error ||
      Number(b.needle.workaround) - Number(a.needle.workaround) ||
      (a.needle.name < b.needle.name ? -1 : a.needle.name > b.needle.name ? 1 : 0),
  );
}

function matchArea(
  screen: Softened,
  prepare: (part: Rect) => Uint8Array,
  area: NeedleArea,
  searchRatio: number,
): AreaMatch {
  const { rect, patch, click } = area;
  const { x, y, width, height } = rect;
  // A screen too small to hold the area where it was cannot show it.
  if (x + width > screen.width || y + height > screen.height)
    return { x: 0, y: 0, width, height, similarity: 0, ok: false };
  const margin = Math.trunc(area.margin + searchRatio * (FULL_MARGIN - area.margin));
  const [left, top] = [Math.max(0, x - margin), Math.max(0, y - margin)];
  const window: Rect = {
    x: left,
    y: top,
    width: Math.min(screen.width, x + width + margin) - left,
    height: Math.min(screen.height, y + height + margin) - top,
  };
  const plane = { plane: prepare(window), width: screen.width, height: screen.height };
  const found = findPatch(plane, patch, window, { x, y });
  const similarity = similarityOf(found.difference / (width * height));
  const place = click && clickPlace(click, { x: found.x, y: found.y, width, height });
  return {
    x: found.x,
    y: found.y,
    width,
    height,
    similarity,
    ok: similarity >= area.match / 100,
    ...(place && { click: place }),
  };
}

/** What has been asked for before is softened together with what is asked for now: openQA does, and its rounding shows it. */
function softenedTogether(picture: Softened): (part: Rect) => Uint8Array {
  let before: Rect | undefined;
  return (part) => {
    before = before ? around(before, part) : part;
    return picture.soften(before);
  };
}

function around(a: Rect, b: Rect): Rect {
  const [x, y] = [Math.min(a.x, b.x), Math.min(a.y, b.y)];
  return {
    x,
    y,
    width: Math.max(a.x + a.width, b.x + b.width) - x,
    height: Math.max(a.y + a.height, b.y + b.height) - y,
  };
}

/** A mean squared error of 2 is 1, of 40 is 0.9, of 382 is 0. In openQA's order of operations, for the same last bit. */
function similarityOf(meanSquaredError: number): number {
  return Math.min(1, Math.max(0, 0.9 + (40 - meanSquaredError) / 380));
}

function clickPlace({ at, id }: ClickPoint, { x, y, width, height }: Rect): { x: number; y: number; id?: string } {
  const place =
    at === 'center' ? { x: x + Math.floor(width / 2), y: y + Math.floor(height / 2) } : { x: x + at.x, y: y + at.y };
  return { ...place, ...(id !== undefined && { id }) };
}

/** The patches of a needle's picture that its areas look for. */
export function patchesOf(picture: Picture, areas: readonly Rect[], exclude: readonly Rect[]): Plane[] {
  const softened = createSoftened(picture, exclude);
  const prepare = softenedTogether(softened);
  return areas.map((area) => {
    const { x, y, width, height } = area;
    const from = prepare(area);
    const plane = new Uint8Array(width * height);
    for (let row = 0; row < height; row++) {
      const start = (y + row) * picture.width + x;
      plane.set(from.subarray(start, start + width), row * width);
    }
    return { plane, width, height };
  });
}
