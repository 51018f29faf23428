/** Reads frames as text with the fonts learned so far. Everything is exact: a cell is in a font, or it is unknown. */
import type { Frame } from '../machine/types.ts';
import { createGlyphIndex } from './glyphs.ts';
import type { GlyphIndex } from './glyphs.ts';
import { cutGrid, geometries } from './grid.ts';
import type { Geometry } from './grid.ts';
import { readGrid } from './read-grid.ts';
import type { Reading } from './read-grid.ts';
import { screenText } from './screen-text.ts';
import type { Eyes, Font, ScreenText } from './types.ts';

/** The height that an unread screen is cut by when no font has been learned yet. */
const USUAL_HEIGHT = 16;

export function createEyes(fonts: readonly Font[] = []): Eyes {
  const byHeight = new Map<number, GlyphIndex>();
  let last: { readonly rgb: Uint8Array; readonly text: ScreenText } | undefined;

  function learn(font: Font): void {
    const index = byHeight.get(font.height) ?? createGlyphIndex(font.height);
    index.add(font);
    byHeight.set(font.height, index);
    last = undefined;
  }

  /** Few unknown cells; of two equal ones the first, which is the more usual. */
  function best(frame: Frame): { geometry: Geometry; reading: Reading } {
    const indices = byHeight.size > 0 ? [...byHeight.values()] : [createGlyphIndex(USUAL_HEIGHT)];
    let chosen: { geometry: Geometry; reading: Reading } | undefined;
    // Heights in order of learning: a font that reads everything ends the search.
    for (const index of indices) {
      for (const geometry of geometries(frame, index.height)) {
        const reading = readGrid(cutGrid(frame, geometry), index);
        const unread = reading.unknownCells / reading.chars.length;
        if (!chosen || unread < chosen.reading.unknownCells / chosen.reading.chars.length)
          chosen = { geometry, reading };
        if (unread === 0) return chosen;
      }
    }
    if (!chosen) throw new Error('unreachable: there is always one way to cut a frame');
    return chosen;
  }

  for (const font of fonts) learn(font);
  return {
    learn,
    read(frame) {
      // A camera gives the same pixels again while nothing changes.
      if (last?.rgb === frame.rgb) {
        return { ...last.text, sequence: frame.sequence, capturedAtMs: frame.capturedAtMs };
      }
      const { geometry, reading } = best(frame);
      const text = screenText(geometry, reading, frame);
      last = { rgb: frame.rgb, text };
      return text;
    },
  };
}
