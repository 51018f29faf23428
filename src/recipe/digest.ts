/**
 * Digests of recipes and of their parts: SHA-256 over canonical JSON, so that comments, layout and the order of fields
 * are not part of them.
 */
import { digestOf } from '../crypto/canonical.ts';
import type { Digest } from '../crypto/digest.ts';
import type { Recipe, Step } from './types.ts';

export function recipeDigest(recipe: Recipe): Digest {
  return digestOf(recipe);
}

/** What operations call `was`, and symptoms go by. Of the step as written, before parameters are bound. */
export function stepDigest(step: Step): Digest {
  return digestOf(step);
}

/**
 * What a lock is `of`: a patch that leaves the media alone keeps its lock. A recipe without media has one too. What the
 * machine adds to the media (its firmware, the architecture of the packages) is in it where it is not the ordinary, and so
 * are the archives. A recipe
 * with a base has its machine only once it is resolved.
 */
export function mediaDigest({ media = {}, machine = {}, archives }: Recipe): Digest {
  const { arch = 'x86_64', firmware } = machine;
  if (arch === 'x86_64' && firmware !== 'uefi' && archives === undefined) return digestOf(media);
  return digestOf({ media, arch, firmware: firmware ?? 'bios', ...(archives && { archives }) });
}

/** `was` of a `set`: the digest of the value that the field has, or null where there is none. */
export function valueDigest(value: unknown): Digest | null {
  return value === undefined ? null : digestOf(value);
}
