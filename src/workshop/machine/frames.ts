/** Takes pictures of the screen: `screendump` into a file (in memory where the host has a tmpfs), read and compared. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePpm } from './ppm.ts';
import type { Qmp } from './qmp.ts';
import type { Frame } from './types.ts';

/**
 * One picture at a time: callers queue up, because each may need a picture newer than its own last key. The time of
 * capture is taken *before* QEMU is asked, so that no picture passes for newer than it is.
 */
export function createCamera(qmp: Qmp, folder: string): (signal?: AbortSignal) => Promise<Frame> {
  const file = join(folder, 'screen.ppm');
  let last: Frame | undefined;
  let queue: Promise<unknown> = Promise.resolve();

  async function capture(signal: AbortSignal | undefined): Promise<Frame> {
    const capturedAtMs = performance.now();
    await qmp.call('screendump', { filename: file }, { signal });
    const picture = parsePpm(await readFile(file));
    const same =
      last !== undefined &&
      last.width === picture.width &&
      last.height === picture.height &&
      Buffer.compare(last.rgb, picture.rgb) === 0;
    const sequence = last === undefined ? 1 : last.sequence + (same ? 0 : 1);
    last = { ...picture, rgb: same && last ? last.rgb : picture.rgb, sequence, capturedAtMs };
    return last;
  }

  return (signal) => {
    const next = queue.then(() => capture(signal));
    // The queue goes on after a failure; the failure itself is the caller's, through `next`.
    queue = next.catch(() => undefined);
    return next;
  };
}
