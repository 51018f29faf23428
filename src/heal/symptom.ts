/**
 * A symptom names what went wrong in a way that two nodes compute alike: the network, the step's digest and the
 * condition that was never met. What was *seen* instead is evidence, not key: it holds host names and dates.
 */
import { digestOf } from '../crypto/canonical.ts';
import type { Digest } from '../crypto/digest.ts';
import type { Condition } from '../recipe/types.ts';

export function symptomOf(network: string, stepDigest: Digest, expected: Condition): Digest {
  return digestOf({ network, step: stepDigest, expected });
}
