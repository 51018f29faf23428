/** The build that an image came from, as far as it is kept, and whether the two say the same. */
import path from 'node:path';
import { RefusedError } from '../errors.ts';
import { measuredDiskOf, type StoredImage } from '../workshop/image/index.ts';
import { listBuilds, type BuildRecord } from './build-records.ts';
import type { Home } from './home.ts';
import { isThere } from './is-there.ts';

/** Undefined where none is kept. Rejects with `image/altered` where its record does not read, or tells of another image. */
export async function buildOfImage(home: Home, image: StoredImage): Promise<BuildRecord | undefined> {
  const { builds } = await listBuilds(home);
  const build = builds.find((one) => one.image === image.id);
  if (build === undefined) {
    // An image has the name of its build.
    if (await isThere(path.join(home.buildsDir, image.id))) throw otherThanBuilt(image, 'build.json');
    return undefined;
  }
  const { attestation } = build;
  if (attestation === undefined) return build;
  const { file, sha256 } = measuredDiskOf(image);
  const { manifest, lock, files } = attestation;
  const same =
    manifest === image.manifest &&
    manifest === build.manifest &&
    lock === image.lock &&
    files?.[file] === sha256 &&
    attestation.recipe === image.resolved &&
    attestation.recipeName === image.recipeName;
  if (!same) throw otherThanBuilt(image, 'build.json');
  return build;
}

/** `file` of the build's folder is another one than it was when the image was made. */
export function otherThanBuilt({ id }: StoredImage, file: string): RefusedError {
  return new RefusedError('image/altered', `${file} of the build of ${id} is not what was written with the image`, {
    hint: 'do not use this image: build it again, and find out what changed it',
    facts: { id, file },
  });
}
