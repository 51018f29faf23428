/**
 * Two people with real nodes compare what they built. The builds themselves are written down here as a build writes them
 * (real ones take minutes; the demo makes two and compares them), so that what differs is exactly known.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import { sha256, type Digest } from '../../src/crypto/digest.ts';
import { keepStages } from '../../src/node/build-files.ts';
import { formatManifest, storeImage, type Manifest, type ManifestEntry } from '../../src/workshop/image/index.ts';
import { argvOf, cli, json, outcomeOf, ROOT, startCli, type Answer } from '../support/cli.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { failedBuild, finishedBuild } from '../support/finished-build.ts';
import { needPrograms } from '../support/skip.ts';
import { type RunningNode, befriend, listened } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { FACTS } from '../workshop/image/image-facts.fixture.ts';

const RULES = sha256('no rules');

function manifest(
  files: Readonly<Record<string, string>>,
  bootSector = 'boot',
  { rules = RULES, ruled = {} }: { readonly rules?: Digest; readonly ruled?: Readonly<Record<string, string>> } = {},
): Manifest {
  const entries = Object.entries(files).map(([path, content]): ManifestEntry => ({
    kind: 'file',
    path: `p1:${path}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    sha256: sha256(content),
    ...(ruled[path] !== undefined && { rule: ruled[path] }),
  }));
  const boot: ManifestEntry = { kind: 'extent', path: 'disk:0+512', sizeBytes: 512, sha256: sha256(bootSector) };
  return formatManifest([...entries, boot], rules);
}

/** An image `tiny-image` whose disk holds this. */
async function keepImage({ folder, home }: TestHome, content: string, measured: Manifest): Promise<void> {
  const disk = path.join(folder, 'disk');
  await writeFile(disk, content.padEnd(512, '\0'));
  await storeImage({
    imagesDir: home.imagesDir,
    id: 'tiny-image',
    disks: [{ id: 'root', path: disk, format: 'raw' }],
    facts: FACTS,
    measured: { diskId: 'root', manifest: measured },
  });
}

describe('portalgun crosscheck', function () {
  this.timeout(120_000);
  let alice: TestHome;
  let bob: TestHome;
  const nodes: RunningNode[] = [];
  /** Alice's build, and the one of Bob's that is the same. */
  let ours: string;
  let theirs: string;

  before(async function () {
    needPrograms(this, 'faketime');
    alice = await tempHome();
    bob = await tempHome();
    await befriend({ alice, bob }, nodes, listened);
  });
  after(async () => {
    for (const node of nodes) await node.stop();
    for (const home of [alice, bob]) await home?.remove();
  });

  const verdictOf = async (person: TestHome, exitCode: number) => {
    await json(person, ['node', 'sync']);
    return (await json(person, ['crosscheck', 'tiny'], exitCode)).verdicts[0];
  };

  it('says stale where nothing fresh is known of the peer’s feed', async () => {
    ours = await finishedBuild(alice, manifest({ '/etc/hostname': 'portal' }));
    await json(alice, ['publish', ours]);
    assert.equal((await verdictOf(alice, 0)).verdict, 'stale');
  });

  it('says not-attempted where the peer is heard of, but has published no build', async () => {
    await json(bob, ['publish', GRUB_RECIPE]);
    theirs = await finishedBuild(bob, manifest({ '/etc/hostname': 'portal' }), { processor: 'x64 AuthenticAMD 25' });
    assert.equal((await verdictOf(alice, 0)).verdict, 'not-attempted');
  });

  it('says explained where the peer did the same under other rules, and which rules those are', async () => {
    const ruled = { rules: sha256('other rules'), ruled: { '/etc/hostname': 'a-name' } };
    const recipe = sha256('the recipe with other rules');
    await json(bob, [
      'publish',
      await finishedBuild(bob, manifest({ '/etc/hostname': 'cut' }, 'boot', ruled), { recipe }),
    ]);
    const { verdict, because, differences } = await verdictOf(alice, 0);
    assert.deepEqual([verdict, because], ['explained', 'Under other normaliser rules: explained by a-name.']);
    assert.deepEqual(
      differences.map(({ path }: { path: string }) => path),
      ['p1:/etc/hostname'],
    );
  });

  it('says differs where something is another under other rules that none of them touches', async () => {
    const ruled = { rules: sha256('other rules'), ruled: { '/etc/hostname': 'a-name' } };
    const recipe = sha256('the recipe with other rules');
    const other = await finishedBuild(bob, manifest({ '/etc/hostname': 'cut' }, 'another boot sector', ruled), {
      recipe,
    });
    const [published] = await json(bob, ['publish', other]);
    const { verdict, because } = await verdictOf(alice, 4);
    assert.equal(verdict, 'differs');
    assert.match(because, /no rule of either side touches 1 of the entries/);
    await json(bob, ['withdraw', published.record, '--why', 'a test']);
    assert.equal((await verdictOf(alice, 0)).verdict, 'explained');
  });

  it('says failed where the peer has signed that its build did, and at which step', async () => {
    await json(bob, ['publish', await failedBuild(bob, 'base-system')]);
    const { verdict, because } = await verdictOf(alice, 0);
    assert.deepEqual([verdict, because], ['failed', 'Their build failed at: base-system.']);
  });

  it('says match where both signed the same manifest, and what the builds share', async () => {
    await json(bob, ['publish', theirs]);
    const verdict = await verdictOf(alice, 0);
    assert.equal(verdict.verdict, 'match');
    assert.deepEqual(
      verdict.attempts.map(({ result, withdrawn }: Answer) => (withdrawn ? `${result}, withdrawn` : result)),
      ['match', 'failed', 'not-comparable, withdrawn', 'not-comparable'],
    );
    assert.ok(verdict.shared.includes('accelerator'));
    const { stdout } = await cli(alice, ['crosscheck', 'tiny']);
    assert.match(stdout, /a fault there would be shared\.\n  qemu: 7\.2\.22\n  accelerator: tcg\n/);
    assert.match(stdout, /a fault of one would show:\n  processor: x64 AuthenticAMD 25, yours x64 GenuineIntel 6\n/);
  });

  it('says differs with exit code 4 and names the files that differ, and no content moves', async () => {
    const other = manifest({ '/etc/hostname': 'gun', '/etc/secret-file': 'what only bob has' });
    await keepImage(bob, 'what only bob has', other);
    await json(bob, ['publish', await finishedBuild(bob, other, { image: 'tiny-image' })]);
    const verdict = await verdictOf(alice, 4);
    assert.equal(verdict.verdict, 'differs');
    assert.deepEqual(
      verdict.differences.map(({ path }: { path: string }) => path),
      ['p1:/etc/hostname', 'p1:/etc/secret-file'],
    );
    // Every byte that his node has sent since it was started, before it was encrypted.
    const sent = await readFile(listened(bob).LISTEN_IN);
    const line = other.text.split('\n').find((one) => one.includes('p1:/etc/secret-file')) ?? '';
    assert.ok(sent.includes(line), 'the line that differs is not heard');
    assert.ok(!sent.includes('what only bob has'));
    const told = await cli(alice, ['crosscheck', 'tiny']);
    assert.equal(told.code, 4);
    assert.match(told.stdout, /2 entries differ/);
    assert.match(told.stdout, /p1:\/etc\/hostname: .*content/);
  });

  it('lays a difference to the step that last wrote it here, and says where something that is no file lies', async () => {
    const before = manifest({ '/etc/issue': 'x' });
    const end = manifest({ '/etc/hostname': 'portal' }).text;
    const steps = { 'base-system': before.text, nothing: before.text, 'name-it': end, 'power-off': end };
    await keepStages(
      alice.home,
      ours,
      Object.entries(steps).map(([step, text]) => ({ step, manifest: text })),
    );
    const other = manifest({ '/etc/hostname': 'gun' }, 'another boot sector');
    await json(bob, ['publish', await finishedBuild(bob, other)]);
    const { differences } = await verdictOf(alice, 4);
    assert.deepEqual(
      differences.map(({ path, step }: { path: string; step?: string }) => [path, step]),
      [
        ['disk:0+512', 'base-system'],
        ['p1:/etc/hostname', 'name-it'],
      ],
    );
    const { stdout } = await cli(alice, ['crosscheck', 'tiny']);
    assert.match(stdout, /boot sector: what the firmware runs first/);
    assert.match(stdout, /last written here by the step name-it, or one after nothing/);
    assert.match(stdout, /differs, 2 times/);
  });

  it('shows the disagreement in the inbox, with what to do, and beside the image', async () => {
    const [item] = await json(alice, ['inbox', 'list']);
    assert.deepEqual([item.from, item.recipe, item.state], ['bob', 'tiny', 'differs']);
    const shown = await cli(alice, ['inbox', 'show', item.record]);
    assert.match(shown.stdout, /portalgun crosscheck tiny --peer bob/);
    assert.equal((await cli(alice, ['inbox', 'accept', item.record])).code, 2);
    await keepImage(alice, 'portal', manifest({ '/etc/hostname': 'portal' }));
    const [image] = await json(alice, ['images', 'list']);
    assert.deepEqual(image.contradictedBy, ['bob']);
    assert.match((await cli(alice, ['images', 'list'])).stdout, /bob built something else: portalgun crosscheck/);
  });

  it('lists images all the same where the policy cannot be read', async () => {
    const home = await tempHome();
    try {
      await json(home, ['init']);
      await writeFile(home.home.policyFile, 'peers: [');
      assert.deepEqual(await json(home, ['images', 'list']), []);
      const { code, stderr } = await cli(home, ['images', 'list']);
      assert.equal(code, 0);
      assert.match(stderr, /Whether peers contradict them is not known: /);
    } finally {
      await home.remove();
    }
  });

  it('writes the proof of it down once, for anybody to check', async () => {
    const file = path.join(alice.folder, 'proof.json');
    assert.equal((await cli(alice, ['crosscheck', 'tiny', '--peer', 'bob', '--proof', file])).code, 4);
    const { disagreement } = await json(bob, ['verify', file]);
    assert.equal(disagreement.recipeName, 'tiny');
    const again = await cli(alice, ['crosscheck', 'tiny', '--proof', file]);
    assert.equal(again.code, 2);
    assert.match(again.stderr, /there already/);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"sig":"', '"sig":"AA'));
    assert.equal((await cli(bob, ['verify', file])).code, 3);
  });

  it('goes on with --watch, and says when something has changed', async () => {
    assert.equal((await cli(alice, ['crosscheck', 'tiny', '--watch', '--challenge'])).code, 2);
    const agreed = manifest({ '/etc/hostname': 'portal' }).digest;
    const child = startCli(alice, ['crosscheck', 'tiny', '--watch', '--json']);
    const answers = readline.createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const next = async () => JSON.parse((await answers.next()).value ?? '').verdicts[0].verdict;
    assert.equal(await next(), 'differs');
    for (const { published, recipeName, manifest: made } of await json(bob, ['builds', 'list'])) {
      if (recipeName === 'tiny' && published?.attestation && made !== agreed)
        await json(bob, ['withdraw', published.attestation, '--why', 'a test']);
    }
    let verdict = 'differs';
    while (verdict === 'differs') verdict = await next();
    assert.equal(verdict, 'match');
    child.kill('SIGINT');
    assert.equal((await outcomeOf(child)).code, 130);
    assert.deepEqual(await json(alice, ['inbox', 'list']), []);
  });

  it('says not-attempted where the peer built under another build key', async () => {
    await finishedBuild(alice, manifest({ '/etc/hostname': 'portal' }), {
      recipe: sha256('another version of the recipe'),
    });
    const verdict = await verdictOf(alice, 0);
    assert.equal(verdict.verdict, 'not-attempted');
    assert.match(verdict.because, /build key/);
  });

  it('says stale, two weeks after the peer was last heard of, where there was a match', async () => {
    const recipe = sha256('a recipe that both have');
    for (const person of [alice, bob]) {
      const same = await finishedBuild(person, manifest({ '/etc/hostname': 'portal' }), { recipe });
      await json(person, ['publish', same]);
    }
    assert.equal((await verdictOf(alice, 0)).verdict, 'match');
    for (const node of nodes.splice(0)) await node.stop();
    const argv = ['-f', '+15d', ...argvOf(['crosscheck', 'tiny', '--json'])];
    const { stdout, stderr } = await outcomeOf(spawn('faketime', argv, { cwd: ROOT, env: alice.environment }));
    assert.notEqual(stdout, '', stderr);
    assert.equal(JSON.parse(stdout).verdicts[0].verdict, 'stale');
  });

  it('says so where there is nothing of one’s own to compare', async () => {
    const { code, stderr } = await cli(alice, ['crosscheck', 'nothing']);
    assert.equal(code, 2);
    assert.match(stderr, /portalgun build nothing/);
  });
});
