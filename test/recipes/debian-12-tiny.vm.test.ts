import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { pipeline } from 'node:stream/promises';
import tar from 'tar-stream';
import { lastWriterIn } from '../../src/crosscheck/index.ts';
import { sha256 } from '../../src/crypto/digest.ts';
import { readStages } from '../../src/node/build-files.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseLock } from '../../src/recipe/lock.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { parseManifest } from '../../src/workshop/image/index.ts';
import type { ManifestEntry } from '../../src/workshop/image/types.ts';
import { assertUntold, searchFolder } from '../support/canary.ts';
import { cli, json, jsonLines, type Answer, type Outcome } from '../support/cli.ts';
import { runConsole } from '../support/console.ts';
import { needBuilds } from '../support/grub.ts';
import { TEST_CACHE } from '../support/test-cache.ts';
import {
  KILLED_AFTER,
  removeTinyBuild,
  TINY_PASSWORD,
  TINY_RECIPE,
  tinyBuild,
  type TinyBuild,
} from '../support/tiny-build.ts';

/** Made here, or ours: as the comment at the recipe's top has them. Every other file is a package's. */
const OWN = ['fstab', 'group', 'hostname', 'inittab', 'passwd', 'rc', 'shadow'].map((name) => `p1:/etc/${name}`);
const GRUB_CONFIG = 'p1:/boot/grub/grub.cfg';
const INITRD = 'p1:/boot/initrd.img';

describe('recipes/debian-12-tiny.yaml', function () {
  it('passes lint without a finding, with at least eight confirmed steps in the shell', async () => {
    const recipe = parseRecipe(await readFile(TINY_RECIPE, 'utf8'));
    assert.deepEqual(lintRecipe(recipe), []);
    const { steps } = recipe.recipe;
    const inShell = steps.slice(steps.findIndex(({ id }) => id === 'shell') + 1);
    assert.ok(inShell.filter(({ do: acts, expect }) => acts !== undefined && expect !== undefined).length >= 8);
  });

  it('leaves nothing out of the comparison', async () => {
    assert.deepEqual(parseRecipe(await readFile(TINY_RECIPE, 'utf8')).recipe.normalise, []);
  });

  describe('built for real', function () {
    this.timeout(1_800_000);
    let tiny: TinyBuild;
    let entries: readonly ManifestEntry[];
    before(async function () {
      await needBuilds(this);
      tiny = await tinyBuild();
      ({ entries } = parseManifest(Buffer.from(tiny.manifest)));
    });
    after(removeTinyBuild);

    it('goes on after SIGKILL from the last checkpoint', () => {
      assert.deepEqual(
        tiny.killed.filter(({ event }) => event === 'checkpoint').map(({ step }) => step as string),
        ['language', 'shell', 'kernel', KILLED_AFTER],
      );
      const resumed = tiny.events.find(({ event }) => event === 'resumed');
      assert.equal(resumed?.step, KILLED_AFTER);
      const last = tiny.killed.findLast(({ event }) => event === 'checkpoint');
      assert.equal(resumed.key, last.key);
    });

    it('tells each step, and each phase, with one event a line', () => {
      const told = [...tiny.killed, ...tiny.events];
      const done = told.filter(({ event }) => event === 'step-done').map(({ step }) => step as string);
      const phases = tiny.events.filter(({ event }) => event === 'phase').map(({ phase }) => phase as string);
      for (const step of [
        'language',
        'location',
        'keyboard',
        'open-shell',
        'file-system',
        'power-off',
        'password-again',
      ])
        assert.equal(done.filter((one) => one === step).length, 1, step);
      assert.deepEqual(phases, ['media', 'boot', 'steps', 'measure', 'personalise', 'store']);
      assert.ok(!told.some((event) => JSON.stringify(event).includes(TINY_PASSWORD)), 'the password is told');
    });

    it('is stored with its manifest', async () => {
      const { record } = tiny;
      assert.equal(record.status, 'done');
      assert.equal(record.manifest, sha256(Buffer.from(tiny.manifest)));
      const images: Answer = await json(tiny.home, ['images', 'list']);
      assert.ok(JSON.stringify(images).includes(record.image));
    });

    it('keeps what the disk held after its steps: the step that wrote a file is known', async () => {
      const writerOf = lastWriterIn(await readStages(tiny.home.home, tiny.record));
      for (const name of ['disk:0+512', 'p1:/etc/hostname'])
        assert.deepEqual(writerOf(name), { step: 'check', after: 'grub-tools' }, name);
    });

    it('measures all of the disk: boot sector, gap and file system, and no rule touches anything', () => {
      const outside = entries.filter(({ kind }) => kind === 'extent' || kind === 'filesystem');
      const total = outside.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      assert.equal(total, 256 * 2 ** 20);
      assert.ok(outside.some((entry) => entry.kind === 'filesystem' && entry.type === 'ext4'));
      assert.deepEqual(
        entries.filter((entry) => 'rule' in entry && entry.rule !== undefined),
        [],
      );
    });

    it('has only files that are byte-equal to a package’s, but for the listed ones', async () => {
      const packaged = await packageFiles(tiny);
      const files = entries.filter((entry): entry is Extract<ManifestEntry, { mode: number }> => entry.kind === 'file');
      assert.ok(files.length > 40, `${files.length} files`);
      const others = files.filter(({ path: name, sha256: digest }) => packaged.get(name) !== digest);
      assert.deepEqual(
        others.map(({ path: name }) => name),
        [GRUB_CONFIG, INITRD, ...OWN],
      );
    });

    it('has its own few files exactly as the recipe has them', async () => {
      const inline = inlineFiles(await readFile(TINY_RECIPE, 'utf8'));
      for (const name of [GRUB_CONFIG, ...OWN]) {
        const entry = entries.find((one) => one.path === name);
        assert.ok(entry?.kind === 'file');
        assert.equal(entry.sha256, sha256(Buffer.from(inline[path.basename(name)] ?? '')), name);
      }
    });

    it('boots by itself; refuses a wrong password; lets root in with the one that was set', async () => {
      const terminal = runConsole(tiny.home, tiny.record.image);
      await terminal.until('portal login:');
      terminal.send('root');
      await terminal.until('Password:');
      terminal.send('not-the-password');
      await terminal.until('Login incorrect');
      await terminal.until('portal login:');
      terminal.send('root');
      await terminal.until('Password:');
      terminal.send(TINY_PASSWORD);
      await terminal.until('# ');
      // What is in the first root comes from the packages as well; only this machine can open it.
      terminal.send('cd /run; cpio -id < /boot/initrd.img; find . -type f -exec sha256sum {} +; echo "listed: $?"');
      const shown = await terminal.until(/listed: \d/);
      assert.equal(await terminal.leave(), 0);

      const packaged = await packageFiles(tiny);
      const inline = inlineFiles(await readFile(TINY_RECIPE, 'utf8'));
      const expected = (name: string): string | undefined => {
        if (name === 'init') return sha256(inline['init'] ?? '');
        const inPackage = [...packaged.keys()].filter((one) => one.endsWith(name.replace(/^lib\//, '/')));
        return name.startsWith('lib/') ? packaged.get(inPackage[0] ?? '') : packaged.get(`p1:/${name}`);
      };
      const listed = [...shown.matchAll(/^([0-9a-f]{64}) {2}\.\/(\S+)/gm)].filter(
        ([, , name = '']) => name === 'init' || /^(bin|lib)\//.test(name),
      );
      assert.ok(listed.length >= 8, shown);
      for (const [, hex, name = ''] of listed) assert.equal(`sha256:${hex}`, expected(name), name);
    });

    it('notices a command that fails at its own step', async () => {
      const yaml = await readFile(tiny.recipe, 'utf8');
      const changed = [
        ['-d /t /dev/vda1; answer', '-d /t /dev/vda9; answer'],
        ["'file-system: 0 #', timeout: 2m }", "'file-system: 0 #', timeout: 20s }\n    retries: 0"],
      ].reduce((text, [was = '', is = '']) => {
        assert.ok(text.includes(was), was);
        return text.replace(was, () => is);
      }, yaml);
      const broken = path.join(tiny.home.folder, 'broken.yaml');
      await writeFile(broken, changed);
      const told = await jsonLines(tiny.home, ['build', broken, '--repair', 'never', '--secret', tiny.secret], 1);
      assert.ok(told.some(({ event }) => event === 'resumed'));
      const { error } = told.at(-1);
      assert.equal(error.code, 'provision/step-failed');
      assert.equal(error.facts.step, 'file-system');
      assert.match(JSON.stringify(error.facts.screen), /file-system: 1 #/);
    });

    it('is measured no further where `personalise` fails, and leaves nothing of the attempt', async () => {
      const changed = replaced(await readFile(tiny.recipe, 'utf8'), [
        ["when: { text: 'portal login:', timeout: 2m }", "when: { text: 'never said', timeout: 1s }\n    retries: 0"],
      ]);
      const broken = path.join(tiny.home.folder, 'never-said.yaml');
      await writeFile(broken, changed);
      const images = await readdir(tiny.home.home.imagesDir);
      const told = await jsonLines(tiny.home, ['build', broken, '--repair', 'never', '--secret', tiny.secret], 1);
      const { error } = told.at(-1);
      assert.deepEqual([error.code, error.facts.step], ['provision/step-failed', 'first-login']);
      assert.ok(!told.some(({ phase }) => phase === 'store'));
      assert.deepEqual(await readdir(tiny.home.home.imagesDir), images);
    });

    describe('threat 39: its secret', () => {
      /** What the second build said, which fails while the guest shows the secret on its screen. */
      let shown: Outcome;
      let told: string;
      before(async () => {
        const changed = replaced(await readFile(tiny.recipe, 'utf8'), [
          ['do: [{ type: poweroff }, { key: enter }]', "do: [{ type: 'echo {{root_password}}' }, { key: enter }]"],
          [
            'expect: { event: shutdown }\n',
            "expect: { text: '{{root_password}} is no command', timeout: 5s }\n    retries: 0\n",
          ],
        ]);
        const broken = path.join(tiny.home.folder, 'shows-its-secret.yaml');
        await writeFile(broken, changed);
        shown = await cli(tiny.home, ['build', broken, '--watch', '--repair', 'never', '--secret', tiny.secret]);
        assert.equal(shown.code, 1, shown.stdout + shown.stderr);
        await json(tiny.home, ['init']);
        await json(tiny.home, ['publish', tiny.record.id, '--offline']);
        const [show, asJson] = await Promise.all([
          cli(tiny.home, ['builds', 'show', 'latest']),
          cli(tiny.home, ['builds', 'show', 'latest', '--json']),
        ]);
        told = show.stdout + asJson.stdout;
      });

      it('was on the screen of the build that failed, and is dots wherever that is told', () => {
        assert.match(told, /echo •{17}/);
        assert.match(shown.stderr + shown.stdout, /shut-down/);
      });

      it('is in no word that either build has said', () => {
        assertUntold('the build that was killed', JSON.stringify(tiny.killed), TINY_PASSWORD);
        assertUntold('the build', JSON.stringify(tiny.events), TINY_PASSWORD);
        assertUntold('stdout', shown.stdout, TINY_PASSWORD);
        assertUntold('stderr', shown.stderr, TINY_PASSWORD);
        assertUntold('`builds show`', told, TINY_PASSWORD);
      });

      it('is in no byte of the home: records, logs, screens, failure bundle, images; checkpoints are their owner’s alone', async () => {
        const { folder } = tiny.home;
        const given = path.relative(folder, tiny.secret.replace(/^root_password=/, ''));
        const checkpoints = path.relative(folder, tiny.home.home.checkpointsDir);
        const { places, found } = await searchFolder(
          folder,
          TINY_PASSWORD,
          (place) => place === given || place.startsWith(`${checkpoints}${path.sep}`),
        );
        assert.deepEqual(found, []);
        for (const part of ['transcript.jsonl', 'failure', 'manifest', '.raw', 'store: '])
          assert.ok(
            places.some((place) => place.includes(part)),
            `nothing was searched with ${part} in its name`,
          );
        const own = await readdir(tiny.home.home.checkpointsDir, { recursive: true, withFileTypes: true });
        for (const entry of own.filter((one) => one.isFile())) {
          const { mode } = await stat(path.join(entry.parentPath, entry.name));
          assert.equal(mode & 0o077, 0, entry.name);
        }
      });

      it('would be found: a search of the file that it was given in says so', async () => {
        const { found } = await searchFolder(tiny.home.folder, TINY_PASSWORD, (place) => place.startsWith('home'));
        assert.deepEqual(found, ['password']);
      });
    });
  });
});

function replaced(text: string, changes: readonly (readonly [was: string, is: string])[]): string {
  return changes.reduce((changed, [was, is]) => {
    const at = changed.lastIndexOf(was);
    assert.ok(at >= 0, was);
    return changed.slice(0, at) + is + changed.slice(at + was.length);
  }, text);
}

function inlineFiles(yaml: string): Readonly<Record<string, string>> {
  const parts = parseRecipe(yaml).recipe.media?.['parts'];
  assert.ok(parts !== undefined && 'layout' in parts);
  return parts.files ?? {};
}

/** Every regular file of the packages on the disk, by the path it has in a manifest; read by dpkg's own tool. */
async function packageFiles({ recipe }: TinyBuild): Promise<ReadonlyMap<string, string>> {
  const lock = parseLock(await readFile(recipe.replace(/\.yaml$/, '.lock.yaml'), 'utf8'));
  const installed = (lock.media['parts'] ?? []).filter(({ package: name }) =>
    /^(base-files|busybox-static|linux-image-.*-cloud-amd64)$/.test(name),
  );
  assert.equal(installed.length, 3);
  const files = new Map<string, string>();
  for (const { sha256: digest } of installed) {
    const deb = path.join(TEST_CACHE, 'debs', `${digest.replace('sha256:', '')}.deb`);
    const whole = createHash('sha256');
    for await (const chunk of createReadStream(deb)) whole.update(chunk as Buffer);
    assert.equal(whole.digest('hex'), digest.replace('sha256:', ''), deb);
    const dpkg = spawn('dpkg-deb', ['--fsys-tarfile', deb], { stdio: ['ignore', 'pipe', 'inherit'] });
    const extract = tar.extract();
    const read = pipeline(dpkg.stdout, extract);
    for await (const entry of extract) {
      const hash = createHash('sha256');
      for await (const chunk of entry) hash.update(chunk as Buffer);
      if (entry.header.type === 'file')
        files.set(`p1:/${entry.header.name.replace(/^\.\//, '')}`, `sha256:${hash.digest('hex')}`);
    }
    await read;
  }
  return files;
}
