/** How far downloads and checks are, on one line of a terminal that is written over; nothing anywhere else. */
import { clearLine, cursorTo } from 'node:readline';
import type { OnProgress } from '../workshop/media/types.ts';
import type { Context } from './context.ts';
import { bytes, harmless } from './output.ts';

/** Times a second that a line can be read. */
const EVERY_MS = 100;

export function progressOn(context: Context): { readonly onProgress?: OnProgress } {
  const { stderr } = context;
  if (context.json || stderr.isTTY !== true || context.environment['TERM'] === 'dumb') return {};
  let shownAtMs = 0;
  return {
    onProgress: ({ what, done, total }) => {
      const isLast = total > 0 && done >= total;
      const nowMs = performance.now();
      if (!isLast && nowMs - shownAtMs < EVERY_MS) return;
      shownAtMs = nowMs;
      clearLine(stderr, 0);
      cursorTo(stderr, 0);
      if (isLast) return;
      const share = total > 0 ? ` of ${bytes(total)}, ${Math.floor((100 * done) / total)} %` : '';
      stderr.write(harmless(`${what}: ${bytes(done)}${share}`).slice(0, 79));
    },
  };
}
