/**
 * Learns the font that a machine's text mode draws with, whatever the guest loaded there: the adapter keeps it in its
 * memory plane 2, 32 bytes a character. QEMU stores the four planes interleaved, byte by byte.
 */
import type { Machine } from '../machine/types.ts';
import { CP437 } from './cp437.ts';
import type { Font, Glyph } from './types.ts';

const CHARACTERS = 256;
const BYTES_PER_CHARACTER = 32;
const PLANES = 4;
const FONT_PLANE = 2;

/** Bytes of adapter memory in which the first font of plane 2 lies. */
export const VGA_FONT_BYTES = CHARACTERS * BYTES_PER_CHARACTER * PLANES;

/** Null where the machine has no display adapter with memory, or no font is in it (no text mode yet, or a graphics mode). */
export async function learnVgaFont(machine: Machine): Promise<Font | null> {
  const address = await machine.vgaMemoryAddress();
  if (address === null) return null;
  return vgaFont(await machine.readMemory(address, VGA_FONT_BYTES));
}

/** Reads the font out of interleaved planes. */
export function vgaFont(memory: Uint8Array): Font | null {
  const rowsOf = (code: number) =>
    Array.from(
      { length: BYTES_PER_CHARACTER },
      (_, row) => memory[(code * BYTES_PER_CHARACTER + row) * PLANES + FONT_PLANE] ?? 0,
    );
  const all = Array.from({ length: CHARACTERS }, (_, code) => rowsOf(code));
  const height = fontHeight(all);
  if (height === null) return null;
  const glyphs: Glyph[] = all.map((rows, code) => ({
    codePoint: CP437.charCodeAt(code),
    width: 8,
    rows: rows.slice(0, height),
  }));
  return { name: 'vga-font', height, glyphs };
}

/** A text font leaves the space empty, draws the letter A, and nothing below its own height. */
function fontHeight(all: readonly (readonly number[])[]): number | null {
  const empty = (rows: readonly number[] | undefined) => rows?.every((row) => row === 0) === true;
  if (!empty(all[0x20]) || empty(all[0x41])) return null;
  let height = 0;
  for (const rows of all) {
    const last = rows.findLastIndex((row) => row !== 0);
    height = Math.max(height, last + 1);
  }
  return [8, 14, 16].find((known) => height <= known) ?? null;
}
