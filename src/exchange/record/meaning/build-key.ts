/** What makes two builds comparable: equal inputs, rules, format and processor must give equal manifests. */
import { digestOf } from '../../../crypto/canonical.ts';
import type { Digest } from '../../../crypto/digest.ts';

export interface BuildInputs {
  /** Digest of the resolved recipe. */
  readonly recipe: Digest;
  /** Digest of the lock; null where the recipe needs none. */
  readonly lock: Digest | null;
  /** Digest of the normaliser rules. */
  readonly normaliser: Digest;
  /** Name and version of the manifest's text format. */
  readonly manifestFormat: string;
  /** The guest's processor model: what `-cpu` was given. */
  readonly cpuModel: string;
}

/** Recomputed by whoever reads an attestation: never taken from it. */
export function buildKeyOf(inputs: BuildInputs): Digest {
  const { recipe, lock, normaliser, manifestFormat, cpuModel } = inputs;
  return digestOf({ recipe, lock, normaliser, manifestFormat, cpuModel });
}
