/** Eyes that know the fonts of this build's media. Fonts are learned from verified media, never shipped. */
import { readInitrdFile } from '../media/index.ts';
import type { VerifiedMedia } from '../media/types.ts';
import { createSenses, type Senses } from '../provision/index.ts';
import { createEyes, parseBgf } from '../screen/index.ts';
import type { Font } from '../screen/types.ts';

/** Where Debian's installer keeps the font that it draws its screens with. */
const INSTALLER_FONT = 'lib/unifont.bgf';

export async function sensesFor(media: VerifiedMedia, hostFactor: number): Promise<Senses> {
  return createSenses(createEyes(await fontsOf(media)), hostFactor);
}

/** An installer without a font of its own draws in VGA text mode, whose font the engine learns by itself. */
async function fontsOf(media: VerifiedMedia): Promise<Font[]> {
  if (!media.initrd) return [];
  const font = await readInitrdFile(media.initrd.path, INSTALLER_FONT);
  return font === undefined ? [] : [parseBgf(font)];
}
