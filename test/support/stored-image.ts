/** A disk as an image of a home, with the build that it is said to come from, as `build` would have left them. */
import { mkdir } from 'node:fs/promises';
import type { NormaliseRule } from '../../src/recipe/types.ts';
import { storeImage, type Manifest, type StoredImage } from '../../src/workshop/image/index.ts';
import { FACTS } from '../workshop/image/image-facts.fixture.ts';
import { finishedBuild } from './finished-build.ts';
import type { TestHome } from './temp-home.ts';

export interface StoredBuild {
  readonly image: StoredImage;
  /** Id of the build. */
  readonly build: string;
}

export async function storedBuild(
  person: TestHome,
  id: string,
  made: { readonly disk: string; readonly manifest: Manifest; readonly normalise?: readonly NormaliseRule[] },
): Promise<StoredBuild> {
  const { home } = person;
  for (const folder of [home.imagesDir, home.buildsDir]) await mkdir(folder, { recursive: true });
  const image = await storeImage({
    imagesDir: home.imagesDir,
    id,
    disks: [{ id: 'root', path: made.disk, format: 'raw' }],
    facts: FACTS,
    measured: { diskId: 'root', manifest: made.manifest },
  });
  const build = await finishedBuild(person, made.manifest, {
    image: id,
    lock: FACTS.lock,
    files: Object.fromEntries(image.disks.map(({ file, sha256 }) => [file, sha256])),
    ...(made.normalise !== undefined && { normalise: made.normalise }),
  });
  return { image, build };
}
