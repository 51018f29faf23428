/**
 * A home that another process holds just now. A command holds it for one call, and a node that has just been started
 * answers a moment later: whoever types one after the other must not be told to try again.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { PortalgunError } from '../errors.ts';

/** How long it is waited for, ms: a node needs some seconds to start on a busy machine. */
export const HELD_HOME_WAIT_MS = 15_000;
/** How often it is looked at, ms. */
const LOOK_AGAIN_MS = 100;

/** Calls `open` until it does not reject with `store/locked`, for as long as `goOn` says and there is time. */
export async function onceFree<T>(
  open: () => Promise<T>,
  goOn: () => Promise<boolean>,
  signal: AbortSignal,
  waitMs = HELD_HOME_WAIT_MS,
): Promise<T> {
  const late = AbortSignal.timeout(waitMs);
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const isHeld = error instanceof PortalgunError && error.code === 'store/locked';
      if (!isHeld || late.aborted || !(await goOn())) throw error;
      await pause(LOOK_AGAIN_MS, undefined, { signal });
    }
  }
}
