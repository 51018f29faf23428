/**
 * Learns the font that a Linux kernel draws its framebuffer console with. It lies in the kernel as it is, one byte a pixel
 * row and 16 rows a character: in the unpacked vmlinuz, and in the memory of the running guest, whatever that was packed
 * with.
 */
import type { Machine } from '../machine/types.ts';
import { CP437 } from './cp437.ts';
import { KERNEL_FONT_MEMORY_BYTES, KERNEL_FONT_PIECE_BYTES } from './limits.ts';
import type { Font } from './types.ts';

const HEIGHT = 16;
const CHARACTERS = 256;
const FONT_BYTES = CHARACTERS * HEIGHT;

/** What all of PCs' fonts of 8x16 pixels have in common: the letter A, by which one is found. */
const LETTER = 0x41;
const LETTER_ROWS = Buffer.from('000010386cc6c6fec6c6c6c600000000', 'hex');

/** The first font in the bytes of an unpacked kernel, a VGA BIOS or guest memory; null where there is none. */
export function kernelFont(bytes: Uint8Array, name = 'kernel-font'): Font | null {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = buffer.indexOf(LETTER_ROWS); at >= 0; at = buffer.indexOf(LETTER_ROWS, at + 1)) {
    const start = at - LETTER * HEIGHT;
    if (start < 0 || start + FONT_BYTES > bytes.length) continue;
    const font = buffer.subarray(start, start + FONT_BYTES);
    if (isFont(font)) return fontOf(font, name);
  }
  return null;
}

/** Blanks are empty, letters and digits are not, a full block is full. */
function isFont(font: Uint8Array): boolean {
  const rowsOf = (code: number): Uint8Array => font.subarray(code * HEIGHT, (code + 1) * HEIGHT);
  const isEmpty = (code: number): boolean => rowsOf(code).every((row) => row === 0);
  const drawn = Array.from('0123456789BCabcxyz').every((char) => !isEmpty(char.charCodeAt(0)));
  return isEmpty(0) && isEmpty(0x20) && drawn && rowsOf(0xdb).every((row) => row === 0xff);
}

function fontOf(font: Uint8Array, name: string): Font {
  const glyphs = Array.from({ length: CHARACTERS }, (_, code) => ({
    codePoint: CP437.charCodeAt(code),
    width: 8,
    rows: [...font.subarray(code * HEIGHT, (code + 1) * HEIGHT)],
  }));
  return { name, height: HEIGHT, glyphs };
}

/**
 * Looks through the guest's memory where kernels lie, above the first mebibyte (below it is the BIOS, with another font).
 * The guest stands still for some milliseconds a piece.
 */
export async function learnKernelFont(machine: Pick<Machine, 'readMemory' | 'memoryBytes'>): Promise<Font | null> {
  // Where there is no memory QEMU reads byte by byte: a minute for what is not there.
  const end = Math.min(machine.memoryBytes, KERNEL_FONT_MEMORY_BYTES);
  for (let at = 2 ** 20; at < end; at += KERNEL_FONT_PIECE_BYTES - FONT_BYTES) {
    const font = kernelFont(await machine.readMemory(at, Math.min(KERNEL_FONT_PIECE_BYTES, end - at)));
    if (font) return font;
  }
  return null;
}
