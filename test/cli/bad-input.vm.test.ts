/** Whatever is wrong is told: what happened, to which thing, what to do; with the documented exit code. No VM runs here. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { signRecord } from '../../src/exchange/record/index.ts';
import { openSession } from '../../src/node/session.ts';
import { author } from '../heal/patches.ts';
import { cli, errorOf, json, ROOT } from '../support/cli.ts';
import { GRUB_RECIPE, grubRecipe, needBuilds } from '../support/grub.ts';
import { settle } from '../support/node.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';

const run = promisify(execFile);

describe('wrong input at the command line', function () {
  this.timeout(600_000);
  let test: TestHome;
  before(async () => {
    test = await tempHome();
    await settle(test);
  });
  after(() => test.remove());

  async function refused(args: readonly string[], exitCode: number, message: RegExp, code: string): Promise<void> {
    const error = await errorOf(test, args, exitCode);
    assert.match([error.message, error.hint].join('\n'), message);
    assert.equal(error.code, code);
  }

  const yaml = async (name: string, text: string): Promise<string> => {
    const file = path.join(test.folder, name);
    await writeFile(file, text);
    return file;
  };

  describe('flags and names', () => {
    const usage: readonly (readonly [args: readonly string[], message: RegExp])[] = [
      [['bild'], /unknown command 'bild'[\s\S]*build/],
      [['build'], /missing required argument 'recipe'/],
      [['build', 'a.yaml', '--repair', 'maybe'], /Allowed choices are ask, auto, never/],
      [['build', 'a.yaml', '--reapir', 'ask'], /unknown option '--reapir'[\s\S]*--repair/],
      [['build', 'a.yaml', 'b.yaml'], /too many arguments/],
      [['peer', 'add', 'x', '--auto', 'authority'], /Allowed choices are wording, choices/],
      [['withdraw', 'x'], /required option '--why <text>'/],
      [['node', 'start', '--role', 'king'], /Allowed choices are peer, bootstrap/],
    ];
    for (const [args, message] of usage) {
      it(`portalgun ${args.join(' ')}: exit code 2`, async () => {
        const { code, stderr, stdout } = await cli(test, args);
        assert.deepEqual([code, stdout], [2, '']);
        assert.match(stderr, message);
      });
    }

    const unknown: readonly (readonly [args: readonly string[], exitCode: number, message: RegExp, code: string])[] = [
      [['build', 'none.yaml'], 2, /no recipe file none\.yaml/, 'recipe/not-found'],
      [['build', 'recipes'], 2, /is a folder/, 'recipe/is-a-folder'],
      [['recipe', 'lint', 'none.yaml'], 2, /cannot read none\.yaml/, 'recipe/not-found'],
      [['recipe', 'get', 'alice/none'], 2, /no recipe alice\/none is known/, 'recipe/unknown'],
      [['why', 'ffffffffffff'], 2, /no record ffffffffffff[\s\S]*recipe list/, 'record/unknown'],
      [['why', `sha256:${'0'.repeat(64)}`], 2, /no record sha256:0/, 'record/unknown'],
      [['inbox', 'accept', 'ffffffffffff'], 2, /no record/, 'record/unknown'],
      [['peer', 'show', 'nobody'], 2, /no peer nobody[\s\S]*peer add/, 'peer/unknown'],
      [['follow', 'nobody'], 2, /no peer nobody/, 'peer/unknown'],
      [['peer', 'add', 'nonsense'], 2, /neither an invitation nor an author id/, 'peer/bad-invitation'],
      [['builds', 'show', 'none'], 2, /no build none[\s\S]*builds list/, 'build/unknown'],
      [['crosscheck', 'none'], 2, /nothing comparable[\s\S]*portalgun build none/, 'build/none'],
      [['images', 'show', '../store'], 2, /no image/, 'image/unknown'],
      [['run', 'none'], 2, /no image/, 'image/unknown'],
      [['build', GRUB_RECIPE, '--param', 'greeting'], 2, /expected name=value/, 'build/bad-parameter'],
      [
        ['build', GRUB_RECIPE, '--param', 'gretting=x'],
        2,
        /no such parameter; did you mean "greeting"/,
        'recipe/bad-parameter',
      ],
      [['node', 'start', '--listen', 'garbage'], 2, /garbage is not an address[\s\S]*\/ip4\//, 'exchange/bad-address'],
      [['node', 'start', '--listen', '/ip4/127.0.0.1/udp/1'], 2, /listen on TCP/, 'exchange/bad-address'],
      [['checkpoints', 'prune', '--to', 'much'], 2, /not a size such as/, 'recipe/bad-size'],
      [['demo', '--recipe', 'none', '--exit'], 2, /Use one of: /, 'demo/unknown-recipe'],
      [['node', 'stop'], 5, /no node runs/, 'node/not-running'],
      [['node', 'sync'], 5, /no node runs[\s\S]*portalgun node start/, 'node/not-running'],
    ];
    for (const [args, exitCode, message, code] of unknown) {
      it(`portalgun ${args.map((arg) => path.basename(arg)).join(' ')}: exit code ${exitCode}`, () =>
        refused(args, exitCode, message, code));
    }

    it('is said to people in one to three lines on stderr, with no stack trace unless DEBUG asks', async () => {
      const args = ['peer', 'show', 'nobody'];
      const said = await cli(test, args);
      assert.deepEqual([said.code, said.stdout], [2, '']);
      assert.match(said.stderr, /^error: no peer nobody in your policy\n {2}portalgun peer list .*\n$/);
      const debugged = await cli({ environment: { ...test.environment, DEBUG: '1' } }, args);
      assert.match(debugged.stderr, /^\s+at .*peers\.ts:\d+/m);
    });

    it('a home without an identity says how to make one', async () => {
      const fresh = await tempHome();
      try {
        const { error } = await json(fresh, ['id'], 2);
        assert.equal(error.code, 'identity/missing');
        assert.match(error.hint, /portalgun init/);
      } finally {
        await fresh.remove();
      }
    });
  });

  describe('a recipe', () => {
    it('that is not YAML is named with line and column', async () => {
      const file = await yaml('broken.yaml', 'recipe: 1\nname: [a\n');
      await refused(['recipe', 'lint', file], 2, /broken\.yaml:\d+:\d+/, 'recipe/invalid');
      await refused(['build', file], 2, /broken\.yaml:\d+:\d+/, 'recipe/invalid');
    });

    it('with unknown fields is named with all of them', async () => {
      const text = (await readFile(GRUB_RECIPE, 'utf8'))
        .replace('expect: { text: menu-found }', 'expects: { text: menu-found }')
        .replace('memory: 128M', 'memroy: 128M');
      const file = await yaml('unknown.yaml', text);
      await refused(
        ['build', file],
        2,
        /unknown\.yaml:\d+:\d+: .*memroy[\s\S]*unknown\.yaml:\d+:\d+: .*expects/,
        'recipe/invalid',
      );
    });

    it('over the limits is refused, with the limit', async () => {
      const file = await yaml('big.yaml', `${await readFile(GRUB_RECIPE, 'utf8')}\n# ${'x'.repeat(60_000)}\n`);
      await refused(['build', file], 2, /big\.yaml[\s\S]*\d+/, 'recipe/invalid');
    });

    it('that no machine here has the memory for is refused before one starts: exit code 5', async function () {
      await needBuilds(this);
      const file = await grubRecipe(test, [['memory: 128M', 'memory: 900G']], 'huge.yaml');
      await refused(['build', file], 5, /this machine needs \d+ MiB of memory[\s\S]*free/, 'machine/too-little-memory');
    });
  });

  describe('a policy', () => {
    it('with a mistake is named with its line, and nothing works on a guess', async () => {
      const broken = await tempHome();
      try {
        await settle(broken);
        await writeFile(broken.home.policyFile, 'peers: {}\nruels: []\n');
        for (const args of [
          ['policy', 'check'],
          ['inbox', 'list'],
          ['peer', 'list'],
        ]) {
          const { code, stderr } = await cli(broken, args);
          assert.equal(code, 2);
          assert.match(stderr, /policy\.yaml:2[\s\S]*ruels/);
        }
      } finally {
        await broken.remove();
      }
    });
  });

  describe('a record', () => {
    it('of a kind from the future is taken in, and shown as not understood', async () => {
      const someone = author(9);
      const link = {
        network: 'portalgun',
        author: someone.id,
        scope: 'public',
        recovery: 0,
        epoch: 0,
        seq: 1,
        prev: null,
      };
      const subject = [{ name: 'record', digest: { sha256: '0'.repeat(64) } }];
      const future = signRecord(someone.seed, link, {
        subject,
        predicateType: 'urn:portalgun:teleport:v9',
        predicate: {},
      });
      await json(test, ['peer', 'add', someone.id, '--name', 'future']);
      const session = await openSession(test.home);
      assert.equal((await session.store.admit(future.envelope, { follows: () => true })).result, 'admitted');
      await session.close();
      const why = await json(test, ['why', future.id]);
      assert.deepEqual([why.kind, why.predicateType, why.decision], [null, 'urn:portalgun:teleport:v9', null]);
      const said = await cli(test, ['why', future.id]);
      assert.equal(said.code, 0);
      assert.match(
        said.stdout,
        /public feed of future\nauthor .*\n\nNot understood by this version, so it counts for nothing/,
      );
      const file = path.join(test.folder, 'future.record');
      await writeFile(file, future.envelope);
      assert.equal((await json(test, ['verify', file])).understood, false);
      assert.equal((await json(test, ['peer', 'show', 'future'])).records, 1);
    });

    it('with one flipped bit does not hold: exit code 3', async () => {
      const { record } = (await json(test, ['publish', GRUB_RECIPE, '--offline']))[0];
      const session = await openSession(test.home);
      const { envelope } = (await session.store.get(record))!;
      await session.close();
      const file = path.join(test.folder, 'own.record');
      await writeFile(file, envelope);
      assert.equal((await json(test, ['verify', file])).valid, true);
      const flipped = Buffer.from(envelope);
      flipped[Math.floor(flipped.length / 2)]! ^= 1;
      await writeFile(file, flipped);
      assert.match((await json(test, ['verify', file], 3)).error.message, /does not hold/);
    });
  });

  describe('QEMU missing', () => {
    it('is exit code 5, with the command that mends it; doctor says so too', async function () {
      await needBuilds(this);
      const without = await tempHome();
      try {
        const bin = path.join(without.folder, 'bin');
        await mkdir(bin);
        for (const name of [
          'dpkg-deb',
          'apt-get',
          'apt-cache',
          'apt-config',
          'gpgv',
          'tar',
          'sh',
          'rm',
          'xz',
          'zstd',
        ]) {
          for (const folder of ['/usr/bin', '/bin']) {
            const there = (await readdir(folder)).includes(name) && !(await readdir(bin)).includes(name);
            if (there) await symlink(path.join(folder, name), path.join(bin, name));
          }
        }
        const person = { environment: { ...without.environment, PATH: bin } };
        const doctor = await json(person, ['doctor'], 5);
        const missing = doctor.findings.filter(({ state }: { state: string }) => state === 'missing');
        assert.deepEqual(
          missing.map(({ what }: { what: string }) => what),
          ['qemu-system-x86_64', 'qemu-img', 'accelerator'],
        );
        assert.match(missing[0].mend, /^sudo apt-get install .*qemu-system-x86$/);
        const error = await errorOf(person, ['build', GRUB_RECIPE], 5);
        assert.equal(error.code, 'machine/qemu-missing');
        assert.match(error.hint, /^sudo apt-get install -y --no-install-recommends qemu-system-x86/);
      } finally {
        await without.remove();
      }
    });
  });

  it('a reader that stops reading is no fault: no stack trace', async () => {
    const main = path.join(ROOT, 'src/cli/main.ts');
    const command = `"$0" --disable-warning=ExperimentalWarning "${main}" --help | head -1; "$0" "${main}" builds list | true`;
    const { stdout, stderr } = await run('sh', ['-c', command, process.execPath], { env: { ...test.environment } });
    assert.match(stdout, /^Usage: portalgun/);
    assert.doesNotMatch(stderr, /EPIPE|\bat /);
  });
});
