/** The builds of a home, where the record of one of them does not read any more. */
import assert from 'node:assert/strict';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import {
  findBuild,
  latestBuildOf,
  listBuilds,
  newBuildFolder,
  writeBuildRecord,
  type BuildRecord,
} from '../../src/node/build-records.ts';
import { explainDifference } from '../../src/node/explain.ts';
import { openHome } from '../../src/node/home.ts';
import { rulesOf } from '../../src/node/read-image.ts';
import { IMAGE_VERSION } from '../../src/workshop/image/image-types.ts';
import { json, type Answer } from '../support/cli.ts';
import { needPrograms } from '../support/skip.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { flipByte } from '../workshop/image/disks.fixture.ts';
import { extentManifest, FACTS } from '../workshop/image/image-facts.fixture.ts';

const RECIPE = sha256('recipe');
const DAMAGED = { code: 'build/damaged', exitCode: 3, hint: /build it again/ };
const made = extentManifest(Buffer.from('a disk'));

describe('builds of a home', function () {
  this.timeout(120_000);
  let test: TestHome;

  beforeEach(async () => {
    test = await tempHome();
    await openHome(test.home);
  });
  afterEach(() => test.remove());

  /** On that day of a month. */
  async function built(recipeName: string, day: number, fields: Partial<BuildRecord> = {}): Promise<string> {
    const now = new Date(Date.UTC(2026, 0, day));
    const { id } = await newBuildFolder(test.home, recipeName, now);
    await writeBuildRecord(test.home, {
      version: 1,
      id,
      recipeName,
      startedRecipe: RECIPE,
      finalRecipe: RECIPE,
      status: 'done',
      startedAt: now.toISOString(),
      tookMs: 1,
      repairs: [],
      buildKey: sha256('key'),
      manifest: made.digest,
      builder: {},
      image: id,
      ...fields,
    });
    return id;
  }

  const fileOf = (id: string): string => path.join(test.home.buildsDir, id, 'build.json');
  const damage = (id: string): void => flipByte(fileOf(id), 50);

  async function listed(): Promise<[readonly string[], readonly string[]]> {
    const { builds, unreadable } = await listBuilds(test.home);
    return [builds.map(({ id }) => id), unreadable.map(({ id, error }) => `${id} ${error.code}`)];
  }

  it('are listed, the oldest first; of one that does not read it is said why, and the others are there', async () => {
    const ids = [await built('tiny', 3), await built('other', 1), await built('tiny', 2)] as const;
    assert.deepEqual(await listed(), [[ids[1], ids[2], ids[0]], []]);
    damage(ids[2]);
    await writeFile(fileOf(ids[1]), JSON.stringify({ version: 7 }));
    assert.deepEqual(await listed(), [[ids[0]], [`${ids[1]} build/newer`, `${ids[2]} build/damaged`]]);
    await assert.rejects(findBuild(test.home, ids[2]), DAMAGED);
    await assert.rejects(findBuild(test.home, ids[1]), { code: 'build/newer', exitCode: 5 });
    await assert.rejects(findBuild(test.home, 'none'), { code: 'build/unknown', exitCode: 2 });
  });

  it('that were killed before anything was written of them, and what else is in the folder, are not builds', async () => {
    const id = await built('tiny', 1);
    await mkdir(path.join(test.home.buildsDir, 'tiny-20260102-000000'));
    await writeFile(path.join(test.home.buildsDir, 'a-file'), '');
    assert.deepEqual(await listed(), [[id], []]);
    await rm(test.home.buildsDir, { recursive: true });
    assert.deepEqual(await listed(), [[], []]);
  });

  it('the latest is not another one than it was because the latest does not read', async () => {
    const [first, , last] = [await built('tiny', 1), await built('tiny', 2), await built('tiny', 3)] as const;
    const other = await built('other', 4);
    damage(first);
    assert.equal((await findBuild(test.home, 'latest')).id, other);
    assert.equal((await latestBuildOf(test.home, 'recipes/tiny.yaml')).id, last);
    damage(other);
    await assert.rejects(findBuild(test.home, 'latest'), DAMAGED);
    assert.equal((await latestBuildOf(test.home, 'tiny')).id, last);
    await assert.rejects(latestBuildOf(test.home, RECIPE), DAMAGED); // which recipe it was of is not known any more
    damage(last);
    await assert.rejects(latestBuildOf(test.home, 'tiny'), DAMAGED);
  });

  it('where all that there is does not read, that is said, and not that nothing was built', async () => {
    damage(await built('tiny', 1));
    await assert.rejects(findBuild(test.home, 'latest'), DAMAGED);
    await assert.rejects(latestBuildOf(test.home, 'tiny'), DAMAGED);
    await assert.rejects(latestBuildOf(test.home, 'other'), { code: 'build/none' });
  });

  it('what two images differ in is not told without the steps of a build that does not read', async function () {
    needPrograms(this, 'qemu-img');
    for (const id of ['one', 'two']) {
      await writeFile(path.join(test.folder, id), id);
      const disk = { disk: path.join(test.folder, id), manifest: extentManifest(Buffer.from(id)) };
      await storedBuild(test, id, disk);
    }
    const told = () =>
      explainDifference(test.home, 'one', 'two', { causes: false, signal: new AbortController().signal });
    assert.equal((await told()).length, 1);
    damage('two');
    await assert.rejects(told(), DAMAGED);
    const [two] = (await json(test, ['images', 'list'])).filter(({ id }: Answer) => id === 'two');
    assert.equal(two.contradictedBy, null); // whether it is cannot be known
  });

  it('an image is not read by rules that are not those that were written down', async () => {
    const id = await built('tiny', 1, { normalise: [] });
    const stored = {
      ...FACTS,
      version: IMAGE_VERSION,
      manifest: made.digest,
      measuredDisk: 'root',
      disks: [],
    } as const;
    const rules = (): Promise<unknown> => rulesOf(test.home, { ...stored, id }, made);
    await assert.rejects(rules(), { code: 'image/other-rules' });
    damage(id);
    await assert.rejects(rules(), DAMAGED);
  });
});
