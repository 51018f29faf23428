/** A screen of blocks of 10x10 pixels of any brightness: nothing on it is anywhere else. */
import type { Picture } from '../../src/picture/types.ts';
import { seeded } from './random.ts';

/** The same blocks for the same seed, moved to the right by `shift` pixels. */
export function mottledPicture(seed: number, shift = 0, width = 160, height = 120): Picture {
  const random = seeded(seed);
  const across = Math.ceil(width / 10);
  const blocks = Array.from({ length: across * Math.ceil(height / 10) }, () => Math.floor(random() * 256));
  const rgb = new Uint8Array(width * height * 3);
  for (let at = 0; at < width * height; at++) {
    const [x, y] = [((at % width) + width - shift) % width, Math.floor(at / width)];
    rgb.fill(blocks[Math.floor(y / 10) * across + Math.floor(x / 10)] ?? 0, at * 3, at * 3 + 3);
  }
  return { width, height, rgb };
}
