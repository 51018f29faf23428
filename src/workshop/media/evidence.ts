/** What was signed, and the signatures, each under its own digest: years later they show what a build relied on (threat 34). */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { digestHex, sha256, type Digest } from '../../crypto/digest.ts';
import { unlessMissing, writeAtomically } from './atomic-file.ts';

export type EvidenceKind = 'InRelease' | 'checksums' | 'signature';

export function evidencePath(cacheDir: string, digest: Digest, kind: EvidenceKind): string {
  return join(cacheDir, 'releases', `${digestHex(digest)}.${kind}`);
}

/** Call it for what was found to hold. */
export async function keepEvidence(cacheDir: string, bytes: Uint8Array, kind: EvidenceKind): Promise<Digest> {
  const digest = sha256(bytes);
  const path = evidencePath(cacheDir, digest, kind);
  const kept = await readFile(path).catch(unlessMissing);
  if (!kept || sha256(kept) !== digest) await writeAtomically(path, (temporary) => writeFile(temporary, bytes));
  return digest;
}
