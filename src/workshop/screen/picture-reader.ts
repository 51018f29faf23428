/** What a recipe's conditions see of a frame beyond its text: needles, colours, recognised text. */
import { partsOf } from '../../recipe/conditions.ts';
import type { Condition, PixelArea, Recipe, RecipeNeedle } from '../../recipe/types.ts';
import type { Frame } from '../machine/types.ts';
import { createScene, matchNeedle, type Needle, type NeedleMatch, type Scene } from './needle.ts';
import type { TextRecogniser } from './recognise.ts';
import { needleOfRecipe } from './recipe-needle.ts';

export interface PictureReader {
  /** Undefined where the recipe has no such needle. */
  needle(name: string, frame: Frame, searchRatio?: number): NeedleMatch | undefined;
  /** 0xRRGGBB; undefined outside of the screen. */
  colour(at: readonly [x: number, y: number], frame: Frame): number | undefined;
  /** What `recognise` found there; undefined before that. */
  recognised(area: PixelArea, frame: Frame): string | undefined;
  /** Recognises what the conditions ask for, which takes its time. Throws `screen/no-recognition` where it is not installed. */
  recognise(conditions: readonly Condition[], frame: Frame, signal: AbortSignal): Promise<void>;
}

/** What has been found on one frame. */
interface Looked {
  readonly scene: Scene;
  readonly needles: Map<string, NeedleMatch>;
  readonly texts: Map<string, string>;
}

/** Makes readers for the needles of a recipe, which repairs may change. What was found is kept while a frame stays the same. */
export function createPictureReaders(recogniser: TextRecogniser): (needles: Recipe['needles']) => PictureReader {
  const decoded = new WeakMap<RecipeNeedle, Needle>();
  // By pixels: a camera gives the same ones again while nothing changes.
  const frames = new WeakMap<Uint8Array, Looked>();

  function looked(frame: Frame): Looked {
    const known = frames.get(frame.rgb) ?? { scene: createScene(frame), needles: new Map(), texts: new Map() };
    frames.set(frame.rgb, known);
    return known;
  }

  return (needles = {}) => ({
    needle(name, frame, searchRatio) {
      const described = Object.hasOwn(needles, name) ? needles[name] : undefined;
      if (described === undefined) return undefined;
      let needle = decoded.get(described);
      if (needle === undefined) decoded.set(described, (needle = needleOfRecipe(name, described)));
      const { scene, needles: found } = looked(frame);
      const key = `${name} ${searchRatio ?? ''}`;
      const before = found.get(key);
      if (before?.needle === needle) return before;
      const match = matchNeedle(scene, needle, searchRatio);
      found.set(key, match);
      return match;
    },
    colour([x, y], { width, height, rgb }) {
      if (x >= width || y >= height) return undefined;
      const at = (y * width + x) * 3;
      return (rgb[at]! << 16) | (rgb[at + 1]! << 8) | rgb[at + 2]!;
    },
    recognised(area, frame) {
      return looked(frame).texts.get(area.join());
    },
    async recognise(conditions, frame, signal) {
      for (const area of conditions.flatMap(recognisedAreas)) {
        const { texts } = looked(frame);
        const key = area.join();
        if (!texts.has(key)) texts.set(key, await recogniser.recognise(frame, area, signal));
      }
    },
  });
}

function recognisedAreas(condition: Condition): PixelArea[] {
  return 'ocr' in condition ? [condition.ocr.area] : partsOf(condition).flatMap(recognisedAreas);
}
