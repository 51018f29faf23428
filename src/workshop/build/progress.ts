/** How far something is, told a few times a second however often it is known: whoever reads it on a pipe holds the build up. */
import type { BuildEvent } from '../provision/types.ts';

/** Between two words about the same thing, milliseconds. */
const PROGRESS_EVERY_MS = 200;

export type Progress = Omit<Extract<BuildEvent, { event: 'progress' }>, 'event' | 'atMs'>;

/** Passes on the first of each thing, the last (`done` is `total`), and of the others what is due. */
export function paced(tell: (progress: Progress) => void, now = () => performance.now()): (progress: Progress) => void {
  let what = '';
  let toldAtMs = 0;
  return (progress) => {
    const done = progress.total > 0 && progress.done >= progress.total;
    if (progress.what === what && !done && now() - toldAtMs < PROGRESS_EVERY_MS) return;
    what = progress.what;
    toldAtMs = now();
    tell(progress);
  };
}
