/** The workshop's own eyes and hands, as the engine wants them. */
import { createPace } from '../input/pace.ts';
import { createTypist } from '../input/typist.ts';
import { createFontLearner, type FontSources } from '../screen/font-learner.ts';
import { findText } from '../screen/match.ts';
import { nearestLines } from '../screen/nearest.ts';
import { createPictureReaders } from '../screen/picture-reader.ts';
import { createRecogniser } from '../screen/recognise.ts';
import type { Eyes } from '../screen/types.ts';
import type { Senses } from './engine.ts';
import { createSerialTerminal } from './serial-terminal.ts';

/** `eyes` may know fonts already; the one that the guest draws with is learned from the guest, or from its kernel. */
export function createSenses(eyes: Eyes, hostFactor = 1, fonts: FontSources = {}): Senses {
  // One for the whole build: a guest that is rolled back takes keys no faster than before.
  const pace = createPace();
  return {
    eyes,
    reader: { find: findText, nearest: nearestLines },
    pictures: createPictureReaders(createRecogniser()),
    learnFont: createFontLearner(fonts),
    terminal: createSerialTerminal,
    typist: (machine) => createTypist({ machine, eyes, hostFactor, pace }),
  };
}
