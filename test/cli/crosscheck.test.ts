/**
 * Two people with real nodes compare what they built. The builds themselves are written down here as a build writes them
 * (real ones take minutes; the demo makes two and compares them), so that what differs is exactly known.
 */
import assert from 'node:assert/strict';
import { sha256 } from '../../src/crypto/digest.ts';
import { buildKeyOf, type AttestationInput } from '../../src/exchange/record/index.ts';
import { keepManifest } from '../../src/node/build-files.ts';
import { newBuildFolder, writeBuildRecord, type BuildRecord } from '../../src/node/build-records.ts';
import { formatManifest, type Manifest, type ManifestEntry } from '../../src/workshop/image/index.ts';
import { cli, json } from '../support/cli.ts';
import { GRUB_RECIPE } from '../support/grub.ts';
import { startNode, type RunningNode } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const RULES = sha256('no rules');
const RECIPE = sha256('a recipe');

function manifest(files: Readonly<Record<string, string>>): Manifest {
  const entries = Object.entries(files).map(([path, content]): ManifestEntry => ({
    kind: 'file',
    path: `p1:${path}`,
    mode: 0o644,
    uid: 0,
    gid: 0,
    sizeBytes: content.length,
    sha256: sha256(content),
  }));
  const boot: ManifestEntry = { kind: 'extent', path: 'disk:0+512', sizeBytes: 512, sha256: sha256('boot') };
  return formatManifest([...entries, boot], RULES);
}

/** Writes a finished build down as `portalgun build` does. Resolves with its id. */
async function built(home: TestHome, made: Manifest, recipe = RECIPE): Promise<string> {
  const place = home.home;
  const now = new Date();
  const { id } = await newBuildFolder(place, 'tiny', now);
  const inputs = {
    recipe,
    lock: sha256('lock'),
    normaliser: RULES,
    manifestFormat: 'portalgun-manifest/1',
    cpuModel: 'qemu64',
  };
  const attestation: AttestationInput = {
    ...inputs,
    recipeName: 'tiny',
    arch: 'x86_64',
    params: {},
    manifest: made.digest,
    dependencies: [],
    builderId: 'urn:portalgun:builder:v1',
    environment: { qemu: '7.2.22', accelerator: 'tcg' },
    startedOn: now.toISOString(),
    finishedOn: now.toISOString(),
  };
  const record: BuildRecord = {
    version: 1,
    id,
    recipeName: 'tiny',
    startedRecipe: recipe,
    finalRecipe: recipe,
    status: 'done',
    startedAt: now.toISOString(),
    tookMs: 1000,
    repairs: [],
    builder: { qemu: '7.2.22', accelerator: 'tcg' },
    buildKey: buildKeyOf(inputs),
    manifest: made.digest,
    attestation,
  };
  await keepManifest(place, id, made.text);
  await writeBuildRecord(place, record);
  return id;
}

describe('portalgun crosscheck', function () {
  this.timeout(120_000);
  let alice: TestHome;
  let bob: TestHome;
  const nodes: RunningNode[] = [];

  before(async () => {
    alice = await tempHome();
    bob = await tempHome();
    for (const person of [alice, bob]) {
      await json(person, ['init']);
      nodes.push(await startNode(person));
    }
    const invitation = async (person: TestHome): Promise<string> => (await json(person, ['id', '--invite'])).invitation;
    await json(alice, ['peer', 'add', await invitation(bob), '--name', 'bob']);
    await json(bob, ['peer', 'add', await invitation(alice), '--name', 'alice']);
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
    await json(alice, ['publish', await built(alice, manifest({ '/etc/hostname': 'portal' }))]);
    assert.equal((await verdictOf(alice, 0)).verdict, 'stale');
  });

  it('says not-attempted where the peer is heard of, but has published no build', async () => {
    await json(bob, ['publish', GRUB_RECIPE]);
    await built(bob, manifest({ '/etc/hostname': 'portal' }));
    assert.equal((await verdictOf(alice, 0)).verdict, 'not-attempted');
  });

  it('says match where both signed the same manifest, and what the builds share', async () => {
    await json(bob, ['publish', (await json(bob, ['builds', 'list'])).at(-1).id]);
    const verdict = await verdictOf(alice, 0);
    assert.equal(verdict.verdict, 'match');
    assert.ok(verdict.shared.includes('accelerator'));
  });

  it('says differs with exit code 4 and names the files that differ, and no content moves', async () => {
    const other = manifest({ '/etc/hostname': 'gun', '/etc/secret-file': 'what only bob has' });
    await json(bob, ['publish', await built(bob, other)]);
    const verdict = await verdictOf(alice, 4);
    assert.equal(verdict.verdict, 'differs');
    assert.deepEqual(
      verdict.differences.map(({ path }: { path: string }) => path),
      ['p1:/etc/hostname', 'p1:/etc/secret-file'],
    );
    assert.ok(!JSON.stringify(verdict).includes('what only bob has'));
    const told = await cli(alice, ['crosscheck', 'tiny']);
    assert.equal(told.code, 4);
    assert.match(told.stdout, /2 entries differ/);
    assert.match(told.stdout, /p1:\/etc\/hostname: .*content/);
  });

  it('says not-attempted where the peer built under another build key', async () => {
    await built(alice, manifest({ '/etc/hostname': 'portal' }), sha256('another version of the recipe'));
    const verdict = await verdictOf(alice, 0);
    assert.equal(verdict.verdict, 'not-attempted');
    assert.match(verdict.because, /build key/);
  });

  it('says so where there is nothing of one’s own to compare', async () => {
    const { code, stderr } = await cli(alice, ['crosscheck', 'nothing']);
    assert.equal(code, 2);
    assert.match(stderr, /portalgun build nothing/);
  });
});
