/** What rules keep out of a comparison can be looked at: a real disk, measured under one, and read again without. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import { formatManifest, measureDisk, storeImage } from '../../src/workshop/image/index.ts';
import { startMachine } from '../../src/workshop/machine/index.ts';
import { cli, errorOf, json } from '../support/cli.ts';
import { finishedBuild } from '../support/finished-build.ts';
import { needPrograms } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { emptyDisk, flipByte, makeExt4 } from '../workshop/image/disks.fixture.ts';
import { FACTS } from '../workshop/image/image-facts.fixture.ts';
import { measuringTools } from '../workshop/image/measuring-vm.fixture.ts';

const MIB = 1024 * 1024;
const MACHINE_ID = '5f0c9d1e77aa4b21b0c3d9e8f7a6b5c4\n';
const RULES = ['machine-id'];

describe('portalgun images hidden', function () {
  this.timeout(300_000);
  let person: TestHome;

  before(async function () {
    needPrograms(this, 'qemu-system-x86_64', 'mke2fs');
    const tools = await measuringTools(this);
    person = await tempHome();
    const tree = path.join(person.folder, 'tree');
    await mkdir(path.join(tree, 'etc'), { recursive: true });
    await writeFile(path.join(tree, 'etc/machine-id'), MACHINE_ID);
    await writeFile(path.join(tree, 'etc/issue'), 'what no rule touches\n');
    const disk = emptyDisk(path.join(person.folder, 'disk'), 8 * MIB);
    makeExt4(disk, 0, 8 * MIB, tree);
    const manifest = await measureDisk({
      tools,
      normalise: RULES,
      startMachine,
      runtimeDir: path.join(person.folder, 'vm'),
      accelerator: 'tcg',
      diskPath: disk,
      format: 'raw',
    });
    for (const each of [person.home.imagesDir, person.home.buildsDir]) await mkdir(each, { recursive: true });
    // `older`: measured when the rules of these names were others.
    for (const [id, measured] of [
      ['ruled', manifest],
      ['older', formatManifest(manifest.entries, sha256('older rules'))],
    ] as const) {
      await storeImage({
        imagesDir: person.home.imagesDir,
        id,
        disks: [{ id: 'root', path: disk, format: 'raw' }],
        facts: FACTS,
        measured: { diskId: 'root', manifest: measured },
      });
      await finishedBuild(person, measured, { image: id, normalise: RULES });
    }
  });
  after(() => person?.remove());

  it('says of each entry that a rule touches what it is, what it counts as, and why', async () => {
    const [found, ...more] = await json(person, ['images', 'hidden', 'ruled']);
    assert.deepEqual(more, []);
    assert.match(found.reason, /made at random/);
    assert.deepEqual(
      [found.path, found.rule, found.version, found.is, found.countsAs],
      [
        'p0:/etc/machine-id',
        'machine-id',
        1,
        { sizeBytes: MACHINE_ID.length, sha256: sha256(MACHINE_ID) },
        { sizeBytes: 0, sha256: sha256('') },
      ],
    );
  });

  it('says that it reads only what is there to be read', async () => {
    assert.match((await cli(person, ['images', 'hidden', 'none'])).stderr, /^error: there is no image "none"/);
  });

  it('does not measure by the rules of today what was measured by those of another day', async () => {
    const error = await errorOf(person, ['images', 'hidden', 'older'], 5);
    assert.deepEqual(
      [error.code, error.hint],
      ['image/other-rules', 'Build it again: then it is measured under those of today.'],
    );
  });

  it('refuses an image in which anything else has changed', async () => {
    const file = path.join(person.home.imagesDir, 'ruled/root.raw');
    const at = (await readFile(file)).indexOf('what no rule touches');
    await chmod(file, 0o600);
    flipByte(file, at);
    assert.equal((await errorOf(person, ['images', 'hidden', 'ruled'], 3)).code, 'image/altered');
  });
});
