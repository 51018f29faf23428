/** What rules keep out of a comparison can be looked at: a real disk, measured under one, and read again without. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import { formatManifest, measureDisk } from '../../src/workshop/image/index.ts';
import { startMachine } from '../../src/workshop/machine/index.ts';
import { cli, errorOf, json } from '../support/cli.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { emptyDisk, flipByte, makeExt4 } from '../workshop/image/disks.fixture.ts';
import { measuringTools } from '../workshop/image/measuring-vm.fixture.ts';

const MIB = 1024 * 1024;
const MACHINE_ID = '5f0c9d1e77aa4b21b0c3d9e8f7a6b5c4\n';
const RULES = ['machine-id'];

describe('portalgun images hidden', function () {
  this.timeout(300_000);
  let person: TestHome;

  before(async function () {
    const tools = await measuringTools(this, 'mke2fs');
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
    await storedBuild(person, 'ruled', { disk, manifest, normalise: RULES });
    // Measured when the rules of these names were others.
    const older = formatManifest(manifest.entries, sha256('older rules'));
    await storedBuild(person, 'older', { disk, manifest: older, normalise: RULES });
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
