/**
 * The example of docs/importing.md, played as it stands: a template that serves its answers, logs in and provisions, on a CD
 * that boots a real Linux. What the CD installs is small; that it asks for its answers, and obeys them, is real.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { cli, json, outcomeOf, ROOT } from '../support/cli.ts';
import { needBuilds } from '../support/grub.ts';
import { needPrograms } from '../support/skip.ts';
import { bootDisc, NETWORK_UP } from '../support/small-linux.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { patternOf } from '../docs/printed.ts';

const PAGE = await readFile(path.join(ROOT, 'docs/importing.md'), 'utf8');
const [, TEMPLATE = ''] = /^```hcl\n([\s\S]*?)^```/m.exec(PAGE) ?? [];
const [, EXAMPLE = ''] = PAGE.split(/^## An example$/m);
const COMMANDS = Array.from(EXAMPLE.matchAll(/^```console\n([\s\S]*?)^```/gm), ([, block = '']) => block)
  .flatMap((block) => block.split(/^\$ /m).slice(1))
  .map((block) => {
    const [line = '', ...expected] = block.trimEnd().split('\n');
    return { line, expected };
  });

const FILES: Readonly<Record<string, string>> = {
  'http/preseed.cfg': 'd-i netcfg/get_hostname string portal\nd-i passwd/root-password password packer\n',
  'scripts/greet.sh': 'echo "$GREETING" > /root/greeting\n',
  'scripts/motd': 'Built here.\n',
};

/** An installer that does what its answers say: a system on the disk whose root has that password, and its console. */
const INSTALLER = `
${NETWORK_UP}
clear
echo 'Retrieving the preconfiguration file'
url=$(sed -n 's|.*preseed/url=\\([^ ]*\\).*|\\1|p' /proc/cmdline)
wget -q -O /run/preseed "$url" || { echo 'It cannot be retrieved'; exec sh; }
answer() { sed -n "s|^d-i $1 [a-z]* ||p" /run/preseed; }
echo 'Installing the base system'
mke2fs /dev/vda > /run/log 2>&1; mkdir /target; mount -t ext4 /dev/vda /target
cd /target; mkdir -p bin sbin usr/bin usr/sbin dev proc etc root run tmp
cp /bin/busybox bin; chroot . /bin/busybox --install -s
hostname "$(answer netcfg/get_hostname)"
echo 'root:x:0:0:root:/root:/bin/sh' > etc/passwd; echo 'root:x:0:' > etc/group
echo "root:$(mkpasswd "$(answer passwd/root-password)"):19000::::::" > etc/shadow
echo "PS1='\\\\u@\\\\h:\\\\w\\\\$ '" > etc/profile
mount -t proc proc proc; mount --bind /dev dev
mkdir -p dev/disk/by-label
until disk=$(findfs LABEL=PORTALGUN); do sleep 0.2; done
ln -s "$disk" dev/disk/by-label/PORTALGUN
clear
while :; do chroot . getty 38400 tty1 linux; done
`;

describe('docs/importing.md', function () {
  this.timeout(0);
  let test: TestHome;

  before(async function () {
    await needBuilds(this);
    needPrograms(this, 'xorriso');
    test = await tempHome();
    const iso = await bootDisc(this, test.folder, INSTALLER);
    const { folder } = test;
    const image = await readFile(iso);
    await writeFile(path.join(folder, 'debian.iso'), image);
    for (const [name, content] of Object.entries(FILES)) {
      const file = path.join(folder, 'my-template', name);
      await mkdir(path.dirname(file), { recursive: true });
      await writeFile(file, content);
    }
    const digest = createHash('sha256').update(image).digest('hex');
    await writeFile(path.join(folder, 'my-template/debian.pkr.hcl'), TEMPLATE.replace('…', digest));
  });
  after(() => test?.remove());

  async function play(line: string): Promise<string> {
    const env = { ...test.environment, PATH: `${ROOT}:${test.environment['PATH']}` };
    const child = spawn('sh', ['-c', `{ ${line}; } 2>&1`], { cwd: test.folder, env });
    child.stdin.end();
    const { code, stdout } = await outcomeOf(child);
    assert.equal(code, 0, stdout);
    return stdout;
  }

  it('has commands', () => assert.equal(COMMANDS.length, 4));

  for (const { line, expected } of COMMANDS)
    it(`$ ${line}`, async () => assert.match(await play(line), patternOf(expected), line));

  it('leaves a recipe without a sleep, and an image that the provisioners have been in', async () => {
    const source = await readFile(path.join(test.folder, 'debian.yaml'), 'utf8');
    assert.doesNotMatch(source, /still/);
    const checked = parseRecipe(source);
    const errors = lintRecipe(checked).filter(({ severity }) => severity === 'error');
    assert.deepEqual(errors, []);
    const [boot] = checked.recipe.steps;
    assert.deepEqual(boot?.when, { text: 'boot:' });
    assert.deepEqual(boot.do?.slice(1), [
      { type: 'auto preseed/url=http://10.0.2.2:80/preseed.cfg' },
      { key: 'enter' },
    ]);
    assert.doesNotMatch(JSON.stringify(boot.expect), /changed|preseed\.cfg/);
    const { build } = await json(test, ['builds', 'show', 'latest']);
    assert.equal(build.status, 'done');
    const { stdout } = await cli(test, ['images', 'show', build.image, '--manifest']);
    const contents = { '/root/greeting': 'Hello from the template\n', '/etc/motd': FILES['scripts/motd'] ?? '' };
    for (const [file, content] of Object.entries(contents)) {
      const line = stdout.split('\n').find((entry) => entry.includes(file));
      assert.ok(line?.includes(createHash('sha256').update(content).digest('hex')), `${file}: ${line}`);
    }
  });
});
