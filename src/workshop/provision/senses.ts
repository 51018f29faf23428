/** The workshop's own eyes and hands, as the engine wants them. */
import { createPace } from '../input/pace.ts';
import { createTypist } from '../input/typist.ts';
import { learnVgaFont } from '../screen/learn-vga.ts';
import { findText } from '../screen/match.ts';
import { nearestLines } from '../screen/nearest.ts';
import { createPictureReaders } from '../screen/picture-reader.ts';
import { createRecogniser } from '../screen/recognise.ts';
import type { Eyes } from '../screen/types.ts';
import type { Senses } from './engine.ts';
import { createSerialTerminal } from './serial-terminal.ts';

/** `eyes` may know fonts already; the one that the guest's text mode draws with is learned from the guest. */
export function createSenses(eyes: Eyes, hostFactor = 1): Senses {
  // One for the whole build: a guest that is rolled back takes keys no faster than before.
  const pace = createPace();
  return {
    eyes,
    reader: { find: findText, nearest: nearestLines },
    pictures: createPictureReaders(createRecogniser()),
    learnFont: learnVgaFont,
    terminal: createSerialTerminal,
    typist: (machine) => createTypist({ machine, eyes, hostFactor, pace }),
  };
}
