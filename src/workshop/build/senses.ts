/** Eyes that know the fonts of this build's media. Fonts are learned from verified media and guests, never shipped. */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { PortalgunError } from '../../errors.ts';
import { readInitrdFile } from '../media/index.ts';
import type { VerifiedMedia } from '../media/types.ts';
import { createSenses, type Senses } from '../provision/index.ts';
import { createEyes, parseBgf } from '../screen/index.ts';
import { unpackedKernel } from '../screen/font-file.ts';
import { FONTS_FOLDER, keepFont } from '../screen/font-store.ts';
import type { Font } from '../screen/types.ts';

/** Where Debian's installer keeps the font that it draws its screens with. */
const INSTALLER_FONT = 'lib/unifont.bgf';

/** What is learned is kept in the cache too, for screenshots that are read later. */
export async function sensesFor(media: VerifiedMedia, hostFactor: number, cacheDir: string): Promise<Senses> {
  const fonts = await fontsOf(media);
  const keep = async (font: Font): Promise<void> => {
    // A full disk or the like: it can be learned again, and a build does not fail for it.
    await keepFont(path.join(cacheDir, FONTS_FOLDER), font).catch(() => undefined);
  };
  for (const font of fonts) await keep(font);
  return createSenses(createEyes(fonts), hostFactor, { kernel: () => kernelOf(media), keep });
}

/** An installer without a font of its own draws in VGA text mode, whose font the engine learns by itself. */
async function fontsOf(media: VerifiedMedia): Promise<Font[]> {
  if (!media.initrd) return [];
  const font = await readInitrdFile(media.initrd.path, INSTALLER_FONT);
  return font === undefined ? [] : [parseBgf(font)];
}

/** Null where it cannot be unpacked here: the font is looked for in the guest's memory then. */
async function kernelOf({ kernel }: VerifiedMedia): Promise<Uint8Array | null> {
  if (kernel === undefined) return null;
  try {
    return await unpackedKernel(await readFile(kernel.path));
  } catch (error) {
    if (error instanceof PortalgunError) return null;
    throw error;
  }
}
