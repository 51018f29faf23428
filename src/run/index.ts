/**
 * Running images.
 *
 * Promises: an image's files are hashed before they are used and are the same afterwards; a run writes to overlays of its
 * own, which are gone at its end (unless the person asked to keep them); the terminal is left as it was.
 *
 * Never: gives a VM a way out: without `forwards` it has no network card, with them it is reached through these ports of the
 * loopback alone and reaches nothing itself. Never writes to an image's disks, or runs an image whose bytes are not what was stored.
 */
export { attachConsole, type Console, type ConsoleEnd, LEAVE_KEY } from './console.ts';
export { parseForwards } from './forward.ts';
export { runImage, type RunOptions, type RunOutcome, type UefiFiles } from './run-image.ts';
