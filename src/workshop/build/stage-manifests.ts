/**
 * What a checkpoint's disk was measured to hold, kept beside it: a checkpoint never changes, and to read a disk of a whole
 * Debian takes longer than the last step of its recipe. The first line is the digest of the rest.
 */
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { digestHex, sha256, type Digest } from '../../crypto/digest.ts';
import { errnoOf } from '../../errors.ts';
import { MANIFEST_FORMAT } from '../image/index.ts';
import { replaceFile, type Checkpoint } from '../provision/index.ts';

type Place = Pick<Checkpoint, 'folder'>;

/** Text of the manifest of this disk under these rules; `undefined` where it was not measured yet, or what is there is damaged. */
export async function keptStageManifest(place: Place, diskId: string, rules: Digest): Promise<string | undefined> {
  let kept: string;
  try {
    kept = await readFile(fileOf(place, diskId, rules), 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  const end = kept.indexOf('\n');
  const text = kept.slice(end + 1);
  return kept.slice(0, end) === sha256(text) ? text : undefined;
}

export async function keepStageManifest(place: Place, diskId: string, rules: Digest, text: string): Promise<void> {
  await replaceFile(fileOf(place, diskId, rules), `${sha256(text)}\n${text}`);
}

function fileOf({ folder }: Place, diskId: string, rules: Digest): string {
  return path.join(folder, `disk-${diskId}-${MANIFEST_FORMAT}-${digestHex(rules).slice(0, 16)}.txt`);
}
