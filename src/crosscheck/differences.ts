/** Names what differs between my manifest and a peer's. Only the lists are compared: no file content moves. */
import type { Digest } from '../crypto/digest.ts';
import { RefusedError } from '../errors.ts';
import type { ListDifference } from '../exchange/p2p/types.ts';
import { diffManifests, parseManifest, type ManifestDifference } from '../workshop/image/manifest.ts';
import { manifestLines, manifestOfLines } from '../workshop/image/manifest-lines.ts';

/** Rejects with `crosscheck/manifest-mismatch` where what the peer sent does not hash to what it signed. */
export function differences(mine: Uint8Array, theirs: Uint8Array, signed: Digest, peer: string): ManifestDifference[] {
  const parsed = parseManifest(theirs);
  if (parsed.digest !== signed) {
    throw new RefusedError(
      'crosscheck/manifest-mismatch',
      `${peer} sent a manifest with digest ${parsed.digest}, but signed ${signed}.`,
      { hint: 'Their node is faulty or dishonest. Ask them; until then count this as a disagreement.' },
    );
  }
  return diffManifests(parseManifest(mine), parsed);
}

/** The peer's manifest, put together from mine and what they say differs. `differences` finds out whether it is theirs. */
export function theirManifest(mine: Uint8Array, { onlyHere, onlyThere }: ListDifference): Uint8Array {
  const without = new Set(onlyHere);
  return manifestOfLines([...manifestLines(mine).filter((_, index) => !without.has(index)), ...onlyThere]);
}
