/** A disk as an image of a home, with the build that it is said to come from, as `build` would have left them. */
import { mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import type { NormaliseRule } from '../../src/recipe/types.ts';
import { storeImage, type Manifest, type StoredImage } from '../../src/workshop/image/index.ts';
import { formatLock } from '../../src/recipe/lock.ts';
import { keepLock } from '../../src/node/build-files.ts';
import { parseBuildJson } from '../../src/node/build-json.ts';
import { writeBuildRecord, type Conditions } from '../../src/node/build-records.ts';
import { sha256 } from '../../src/crypto/digest.ts';
import { FACTS } from '../workshop/image/image-facts.fixture.ts';
import { finishedBuild } from './finished-build.ts';
import type { TestHome } from './temp-home.ts';

/** Both are called `id`. */
export async function storedBuild(
  person: TestHome,
  id: string,
  made: {
    readonly disk: string;
    readonly manifest: Manifest;
    readonly normalise?: readonly NormaliseRule[];
    readonly conditions?: Conditions;
  },
): Promise<StoredImage> {
  const { home } = person;
  for (const folder of [home.imagesDir, home.buildsDir]) await mkdir(folder, { recursive: true });
  const image = await storeImage({
    imagesDir: home.imagesDir,
    id,
    disks: [{ id: 'root', path: made.disk, format: 'raw' }],
    facts: { ...FACTS, recipeName: 'tiny' },
    measured: { diskId: 'root', manifest: made.manifest },
  });
  const build = await finishedBuild(person, made.manifest, {
    image: id,
    recipe: FACTS.resolved,
    lock: FACTS.lock,
    files: Object.fromEntries(image.disks.map(({ file, sha256 }) => [file, sha256])),
    ...(made.normalise !== undefined && { normalise: made.normalise }),
    ...(made.conditions !== undefined && { conditions: made.conditions }),
  });
  // An image has the name of its build.
  await rename(path.join(home.buildsDir, build), path.join(home.buildsDir, id));
  const lockFile = await keepLock(home, id, formatLock({ lock: 1, of: sha256('media'), media: {} }));
  const record = parseBuildJson(await readFile(path.join(home.buildsDir, id, 'build.json'), 'utf8'), build);
  await writeBuildRecord(home, { ...record, id, lockFile });
  return image;
}
