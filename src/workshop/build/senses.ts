/** The real eyes and hands, put together for the engine. */
import { createTypist } from '../input/index.ts';
import { readInitrdFile } from '../media/index.ts';
import type { VerifiedMedia } from '../media/types.ts';
import type { Senses } from '../provision/index.ts';
import { createSerialTerminal } from '../provision/serial-terminal.ts';
import { createEyes, learnVgaFont, parseBgf } from '../screen/index.ts';
import { findText } from '../screen/match.ts';
import { nearestLines } from '../screen/nearest.ts';
import type { Font } from '../screen/types.ts';

/** Where Debian's installer keeps the font that it draws its screens with. */
const INSTALLER_FONT = 'lib/unifont.bgf';

export async function sensesFor(media: VerifiedMedia, hostFactor: number): Promise<Senses> {
  const eyes = createEyes(await fontsOf(media));
  return {
    eyes,
    reader: { find: findText, nearest: nearestLines },
    learnFont: learnVgaFont,
    terminal: createSerialTerminal,
    typist: (hands) => createTypist({ machine: hands, eyes, hostFactor }),
  };
}

/** Fonts are learned from the verified media, never shipped. An installer without one draws in VGA text mode. */
async function fontsOf(media: VerifiedMedia): Promise<Font[]> {
  if (!media.initrd) return [];
  const font = await readInitrdFile(media.initrd.path, INSTALLER_FONT);
  return font === undefined ? [] : [parseBgf(font)];
}
