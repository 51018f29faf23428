/** Two real disks that differ for five reasons: `images diff` reads both, and tells for each file which it most likely was. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { measureDisks, type MeasuredDisk } from '../../src/workshop/image/index.ts';
import { startMachine } from '../../src/workshop/machine/index.ts';
import { json, type Answer } from '../support/cli.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { emptyDisk, makeExt4 } from '../workshop/image/disks.fixture.ts';
import { measuringTools } from '../workshop/image/measuring-vm.fixture.ts';

const MIB = 1024 * 1024;

/** What each of the two builds was made with, and wrote. Their rules touch none of it, but are part of their manifests. */
const BUILDS = {
  monday: {
    normalise: [],
    conditions: { clock: '2026-03-02T09:15:00.000Z', hostName: 'workshop', cpus: 2 },
    files: {
      'host.txt': 'built by root@workshop\n',
      'order.txt': 'alpha\nbeta\ngamma\n',
      'random.txt': 'UUID=706f7274-616c-4775-8e12-000000000012 /\n',
      'same.txt': 'the same\n',
      'time.log': '2026-03-02 09:15:07 installed\n',
      'untold.txt': 'yes\n',
      'version.txt': 'VERSION="12.4"\n',
    },
  },
  friday: {
    normalise: ['machine-id'],
    conditions: { clock: '2026-03-06T22:40:00.000Z', hostName: 'laptop', cpus: 8 },
    files: {
      'host.txt': 'built by root@laptop\n',
      'order.txt': 'gamma\nalpha\nbeta\n',
      'random.txt': 'UUID=1b9d6bcd-bbfd-4b2d-9b5d-ab8dfbbd4bed /\n',
      'same.txt': 'the same\n',
      'time.log': '2026-03-06 22:41:33 installed\n',
      'untold.txt': 'no\n',
      'version.txt': 'VERSION="12.5"\n',
    },
  },
} as const;

describe('portalgun images diff', function () {
  this.timeout(600_000);
  let person: TestHome;

  before(async function () {
    const tools = await measuringTools(this, 'mke2fs');
    person = await tempHome();
    const builds = Object.entries(BUILDS);
    const disks: MeasuredDisk[] = [];
    for (const [image, { files, normalise }] of builds)
      disks.push({ path: await diskOf(person, image, files), format: 'raw', normalise });
    const manifests = await measureDisks({
      tools,
      normalise: [],
      startMachine,
      runtimeDir: path.join(person.folder, 'vm'),
      accelerator: 'tcg',
      disks,
    });
    for (const [index, [image, { conditions, normalise }]] of builds.entries()) {
      const [disk, manifest] = [disks[index], manifests[index]];
      assert.ok(disk !== undefined && manifest !== undefined);
      await storedBuild(person, image, { disk: disk.path, manifest, normalise, conditions });
    }
  });
  after(() => person?.remove());

  it('tells time, randomness, order, host and version apart, each with what says so, and guesses nothing else', async () => {
    const { differences }: Answer = await json(person, ['images', 'diff', 'monday', 'friday'], 4);
    assert.deepEqual(
      differences.map(({ path: name, cause }: Answer) => [name, cause?.kind]),
      [
        ['p0:/host.txt', 'host'],
        ['p0:/order.txt', 'order'],
        ['p0:/random.txt', 'randomness'],
        ['p0:/time.log', 'time'],
        ['p0:/untold.txt', undefined],
        ['p0:/version.txt', 'version'],
      ],
    );
    assert.match(differences[0].cause.evidence, /workshop.*laptop/);
  });
});

/** Resolves with the disk's path. */
async function diskOf({ folder }: TestHome, image: string, files: Readonly<Record<string, string>>): Promise<string> {
  const tree = path.join(folder, image);
  await mkdir(tree);
  for (const [name, content] of Object.entries(files)) await writeFile(path.join(tree, name), content);
  const disk = emptyDisk(path.join(folder, `${image}.raw`), 8 * MIB);
  makeExt4(disk, 0, 8 * MIB, tree);
  return disk;
}
