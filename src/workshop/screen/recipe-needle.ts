/** Needles as recipes carry them: grey pieces of a screen instead of the whole of it (docs/needles.md). */
import { UsageError } from '../../errors.ts';
import { EXCLUDED_GREY, createSoftened, greyOf } from '../../picture/softened.ts';
import type { Picture } from '../../picture/types.ts';
import { encodeGreyPng } from '../../picture/write-png.ts';
import { DEFAULT_NEEDLE_MARGIN, DEFAULT_NEEDLE_MATCH } from '../../recipe/limits.ts';
import { needlePicture } from '../../recipe/needles.ts';
import type { PixelArea, RecipeNeedle, RecipeNeedleArea } from '../../recipe/types.ts';
import type { Needle, NeedleArea } from './needle.ts';
import type { NeedleDescription } from './openqa-needle.ts';

/** The recipe was checked: its pictures can be read. */
export function needleOfRecipe(name: string, { areas, exclude = [] }: RecipeNeedle): Needle {
  return {
    name,
    areas: areas.map(areaOf),
    exclude: exclude.map(([x, y, width, height]) => ({ x, y, width, height })),
    tags: [],
    workaround: false,
  };
}

function areaOf({ at, png, match, margin, click }: RecipeNeedleArea): NeedleArea {
  const [x, y, width, height] = at;
  const { picture, part } = needlePicture(at, png);
  const softened = createSoftened(picture, [], Infinity).soften(part);
  const plane = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) {
    const start = (part.y + row) * picture.width + part.x;
    plane.set(softened.subarray(start, start + width), row * width);
  }
  return {
    rect: { x, y, width, height },
    patch: { plane, width, height },
    match: match ?? DEFAULT_NEEDLE_MATCH,
    margin: margin ?? DEFAULT_NEEDLE_MARGIN,
    ...(click !== undefined && { click: { at: click === 'center' ? click : { x: click[0], y: click[1] } } }),
  };
}

/** An openQA needle with its picture cut down to what is compared. Throws `screen/bad-needle` where it has several click points. */
export function recipeNeedleOf({ name, match, exclude }: NeedleDescription, picture: Picture): RecipeNeedle {
  if (match.filter(({ click }) => click !== undefined).length > 1) {
    throw new UsageError(
      'screen/bad-needle',
      `the needle ${name} has several click points; a recipe's needle has one`,
      {
        hint: 'Import it once for each, with the other click points removed.',
      },
    );
  }
  const grey = greyPicture(
    picture,
    exclude.map((one): PixelArea => [one.x, one.y, one.width, one.height]),
  );
  return {
    areas: match.map(({ rect, match, margin, click }) => ({
      at: [rect.x, rect.y, rect.width, rect.height],
      png: piece(picture, grey, rect),
      ...(match !== DEFAULT_NEEDLE_MATCH && { match }),
      ...(margin !== DEFAULT_NEEDLE_MARGIN && { margin }),
      ...(click && { click: click.at === 'center' ? click.at : ([click.at.x, click.at.y] as const) }),
    })),
    ...(exclude.length > 0 && { exclude: exclude.map((one) => [one.x, one.y, one.width, one.height] as const) }),
  };
}

function greyPicture({ width, height, rgb }: Picture, exclude: readonly PixelArea[]): Uint8Array {
  const grey = new Uint8Array(width * height);
  for (let at = 0; at < grey.length; at++) grey[at] = greyOf(rgb[at * 3]!, rgb[at * 3 + 1]!, rgb[at * 3 + 2]!);
  for (const [x, y, wide, high] of exclude)
    for (let row = y; row < y + high; row++) grey.fill(EXCLUDED_GREY, row * width + x, row * width + x + wide);
  return grey;
}

/** With one pixel around it where the picture has one: softening looks at it. */
function piece(picture: Picture, grey: Uint8Array, { x, y, width, height }: NeedleArea['rect']): string {
  const [left, top] = [Math.max(0, x - 1), Math.max(0, y - 1)];
  const across = Math.min(picture.width, x + width + 1) - left;
  const down = Math.min(picture.height, y + height + 1) - top;
  const pixels = new Uint8Array(across * down);
  for (let row = 0; row < down; row++) {
    const start = (top + row) * picture.width + left;
    pixels.set(grey.subarray(start, start + across), row * across);
  }
  return Buffer.from(encodeGreyPng({ width: across, height: down, grey: pixels })).toString('base64');
}
