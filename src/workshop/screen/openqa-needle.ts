/**
 * openQA's needles: a JSON file with areas, tags and properties, and a PNG of the same name beside it. Read strictly, but
 * with openQA's own defaults, so that a needle that works there works here: what is 0 or missing is the default.
 */
import { UsageError } from '../../errors.ts';
import type { Picture, Rect } from '../../picture/types.ts';
import { NEEDLE_AREAS, NEEDLE_JSON_BYTES, NEEDLE_TAGS } from './limits.ts';
import { patchesOf, type ClickPoint, type Needle, type NeedleArea } from './needle.ts';

const DEFAULT_MATCH = 96;
const DEFAULT_MARGIN = 50;

/** A needle's description, before its picture is there. */
export interface NeedleDescription {
  readonly name: string;
  readonly match: readonly Omit<NeedleArea, 'patch'>[];
  readonly exclude: readonly Rect[];
  readonly tags: readonly string[];
  readonly workaround: boolean;
  /** What is odd about it, and what became of that, for people. */
  readonly warnings: readonly string[];
}

/** `name`: the file's, without `.json`. Throws `screen/bad-needle` with the place of what is wrong. */
export function parseNeedle(bytes: Uint8Array, name: string): NeedleDescription {
  if (bytes.length > NEEDLE_JSON_BYTES)
    throw bad(name, `it has ${bytes.length} bytes, at most ${NEEDLE_JSON_BYTES} are read`);
  const json = fields(parseJson(bytes, name), name, 'it');
  const warnings: string[] = [];
  const areas = list(json['area'] ?? [], name, 'area');
  if (areas.length > NEEDLE_AREAS) throw bad(name, `it has ${areas.length} areas, at most ${NEEDLE_AREAS} are read`);
  const match: Omit<NeedleArea, 'patch'>[] = [];
  const exclude: Rect[] = [];
  let texts = 0;
  for (const [index, value] of areas.entries()) {
    const place = `area[${index}]`;
    const area = fields(value, name, place);
    const rect = rectOf(area, name, place);
    const type = area['type'] ?? 'match';
    if (type === 'exclude') exclude.push(rect);
    else if (type === 'ocr') texts += 1;
    else if (type === 'match') match.push(matchOf(area, rect, name, place, warnings));
    else throw bad(name, `${place}.type is ${JSON.stringify(type)}, expected match, exclude or ocr`);
  }
  if (texts > 0) warnings.push(`${texts} areas for text recognition are left out: a recipe's ocr condition does that`);
  if (match.length === 0) throw bad(name, 'it has no area to match');
  checkClicks(match, name);
  const tags = list(json['tags'] ?? [], name, 'tags').map((tag, index) => text(tag, name, `tags[${index}]`));
  if (tags.length > NEEDLE_TAGS) throw bad(name, `it has ${tags.length} tags, at most ${NEEDLE_TAGS} are read`);
  if (new Set(tags).size < tags.length) warnings.push('a tag is there twice');
  const properties = list(json['properties'] ?? [], name, 'properties').map((one, index) =>
    typeof one === 'object' && one !== null
      ? text(fields(one, name, 'properties')['name'], name, `properties[${index}].name`)
      : text(one, name, `properties[${index}]`),
  );
  return { name, match, exclude, tags: [...new Set(tags)], workaround: properties.includes('workaround'), warnings };
}

/** Throws `screen/bad-needle` where an area is not inside the picture. */
export function needleOf(description: NeedleDescription, picture: Picture): Needle {
  const { name, match, exclude, tags, workaround } = description;
  for (const rect of [...match.map((area) => area.rect), ...exclude]) checkInside(rect, picture, name);
  const patches = patchesOf(
    picture,
    match.map(({ rect }) => rect),
    exclude,
  );
  const areas = match.flatMap((area, index) => {
    const patch = patches[index];
    return patch ? [{ ...area, patch }] : [];
  });
  return { name, areas, exclude, tags, workaround };
}

export function checkInside(
  { x, y, width, height }: Rect,
  picture: { readonly width: number; readonly height: number },
  name: string,
): void {
  if (x + width <= picture.width && y + height <= picture.height) return;
  throw bad(
    name,
    `the area ${width}x${height} at ${x},${y} is not inside its picture of ${picture.width}x${picture.height}`,
  );
}

function matchOf(area: Fields, rect: Rect, name: string, place: string, warnings: string[]): Omit<NeedleArea, 'patch'> {
  const match = whole(area['match'] ?? 0, name, `${place}.match`);
  if (match > 100) throw bad(name, `${place}.match is ${match}, expected a percentage`);
  if (area['match'] !== undefined && match === 0)
    warnings.push(`${place}.match is 0, which openQA takes for its default, ${DEFAULT_MATCH}`);
  const margin = whole(area['margin'] ?? 0, name, `${place}.margin`);
  if (area['margin'] !== undefined && margin === 0)
    warnings.push(`${place}.margin is 0, which openQA takes for its default, ${DEFAULT_MARGIN}`);
  const click = clickOf(area['click_point'], rect, name, `${place}.click_point`);
  return { rect, match: match || DEFAULT_MATCH, margin: margin || DEFAULT_MARGIN, ...(click && { click }) };
}

function clickOf(value: unknown, { width, height }: Rect, name: string, place: string): ClickPoint | undefined {
  if (value === undefined || value === null || value === '') return undefined;
  if (value === 'center') return { at: 'center' };
  const point = fields(value, name, place);
  const [x, y] = [whole(point['xpos'], name, `${place}.xpos`), whole(point['ypos'], name, `${place}.ypos`)];
  // openQA takes 0 for "not given" and refuses the needle.
  if (x === 0 || y === 0) throw bad(name, `${place} is at ${x},${y}: openQA knows no click point at 0`);
  if (x > width || y > height) throw bad(name, `${place} is at ${x},${y}, outside of its area of ${width}x${height}`);
  return { at: { x, y }, ...(point['id'] !== undefined && { id: text(point['id'], name, `${place}.id`) }) };
}

function checkClicks(areas: readonly Omit<NeedleArea, 'patch'>[], name: string): void {
  const clicks = areas.flatMap(({ click }) => (click ? [click] : []));
  if (clicks.length > 1 && clicks.some(({ id }) => id === undefined))
    throw bad(name, 'more than one area has a click point, and not all of them have an id');
}

function rectOf(area: Fields, name: string, place: string): Rect {
  const at = (field: string): number => whole(area[field] ?? 0, name, `${place}.${field}`);
  const rect = { x: at('xpos'), y: at('ypos'), width: at('width'), height: at('height') };
  if (rect.width === 0 || rect.height === 0) throw bad(name, `${place} is ${rect.width}x${rect.height} pixels large`);
  return rect;
}

type Fields = Readonly<Record<string, unknown>>;

function parseJson(bytes: Uint8Array, name: string): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw Object.assign(bad(name, 'it is not JSON'), { cause });
  }
}

function fields(value: unknown, name: string, place: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw bad(name, `${place} is not an object`);
}

function list(value: unknown, name: string, place: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw bad(name, `${place} is not a list`);
}

function text(value: unknown, name: string, place: string): string {
  if (typeof value === 'string') return value;
  throw bad(name, `${place} is not a text`);
}

/** Needles hold numbers as texts now and then. */
function whole(value: unknown, name: string, place: string): number {
  const number = typeof value === 'string' && /^[0-9]{1,6}$/.test(value) ? Number(value) : value;
  if (typeof number === 'number' && Number.isInteger(number) && number >= 0 && number <= 999_999) return number;
  throw bad(name, `${place} is ${JSON.stringify(value) ?? 'missing'}, expected a whole number from 0`);
}

function bad(name: string, why: string): UsageError {
  return new UsageError('screen/bad-needle', `the needle ${name} cannot be used: ${why}`, {
    hint: 'docs/needles.md says what a needle holds.',
    facts: { needle: name },
  });
}
