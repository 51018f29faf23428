/** What `builds` says of builds from what was written down of them. */
import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { sha256 } from '../../src/crypto/digest.ts';
import { transcriptFile } from '../../src/node/build-files.ts';
import { BUILD_RECORD_VERSION } from '../../src/node/build-json.ts';
import { newBuildFolder, writeBuildRecord } from '../../src/node/build-records.ts';
import { openHome } from '../../src/node/home.ts';
import type { BuildEvent } from '../../src/workshop/provision/types.ts';
import { cli, errorOf, json, type Answer } from '../support/cli.ts';
import { flipByte } from '../workshop/image/disks.fixture.ts';
import { withHomes, type TestHome } from '../support/temp-home.ts';

async function keptBuild({ home }: TestHome, events: readonly BuildEvent[]): Promise<string> {
  await openHome(home);
  const { id } = await newBuildFolder(home, 'tiny', new Date());
  const recipe = sha256('a recipe');
  await writeBuildRecord(home, {
    version: BUILD_RECORD_VERSION,
    id,
    recipeName: 'tiny',
    startedRecipe: recipe,
    finalRecipe: recipe,
    status: 'done',
    startedAt: new Date().toISOString(),
    tookMs: 1_000,
    repairs: [],
  });
  await writeFile(transcriptFile(home, id), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  return id;
}

type Request = Omit<Extract<BuildEvent, { event: 'request' }>, 'event' | 'atMs'>;
const requests = (...asked: readonly Request[]): BuildEvent[] =>
  asked.map((request, atMs): BuildEvent => ({ atMs, event: 'request', ...request }));

describe('portalgun builds list, and images list', function () {
  this.timeout(120_000);

  it('say of one that does not read what is wrong with it, beside the others, and in --json', () =>
    withHomes(1, async (test) => {
      const [kept, damaged] = [await keptBuild(test, []), await keptBuild(test, [])];
      flipByte(path.join(test.home.buildsDir, damaged, 'build.json'), 50);
      await mkdir(path.join(test.home.imagesDir, 'halved'), { recursive: true });
      await writeFile(path.join(test.home.imagesDir, 'halved', 'image.json'), '{');
      for (const [what, id, others] of [
        ['builds', damaged, [kept]],
        ['images', 'halved', []],
      ] as const) {
        const { code, stdout, stderr } = await cli(test, [what, 'list']);
        assert.equal(code, 0);
        assert.match(stderr, new RegExp(`json of the (build|image) ${id} is damaged: .*\\n  .*build it again`));
        assert.match(stdout, new RegExp(`^${id} +unreadable`, 'm'));
        const [first, ...more] = await json(test, [what, 'list']);
        assert.deepEqual([first.id, first.error.code.split('/')[1]], [id, 'damaged']);
        assert.deepEqual(
          more.map((one: Answer) => one.id),
          others,
        );
      }
      assert.equal((await errorOf(test, ['builds', 'show', damaged], 3)).code, 'build/damaged');
    }));
});

describe('portalgun builds show', () => {
  it('lists what the guest asked of its network, by host: let through, served, and refused with the reason', () =>
    withHomes(1, async (home) => {
      const refused = 'GET other.example/: the recipe does not state it';
      const id = await keptBuild(
        home,
        requests(
          { outcome: 'served', host: '10.0.2.2', what: 'preseed.cfg', sizeBytes: 40 },
          { outcome: 'passed', host: 'deb.example.org', what: 'GET deb.example.org/a: 200', sizeBytes: 2_000 },
          { outcome: 'passed', host: 'deb.example.org', what: 'GET deb.example.org/b: 200', sizeBytes: 48 },
          { outcome: 'refused', host: 'other.example', what: refused },
        ),
      );
      const { stdout } = await cli(home, ['builds', 'show', id]);
      assert.match(stdout, /^10\.0\.2\.2 +served by the recipe +1 +40 B$/m);
      assert.match(stdout, /^deb\.example\.org +let through +2 +2\.0 KiB$/m);
      assert.match(stdout, /^other\.example +refused +1 +-$/m);
      assert.match(stdout, /^ +not had +GET other\.example\/: the recipe does not state it$/m);
      const { network } = await json(home, ['builds', 'show', id]);
      assert.deepEqual(network[2], {
        host: 'other.example',
        outcome: 'refused',
        times: 1,
        sizeBytes: 0,
        what: [refused],
      });
    }));

  it('shows some of what a guest asks that makes hosts up for ever, and says where the rest is', () =>
    withHomes(1, async (home) => {
      const hosts = Array.from({ length: 1_000 }, (_, at) => `made-up-${at}.example`);
      const id = await keptBuild(
        home,
        requests(...hosts.map((host) => ({ outcome: 'refused', host, what: `GET ${host}/` }) as const)),
      );
      const { stdout } = await cli(home, ['builds', 'show', id]);
      assert.ok(stdout.split('\n').length < 60, stdout);
      assert.match(stdout, new RegExp(`the rest: portalgun builds show ${id} --json`));
      assert.equal((await json(home, ['builds', 'show', id])).network.length, hosts.length);
    }));

  it('says nothing of a network that nobody used', () =>
    withHomes(1, async (home) => {
      const { stdout } = await cli(home, ['builds', 'show', await keptBuild(home, [])]);
      assert.doesNotMatch(stdout, /the guest asked/);
    }));
});
