/** Learned fonts, kept in the cache for screenshots that are read later. Builds learn theirs anew, from their own guest. */
import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf } from '../../errors.ts';
import { FONT_FILE_BYTES, FONT_GLYPHS, KEPT_FONTS } from './limits.ts';
import type { Font, Glyph } from './types.ts';

/** The folder of the cache that fonts are kept in. */
export const FONTS_FOLDER = 'fonts';

/** Each font once: its file is named by what it holds. */
export async function keepFont(folder: string, font: Font): Promise<void> {
  const text = JSON.stringify(font);
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  const file = path.join(folder, `${font.name}-${font.height}-${digest}.json`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const known = await readdir(folder);
  if (known.includes(path.basename(file)) || known.length >= KEPT_FONTS) return;
  const unfinished = `${file}.${process.pid}`;
  await writeFile(unfinished, text, { mode: 0o600 });
  await rename(unfinished, file);
}

/** By name. What is no font (any more) is left out: it can be learned again. */
export async function keptFonts(folder: string): Promise<Font[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const fonts: Font[] = [];
  for (const name of names
    .filter((one) => one.endsWith('.json'))
    .sort()
    .slice(0, KEPT_FONTS)) {
    const bytes = await readFile(path.join(folder, name));
    const font = bytes.length <= FONT_FILE_BYTES ? fontOf(bytes) : undefined;
    if (font) fonts.push(font);
  }
  return fonts;
}

function fontOf(bytes: Buffer): Font | undefined {
  let value: unknown;
  try {
    value = JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined; // not a whole file: as if it were not there
  }
  const { name, height, glyphs } = (value ?? {}) as Partial<Record<keyof Font, unknown>>;
  const isHeight = typeof height === 'number' && Number.isInteger(height) && height > 0 && height <= 32;
  if (typeof name !== 'string' || !isHeight || !Array.isArray(glyphs) || glyphs.length > FONT_GLYPHS) return undefined;
  return glyphs.every((glyph) => isGlyph(glyph, height)) ? { name, height, glyphs } : undefined;
}

function isGlyph(value: unknown, height: number): value is Glyph {
  const { codePoint, width, rows } = (value ?? {}) as Partial<Record<keyof Glyph, unknown>>;
  const fits =
    typeof codePoint === 'number' && codePoint >= 0 && codePoint <= 0x10ffff && (width === 8 || width === 16);
  return fits && Array.isArray(rows) && rows.length === height && rows.every((row) => Number.isInteger(row));
}
