/**
 * debian-12-tiny, built by three people on hosts with other names, numbers of cpus and times of day. Two of them are honest
 * and have the same image. The third's QEMU slips the guest a file of its own: that file is named, and the step.
 */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { differences } from '../../src/crosscheck/index.ts';
import { parseManifest } from '../../src/workshop/image/index.ts';
import { json, jsonLines, type Answer } from '../support/cli.ts';
import { buildElsewhere, copyRecipe } from '../support/elsewhere.ts';
import { needBuilds } from '../support/grub.ts';
import { lyingHost } from '../support/lying-host.ts';
import { befriend, type RunningNode } from '../support/node.ts';
import { needPrograms } from '../support/skip.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { TINY_PASSWORD, TINY_RECIPE } from '../support/tiny-build.ts';
import { compareOnTheWire } from '../support/wire.ts';
import type { TreeEntry } from '../workshop/image/tar-entries.ts';
import { listedBy } from '../workshop/image/tar-programs.ts';

/** /etc/group of the installed system, with somebody who is not in the recipe. */
const SLIPPED_IN = 'root:x:0:\neve:x:0:\n';
/** It was written between these two checkpoints. */
const CHANGED = [['p1:/etc/group', 'check', 'grub-tools']];

describe('debian-12-tiny, built by three people', function () {
  this.timeout(0);
  let homes: Readonly<Record<'alice' | 'bob' | 'carol', TestHome>>;
  const nodes: RunningNode[] = [];
  const built: Record<string, Answer> = {};
  let verdicts: readonly Answer[];

  before(async function () {
    needPrograms(this, 'mcopy', 'faketime', 'bsdtar');
    await needBuilds(this);
    homes = { alice: await tempHome(), bob: await tempHome(), carol: await tempHome() };
    await befriend(homes, nodes);
    const { alice, bob, carol } = homes;
    const mine = await settled(alice);
    built.alice = (await jsonLines(alice, ['build', mine.recipe, '--repair', 'never', ...mine.secret])).at(-1).build;
    const hosts = { bob, carol: await lyingHost(carol, 'group', SLIPPED_IN) };
    for (const [name, host] of Object.entries(hosts)) {
      const theirs = await settled(host, mine.recipe);
      built[name] = await buildElsewhere(host, theirs.recipe, ...theirs.secret);
    }
    for (const [name, home] of Object.entries(homes)) await json(home, ['publish', built[name].id]);
    await json(alice, ['node', 'sync']);
    ({ verdicts } = await json(alice, ['crosscheck', 'debian-12-tiny'], 4));
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    for (const home of Object.values(homes ?? {})) await home.remove();
  });

  const about = (name: string): Answer => verdicts.find(({ peer }) => peer === name) ?? assert.fail(name);
  const manifestOf = (name: 'alice' | 'carol'): Promise<Buffer> =>
    readFile(path.join(homes[name].home.buildsDir, built[name].id, 'manifest.txt'));

  it('matches on an honest host, whatever its name, its cpus and the time', () => {
    assert.notDeepEqual(built.alice.conditions, built.bob.conditions);
    assert.equal(about('bob').verdict, 'match');
  });

  it('differs where one file is another: the file is named, and the step that wrote it', () => {
    assert.equal(about('carol').verdict, 'differs');
    assert.equal(built.carol.buildKey, built.alice.buildKey);
    assert.deepEqual(
      about('carol').differences.map(({ path: name, step, after }: Answer) => [name, step, after]),
      CHANGED,
    );
  });

  it('is exported as an archive that GNU tar and bsdtar read as the manifest says', async () => {
    const { alice } = homes;
    const told = await json(alice, [
      'images',
      'export',
      built.alice.image,
      '--format',
      'tar',
      '--output',
      alice.folder,
    ]);
    const { entries } = parseManifest(await manifestOf('alice'));
    const files = entries.filter((entry): entry is TreeEntry => 'mode' in entry);
    assert.ok(files.length > 100, `${files.length} entries`);
    for (const program of ['tar', 'bsdtar'] as const) {
      const listed = listedBy(program, told.file);
      for (const entry of files) assert.deepEqual(listed.get(entry.path), entry, program);
      assert.equal(listed.size, files.length);
    }
  });

  it('is compared without a byte of that file on the wire', async () => {
    const [mine, theirs] = [await manifestOf('alice'), await manifestOf('carol')];
    const sent = await compareOnTheWire(mine, { bytes: theirs, digest: built.carol.manifest });
    assert.deepEqual(
      differences(mine, sent.found, built.carol.manifest, 'carol').map(({ path: name }) => name),
      CHANGED.map(([name]) => name),
    );
    const disk = await readFile(path.join(homes.carol.home.imagesDir, built.carol.image, 'root.raw'));
    assert.ok(disk.includes(SLIPPED_IN));
    for (const content of SLIPPED_IN.trimEnd().split('\n')) assert.ok(!sent.bytes.includes(content), content);
  });
});

/** The recipe and its password in the home's folder; with the lock of somebody else's recipe, where it is given. */
async function settled(
  home: TestHome,
  theirs?: string,
): Promise<{ readonly recipe: string; readonly secret: readonly string[] }> {
  const recipe = await copyRecipe(home, TINY_RECIPE, theirs);
  const password = path.join(home.folder, 'password');
  await writeFile(password, `${TINY_PASSWORD}\n`, { mode: 0o600 });
  return { recipe, secret: ['--secret', `root_password=${password}`] };
}
