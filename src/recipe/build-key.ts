/** The build key: two builds with the same one can be compared, and a difference between them means something. */
import { digestOf } from '../crypto/canonical.ts';
import type { Digest } from '../crypto/digest.ts';
import { lockDigest } from './lock.ts';
import type { Lock, ResolvedRecipe } from './types.ts';

export interface BuildKeyParts {
  readonly resolved: ResolvedRecipe | { readonly digest: Digest };
  readonly lock: Lock;
  /** The normaliser rules as data, or their digest. */
  readonly normaliser: unknown;
  /** Name and version of the manifest format. */
  readonly manifestFormat: string;
  /** QEMU's name of the cpu model: what a guest is told that it runs on. */
  readonly cpuModel: string;
}

/** A receiver of an attestation recomputes it from the parts. */
export function buildKey({ resolved, lock, normaliser, manifestFormat, cpuModel }: BuildKeyParts): Digest {
  return digestOf({
    buildKey: 1,
    recipe: resolved.digest,
    lock: lockDigest(lock),
    normaliser,
    manifestFormat,
    cpuModel,
  });
}
