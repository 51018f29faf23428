/** The needles that a recipe carries: what the schema cannot say of them. Pictures are decoded within limits. */
import { PortalgunError } from '../errors.ts';
import { decodePng, pngHeader } from '../picture/png.ts';
import { createSoftened } from '../picture/softened.ts';
import type { Picture, Rect } from '../picture/types.ts';
import {
  DEFAULT_NEEDLE_MARGIN,
  DEFAULT_NEEDLE_MATCH,
  MAX_NEEDLE_AREA_PIXELS,
  MAX_NEEDLE_PIXELS,
  MAX_NEEDLE_SEARCH_PIXELS,
} from './limits.ts';
import type { Path } from './problems.ts';
import type { PixelArea, RecipeNeedle, RecipeNeedleArea } from './types.ts';

type Say = (path: Path, message: string) => void;

export function needleProblems(needles: Readonly<Record<string, RecipeNeedle>>, say: Say): void {
  const pixels = Object.values(needles)
    .flatMap(({ areas }) => areas)
    .reduce((sum, { at }) => sum + at[2] * at[3], 0);
  if (pixels > MAX_NEEDLE_PIXELS) {
    return say(
      ['needles'],
      `the needles have ${pixels} pixels together, more than ${MAX_NEEDLE_PIXELS}; cut their areas smaller`,
    );
  }
  const searched = Object.values(needles)
    .flatMap(({ areas }) => areas)
    .reduce((sum, { at, margin = DEFAULT_NEEDLE_MARGIN }) => sum + (at[2] + 2 * margin) * (at[3] + 2 * margin), 0);
  if (searched > MAX_NEEDLE_SEARCH_PIXELS) {
    return say(
      ['needles'],
      `the needles are looked for in ${searched} pixels together, more than ${MAX_NEEDLE_SEARCH_PIXELS}; give them smaller margins, or fewer areas`,
    );
  }
  for (const [name, needle] of Object.entries(needles)) {
    const { areas, exclude = [] } = needle;
    const vague = areas.map((area, index) => areaProblems(area, exclude, ['needles', name, 'areas', index], say));
    exclude.forEach((area, index) => areaProblem(area, ['needles', name, 'exclude', index], say));
    if (vague.every((one) => one === true))
      say(
        ['needles', name],
        'the needle is so plain that an empty screen matches it; take an area with something on it that is not excluded',
      );
    if (areas.filter(({ click }) => click !== undefined).length > 1)
      say(['needles', name], 'more than one area of the needle has a click point');
  }
}

export function areaProblem([, , width, height]: PixelArea, path: Path, say: Say): boolean {
  if (width > 0 && height > 0) return false;
  say(path, `the area is ${width} by ${height} pixels large`);
  return true;
}

/** True for an area that says nothing; undefined where there was a problem. */
function areaProblems(
  { at, png, match, click }: RecipeNeedleArea,
  exclude: readonly PixelArea[],
  path: Path,
  say: Say,
): boolean | undefined {
  if (areaProblem(at, [...path, 'at'], say)) return undefined;
  const [left, top, width, height] = at;
  if (width * height > MAX_NEEDLE_AREA_PIXELS) {
    say([...path, 'at'], `the area has ${width * height} pixels, more than ${MAX_NEEDLE_AREA_PIXELS}`);
    return undefined;
  }
  if (Array.isArray(click) && (click[0] > width || click[1] > height))
    say([...path, 'click'], `the point ${click.join(', ')} is not inside the area of ${width} by ${height} pixels`);
  try {
    const { picture, part } = needlePicture(at, png);
    const [across, down] = [part.x - left, part.y - top];
    const inPicture = exclude.map(([x, y, width, height]) => ({ x: x + across, y: y + down, width, height }));
    return isVague(picture, part, inPicture, match ?? DEFAULT_NEEDLE_MATCH);
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    say([...path, 'png'], error.message);
    return undefined;
  }
}

/** An area's pixels with those around it, and where in them the area itself is. Throws `picture/…`. */
export function needlePicture([x, y, width, height]: PixelArea, png: string): { picture: Picture; part: Rect } {
  const bytes = Buffer.from(png, 'base64');
  const header = pngHeader(bytes, 'the picture of the area');
  const [left, top] = [x > 0 ? 1 : 0, y > 0 ? 1 : 0];
  // Beyond the right and the lower edge there is one pixel, or the screen ended there.
  const [right, below] = [header.width - width - left, header.height - height - top];
  const fits = (right === 0 || right === 1) && (below === 0 || below === 1);
  if (!fits || header.depth !== 8 || header.colourType !== 0) {
    const found = `${header.width} by ${header.height} pixels, ${header.depth} bits, colour type ${header.colourType}`;
    throw new PortalgunError(
      2,
      'recipe/bad-needle',
      `the picture has ${found}; expected 8-bit grey, the area with one pixel around it`,
    );
  }
  return { picture: decodePng(bytes, 'the picture of the area'), part: { x: left, y: top, width, height } };
}

/**
 * What a similarity of `match` percent allows (docs/needles.md): a screen of one colour is as far off as the area varies where
 * nothing is excluded. What is excluded is the same on every screen.
 */
function isVague(picture: Picture, part: Rect, exclude: readonly Rect[], match: number): boolean {
  const plane = createSoftened(picture, [], Infinity).soften(part);
  let [pixels, sum, squares] = [0, 0, 0];
  for (let y = part.y; y < part.y + part.height; y++) {
    for (let x = part.x; x < part.x + part.width; x++) {
      if (exclude.some((one) => isNear(one, x, y))) continue;
      const value = plane[y * picture.width + x] ?? 0;
      pixels += 1;
      sum += value;
      squares += value * value;
    }
  }
  if (pixels === 0) return true;
  const differences = squares - sum ** 2 / pixels;
  return differences / (part.width * part.height) <= 2 * (40 + 380 * (0.9 - match / 100));
}

/** In it or right beside it: what is excluded is softened into the pixels next to it. */
function isNear({ x: left, y: top, width, height }: Rect, x: number, y: number): boolean {
  return x >= left - 1 && x <= left + width && y >= top - 1 && y <= top + height;
}
