/**
 * Painted screens and needles, the same on every run: what our similarities are compared with tinycv's on
 * (test/vectors/tinycv.json, made by `node bench/needles/vectors.ts`).
 */
import type { Picture, Rect } from '../../src/picture/types.ts';

const WIDTH = 320;
const HEIGHT = 200;
const KINDS = ['text', 'shaded', 'noise'] as const;

export interface PaintedNeedle {
  readonly name: string;
  /** As openQA's JSON has it. */
  readonly json: { readonly area: readonly Readonly<Record<string, unknown>>[]; readonly tags: readonly string[] };
  readonly picture: Picture;
}

export interface PaintedScreen {
  readonly name: string;
  readonly picture: Picture;
}

/** A linear congruential generator: what was recorded of tinycv (test/vectors) is of its pictures. */
function congruential(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Some needles, and screens that show each in place with some noise, moved, and not at all. */
export function paintNeedles(seed: number): { needles: PaintedNeedle[]; screens: PaintedScreen[] } {
  const random = congruential(seed);
  const whole = (below: number): number => Math.floor(random() * below);
  const needles: PaintedNeedle[] = [];
  const screens: PaintedScreen[] = [];
  for (let index = 0; index < 9; index++) {
    const kind = KINDS[index % 3] ?? 'text';
    const picture = paintScreen(random, kind);
    const [width = 0, height = 0] =
      [
        [60, 20],
        [33, 33],
        [7, 40],
        [120, 9],
        [200, 60],
        [5, 5],
      ][index % 6] ?? [];
    const rect: Rect = { x: whole(WIDTH - width), y: whole(HEIGHT - height), width, height };
    const { x, y } = rect;
    const area: Readonly<Record<string, unknown>>[] = [{ xpos: x, ypos: y, width, height, type: 'match' }];
    if (index % 4 === 1) area.push({ xpos: x + 1, ypos: y + 2, width: 4, height: 3, type: 'exclude' });
    if (index % 4 === 2)
      area.push({ xpos: whole(250), ypos: whole(160), width: 40, height: 30, margin: 20, match: '80' });
    needles.push({ name: `needle-${index}`, json: { area, tags: [kind] }, picture });
    const shown = (name: string, left: number, top: number, noise: number): void => {
      const screen = paintScreen(random, kind);
      copy(picture, rect, screen, left, top, () => (random() - 0.5) * noise);
      screens.push({ name: `${name}-${index}`, picture: screen });
    };
    shown('in-place', x, y, index % 2 ? 8 : 0);
    shown('moved', Math.min(WIDTH - width, x + 17), Math.max(0, y - 9), index % 2 ? 0 : 5);
  }
  return { needles, screens };
}

function paintScreen(random: () => number, kind: (typeof KINDS)[number]): Picture {
  const rgb = new Uint8Array(WIDTH * HEIGHT * 3);
  const whole = (below: number): number => Math.floor(random() * below);
  const fill = ({ x, y, width, height }: Rect, colour: readonly number[]): void => {
    for (let row = y; row < Math.min(HEIGHT, y + height); row++)
      for (let column = x; column < Math.min(WIDTH, x + width); column++) rgb.set(colour, (row * WIDTH + column) * 3);
  };
  const colour = (): number[] => [whole(256), whole(256), whole(256)];
  if (kind === 'noise') {
    for (let at = 0; at < rgb.length; at++) rgb[at] = whole(256);
    return { width: WIDTH, height: HEIGHT, rgb };
  }
  fill({ x: 0, y: 0, width: WIDTH, height: HEIGHT }, colour());
  for (let count = 0; count < 6; count++)
    fill({ x: whole(WIDTH), y: whole(HEIGHT), width: 20 + whole(120), height: 10 + whole(80) }, colour());
  for (let line = 0; line < 25; line++) {
    const [x, y, ink] = [whole(260), whole(190), colour()];
    for (let pixel = 0; pixel < 300; pixel++)
      if (random() < 0.4) fill({ x: x + (pixel % 50), y: y + Math.floor(pixel / 50), width: 1, height: 1 }, ink);
  }
  if (kind === 'shaded') {
    for (let at = 0; at < WIDTH * HEIGHT; at++) {
      rgb[at * 3] = rgb[at * 3]! + (at % WIDTH) / 2;
      rgb[at * 3 + 1] = rgb[at * 3 + 1]! + Math.floor(at / WIDTH) / 2;
    }
  }
  return { width: WIDTH, height: HEIGHT, rgb };
}

function copy(from: Picture, rect: Rect, to: Picture, left: number, top: number, noise: () => number): void {
  for (let y = 0; y < rect.height; y++) {
    for (let x = 0; x < rect.width; x++) {
      for (let channel = 0; channel < 3; channel++) {
        const value = from.rgb[((rect.y + y) * from.width + rect.x + x) * 3 + channel]! + noise();
        to.rgb[((top + y) * to.width + left + x) * 3 + channel] = Math.max(0, Math.min(255, value));
      }
    }
  }
}
