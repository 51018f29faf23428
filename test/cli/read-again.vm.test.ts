/** A real disk, measured under a rule, and read again: what the rule hides, and whether it still is what its manifest says. */
import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import { formatManifest, measureDisk } from '../../src/workshop/image/index.ts';
import { startMachine } from '../../src/workshop/machine/index.ts';
import { cli, errorOf, json, type Answer } from '../support/cli.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { copyDisk, emptyDisk, flipByte, makeExt4 } from '../workshop/image/disks.fixture.ts';
import { measuringTools } from '../workshop/image/measuring-vm.fixture.ts';

const MIB = 1024 * 1024;
const MACHINE_ID = '5f0c9d1e77aa4b21b0c3d9e8f7a6b5c4\n';
const UNTOUCHED = 'what no rule touches\n';
const RULES = ['machine-id', 'disk-id', 'logs'];

describe('an image that is read again', function () {
  this.timeout(600_000);
  let person: TestHome;

  before(async function () {
    const tools = await measuringTools(this, 'mke2fs');
    person = await tempHome();
    const tree = path.join(person.folder, 'tree');
    await mkdir(path.join(tree, 'etc'), { recursive: true });
    await writeFile(path.join(tree, 'etc/machine-id'), MACHINE_ID);
    await writeFile(path.join(tree, 'etc/issue'), UNTOUCHED);
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
    // Whoever changes a disk can write its digest wherever one is kept.
    const changed = copyDisk(disk, path.join(person.folder, 'changed'));
    flipByte(changed, (await readFile(changed)).indexOf(UNTOUCHED));
    await storedBuild(person, 'changed', { disk: changed, manifest, normalise: RULES });
  });
  after(() => person?.remove());

  it('hidden: says of each entry that a rule touches what it is, what it counts as, and why', async () => {
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

  it('show: says in which version each rule was applied, to what, and which touch nothing', async () => {
    assert.deepEqual((await json(person, ['images', 'show', 'ruled'])).rules, [
      { rule: 'machine-id', version: 1, path: 'p0:/etc/machine-id' },
      { rule: 'disk-id', version: 2, path: null },
      { rule: 'logs', version: 1, path: null },
    ]);
    const { stdout } = await cli(person, ['images', 'show', 'ruled']);
    assert.match(stdout, /^rule {6}machine-id, version 1: p0:\/etc\/machine-id$/m);
    assert.match(stdout, /^rule {6}disk-id, version 2: touches nothing$/m);
  });

  it('show: does not say that rules of another day were those of today', async () => {
    const { rules } = await json(person, ['images', 'show', 'older']);
    assert.deepEqual(rules, [{ rule: 'machine-id', version: null, path: 'p0:/etc/machine-id' }]);
    const { stdout, stderr } = await cli(person, ['images', 'show', 'older']);
    assert.match(stdout, /^rule {6}machine-id: p0:\/etc\/machine-id$/m);
    assert.match(stderr, /not known: .* other versions of its normaliser rules/);
  });

  it('hidden: says that it reads only what is there to be read', async () => {
    assert.match((await cli(person, ['images', 'hidden', 'none'])).stderr, /^error: there is no image "none"/);
  });

  it('hidden: does not measure by the rules of today what was measured by those of another day', async () => {
    const error = await errorOf(person, ['images', 'hidden', 'older'], 5);
    assert.deepEqual(
      [error.code, error.hint],
      ['image/other-rules', 'Build it again: then it is measured under those of today.'],
    );
  });

  it('hidden: refuses an image in which anything else has changed', async () => {
    assert.deepEqual(refusal(await errorOf(person, ['images', 'hidden', 'changed'], 3)), ALTERED);
  });

  it('verify --measure: is found to be what it was', async () => {
    const { valid, measured } = await json(person, ['images', 'verify', 'ruled', '--measure']);
    assert.deepEqual([valid, measured], [true, true]);
  });

  it('verify --measure: is refused where the disk was changed, and the digests of it that are kept, naming the file', async () => {
    const { valid, measured } = await json(person, ['images', 'verify', 'changed']);
    assert.deepEqual([valid, measured], [true, false]);
    assert.deepEqual(refusal(await errorOf(person, ['images', 'verify', 'changed', '--measure'], 3)), ALTERED);
  });

  const ALTERED = [
    'image/altered',
    'the image changed is not what its manifest says: p0:/etc/issue',
    ['p0:/etc/issue'],
  ];

  function refusal({ code, message, facts }: Answer): unknown[] {
    return [code, message, facts.paths];
  }
});
