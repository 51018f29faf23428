/** Templates in the shape of well-known ones, from a folder to a draft and its table. */
import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { PortalgunError } from '../../src/errors.ts';
import { importPacker } from '../../src/node/packer/index.ts';
import { lintRecipe } from '../../src/recipe/lint.ts';
import { MAX_FOLDER_ENTRIES, MAX_TEMPLATE_BYTES, MAX_VERDICTS } from '../../src/recipe/packer/limits.ts';
import { hclTemplate } from '../../src/recipe/packer/hcl-template.ts';
import { Budget } from '../../src/recipe/packer/value.ts';
import type { Imported } from '../../src/recipe/packer/import.ts';
import type { Verdict } from '../../src/recipe/packer/verdict.ts';
import { ROOT } from '../support/cli.ts';

const FIXTURES = path.join(ROOT, 'test/fixtures/packer');
const { signal } = new AbortController();

function imported(source: string, options: { given?: Record<string, string>; only?: string } = {}): Promise<Imported> {
  const { given = {}, only } = options;
  return importPacker({ source, only, given, variableFiles: [], signal });
}

const fixture = (name: string, options?: Parameters<typeof imported>[1]) =>
  imported(path.join(FIXTURES, name), options);

function part({ verdicts }: Imported, what: string): Verdict {
  return verdicts.find((one) => one.what === what) ?? assert.fail(`no row for ${what}`);
}

function outcomes({ verdicts }: Imported): Record<string, string> {
  return Object.fromEntries(verdicts.map(({ what, outcome }) => [what, outcome]));
}

function draftOf({ draft }: Imported) {
  assert.ok(draft);
  assert.deepEqual(
    lintRecipe(draft).filter(({ severity }) => severity === 'error'),
    [],
  );
  return draft.recipe;
}

describe('a Packer template becomes a draft', function () {
  this.timeout(60_000);

  it('for Debian: HCL, a preseed file over HTTP, scripts by SSH', async () => {
    const result = await fixture('debian-preseed');
    const recipe = draftOf(result);
    assert.equal(result.builder, 'qemu.debian');
    assert.partialDeepStrictEqual(outcomes(result), {
      'amazon-ebs.cloud': 'refused',
      'virtualbox-iso.debian': 'idle',
      iso_url: 'partly',
      boot_command: 'partly',
      http_directory: 'imported',
      qemuargs: 'refused',
      'provisioner file': 'imported',
      'provisioner ansible': 'refused',
      'post-processor vagrant': 'refused',
      'post-processor checksum': 'idle',
    });
    assert.partialDeepStrictEqual(recipe.machine, { memory: '1024M', cpus: 2, disks: [{ id: 'root', size: '20G' }] });
    assert.deepEqual(recipe.media?.['iso'], {
      url: 'https://images.example/debian-12.5.0-amd64-netinst.iso',
      sha256: '013f5b44670d81280b5b1bc02455842b250df2f0c6763398feb69af1a805a14f',
    });
    assert.match(part(result, 'iso_url').why, /nobody has signed for it/);
    assert.match(result.draft?.source ?? '', /# The ISO is named by a bare checksum.*nobody has signed for it/);
    assert.deepEqual(Object.keys(recipe.params ?? {}), ['hostname']);
    assert.equal(recipe.params?.['hostname']?.summary, 'What the guest calls itself');
    assert.deepEqual(recipe.steps[4]?.do, [{ type: 'netcfg/get_hostname={{hostname}}' }, { key: 'enter' }]);
    const preseed = 'd-i debian-installer/locale string en_US\nd-i passwd/username string packer\n';
    assert.deepEqual(recipe.steps[0]?.do, [{ serve: { file: 'preseed.cfg', content: preseed } }]);
    assert.deepEqual(recipe.steps[3]?.do, [{ type: 'preseed/url=http://10.0.2.2:80/preseed.cfg ' }]);
    const [login] = recipe.steps.filter(({ id }) => id === 'login-prompt');
    assert.deepEqual(login?.expect, { all: [{ fetched: 'preseed.cfg' }, { text: 'login:' }] });
    // In the order of the file, though the parser groups them by their type.
    const lines = recipe.steps.flatMap(({ id, do: acts }) =>
      id.startsWith('provision') ? [JSON.stringify(acts)] : [],
    );
    assert.match(
      lines[0] ?? '',
      /env DEBIAN_FRONTEND='noninteractive' sh \/run\/portalgun\/base\.sh; echo provision-1-\$\?/,
    );
    assert.match(lines[1] ?? '', /clean\.sh/);
    assert.match(lines[2] ?? '', /cp \/run\/portalgun\/motd '\/tmp\/motd'/);
    assert.equal(lines.length, 3);
    assert.deepEqual(recipe.steps.at(-1)?.expect, { event: 'shutdown', timeout: '5m' });
    assert.deepEqual(recipe.outputs, [{ disk: 'root', as: 'image' }]);
  });

  it('without a sensitive value anywhere, and with one only where a person gives it', async () => {
    const result = await fixture('debian-preseed');
    assert.ok(!JSON.stringify(result).includes('hunter2'));
    const row = result.verdicts.filter(({ what }) => what === 'provisioner shell')[1];
    assert.match(row?.why ?? '', /admin_password.*--var admin_password=VALUE/);
    const given = await fixture('debian-preseed', { given: { admin_password: 'public', hostname: 'portal' } });
    assert.match(given.draft?.source ?? '', /echo public > \/tmp\/x/);
    assert.match(given.draft?.source ?? '', /get_hostname=portal"/);
  });

  it('for Ubuntu: variables of an object, answers on a CD, UEFI, a source that the build adds to', async () => {
    const result = await fixture('ubuntu-autoinstall');
    const recipe = draftOf(result);
    assert.partialDeepStrictEqual(recipe.machine, {
      memory: '4096M',
      cpus: 2,
      firmware: 'uefi',
      disks: [{ size: '40G' }],
    });
    assert.match(part(result, 'cd_content').why, /templatefile\(…\)/);
    assert.equal(part(result, 'cd_content').place, 'ubuntu.pkr.hcl:14');
    assert.equal(part(result, 'cd_files').outcome, 'partly');
    assert.partialDeepStrictEqual(recipe.media?.['files'], {
      files: { 'meta-data': '', 'user-data': '#cloud-config\nautoinstall: {version: 1}\n' },
    });
    assert.match(part(result, 'provisioner shell').why, /without a public ssh_password/);
    assert.match(part(result, 'vboxmanage').why, /VirtualBox/);
    assert.deepEqual(recipe.steps.at(-1)?.expect, { text: 'login:' });
  });

  it('for Alpine: JSON, values of users, an environment that is not read, no SHA-256', async () => {
    const result = await fixture('alpine');
    const recipe = draftOf(result);
    assert.deepEqual(recipe.media?.['iso'], { file: 'alpine-virt-3.19.1-x86_64.iso', unverified: 'allow' });
    assert.match(part(result, 'iso_url').why, /no SHA-256 \(sha512\).*every attestation says so/);
    assert.match(part(result, 'variable mirror').why, /environment .* is not read; it is a parameter/);
    assert.ok(recipe.steps.some(({ do: acts }) => JSON.stringify(acts)?.includes('apk add -X {{mirror}} openssh')));
    assert.ok(
      recipe.steps.some(({ do: acts }) => JSON.stringify(acts)?.includes('{"type":"vagrant"},{"key":"enter"}')),
    );
    assert.ok(recipe.steps.some(({ expect }) => JSON.stringify(expect) === '{"still":"90s"}'));
    assert.equal(part(result, 'docker.docker').outcome, 'refused');
    assert.equal(part(result, 'provisioner chef-solo').place, 'alpine.json: provisioners[1]');
  });

  it('for Windows: as far as the keyboard goes', async () => {
    const result = await fixture('windows');
    const recipe = draftOf(result);
    assert.deepEqual(recipe.steps[1]?.do, [{ key: 'space' }, { key: 'space' }, { key: 'alt-n' }]);
    for (const what of [
      'communicator',
      'winrm_username',
      'vtpm',
      'provisioner powershell',
      'provisioner windows-restart',
    ])
      assert.equal(part(result, what).outcome, 'refused', what);
  });

  it('threat 35: reads nothing outside of its folder', async () => {
    const { why } = part(await fixture('windows'), 'floppy_files');
    assert.match(why, /"\.\.\/secret\.txt" leads out of the folder/);
    assert.match(why, /"\/etc\/passwd" is not below the folder/);
    await inFolder(async (folder) => {
      await mkdir(path.join(folder, 'inner'));
      await writeFile(path.join(folder, 'outside.txt'), 'tr0ub4dor');
      await symlink('../outside.txt', path.join(folder, 'inner/link.txt'));
      await symlink('..', path.join(folder, 'inner/up'));
      const body = `iso_url = "a.iso"
        iso_checksum = "none"
        boot_command = ["x"]
        floppy_files = ["link.txt", "up/outside.txt", "inner/../../outside.txt", "up", "ok.txt"]
        cd_content = { "a" = file("../outside.txt") }
        http_content = { "a" = file("/etc/hostname"), "b" = file("up/outside.txt") }`;
      await writeFile(path.join(folder, 'inner/ok.txt'), 'fine');
      await writeFile(path.join(folder, 'inner/x.pkr.hcl'), hcl(body));
      const result = await imported(path.join(folder, 'inner'));
      assert.ok(!JSON.stringify(result).includes('tr0ub4dor'));
      assert.match(part(result, 'floppy_files').why, /link\.txt" is a symbolic link/);
      assert.match(part(result, 'floppy_files').why, /"up" is a symbolic link.*"up" is a symbolic link/);
      assert.match(part(result, 'floppy_files').why, /inner\/\.\.\/\.\.\/outside\.txt" leads out/);
      assert.match(part(result, 'cd_content').why, /leads out of the folder/);
      assert.match(part(result, 'http_content').why, /not below the folder/);
      assert.deepEqual(draftOf(result).media?.['files'], { files: { 'ok.txt': 'fine' }, layout: 'usb-fat' });
    });
  });

  it('with the place of what is no template, and with an end where there is none', () =>
    inFolder(async (folder) => {
      const cases: readonly (readonly [name: string, text: string, code: string, message: RegExp])[] = [
        ['a.pkr.hcl', 'source "qemu" "x" {\n  a = [\n', 'packer/bad-template', /a\.pkr\.hcl:\d+,\d+/],
        ['b.json', '{"builders": [', 'packer/bad-template', /b\.json: /],
        ['c.json', '{"builders": 7}', 'packer/no-template', /no "builders"/],
        ['d.pkr.json', '{}', 'packer/no-template', /no template/],
        ['e.txt', 'x', 'packer/no-template', /no template/],
        ['f.json', '{"builders": [{"type": "docker"}]}', 'packer/no-builder', /no builder that installs/],
        ['g.pkr.hcl', `a = ${'['.repeat(20_000)}${']'.repeat(20_000)}\n`, 'packer/bad-template', /g\.pkr\.hcl/],
        ['h.json', `{"builders": ${'['.repeat(200)}${']'.repeat(200)}}`, 'packer/bad-template', /deeper than/],
        ['i.json', '{"builders": [{"type": "\uE000"}]}', 'packer/bad-template', /private use/],
        ['j.json', ' '.repeat(MAX_TEMPLATE_BYTES + 1), 'packer/unreadable', /more than are read/],
      ];
      for (const [name, text, code, message] of cases) {
        const file = path.join(folder, name);
        await writeFile(file, text);
        await assert.rejects(imported(file), (error) => {
          assert.ok(error instanceof PortalgunError, String(error));
          assert.equal(error.code, code, `${name}: ${error.message}`);
          assert.match(error.message, message);
          return error.exitCode === 2;
        });
        await rm(file);
      }
      await assert.rejects(imported(folder), { code: 'packer/no-template' });
      await assert.rejects(imported(path.join(folder, 'gone')), { code: 'packer/unreadable' });
      await writeFile(path.join(folder, '1.json'), '{"builders": []}');
      await writeFile(path.join(folder, '2.json'), '{"builders": []}');
      await assert.rejects(imported(folder), { code: 'packer/several-templates' });
    }));

  it('not of a folder with more files than are looked at', () =>
    inFolder(async (folder) => {
      for (let at = 0; at <= MAX_FOLDER_ENTRIES; at += 1) await writeFile(path.join(folder, `${at}.txt`), '');
      await assert.rejects(imported(folder), { code: 'packer/too-many-files' });
    }));

  it('threat 37: with the lines of so many parts, each of which is looked for in the whole file, and no more', () =>
    inFolder(async (folder) => {
      const strange = Array.from({ length: MAX_VERDICTS + 50 }, (_, at) => `  s${at} = 1`).join('\n');
      const file = path.join(folder, 'x.pkr.hcl');
      await writeFile(file, `source "null" "y" {}\n${hcl(`cpus = 99\n${strange}`)}`);
      const { verdicts, more } = await imported(file);
      assert.deepEqual([verdicts.length, more > 50], [MAX_VERDICTS, true]);
      assert.equal(part({ verdicts } as Imported, 'cpus').place, 'x.pkr.hcl:3');
      // The rows that are shown have theirs.
      assert.match(verdicts.at(-1)?.place ?? '', /^x\.pkr\.hcl:\d+$/);
      const names = Array.from({ length: MAX_VERDICTS + 1 }, (_, at) => `s${at}`);
      const template = hclTemplate({
        files: [
          {
            name: 'a.pkr.hcl',
            text: names.map((name) => `source "null" "${name}" {}\n`).join(''),
            body: { source: { null: Object.fromEntries(names.map((name) => [name, {}])) } },
          },
        ],
        variables: [],
        given: {},
        budget: new Budget(),
        file: () => '',
      });
      const places = template.refused().map(({ place }) => place);
      assert.deepEqual(places.slice(-2), [`a.pkr.hcl:${MAX_VERDICTS}`, 'a.pkr.hcl']);
    }));

  it('with its ISO where a browser would look for it, and with parameters by names that recipes have', () =>
    inFolder(async (folder) => {
      const file = path.join(folder, 'x.json');
      const builder = {
        type: 'qemu',
        iso_url: 'http://Images.Example:80/a/../b.iso',
        iso_checksum: `sha256:${'a'.repeat(64)}`,
        boot_command: ['{{user `_Site`}}<enter><wait>'],
      };
      await writeFile(file, JSON.stringify({ variables: { _Site: null }, builders: [builder] }));
      const recipe = draftOf(await imported(file));
      assert.deepEqual(recipe.media?.['iso'], { url: 'http://images.example/b.iso', sha256: 'a'.repeat(64) });
      assert.deepEqual(Object.keys(recipe.params ?? {}), ['v_site']);
    }));

  it('with no two variables in one parameter, unless one of them has a value', () =>
    inFolder(async (folder) => {
      const file = path.join(folder, 'x.json');
      const builder = {
        type: 'qemu',
        iso_url: 'a.iso',
        iso_checksum: 'none',
        boot_command: ['{{user `A-b`}} {{user `a_b`}}<enter><wait>'],
      };
      await writeFile(
        file,
        JSON.stringify({ variables: { 'A-b': null, a_b: null, 'c-d': null, c_d: null }, builders: [builder] }),
      );
      await assert.rejects(imported(file), {
        code: 'packer/same-parameter',
        exitCode: 2,
        message: /A-b and a_b .* a_b\./,
      });
      const recipe = draftOf(await imported(file, { given: { 'A-b': 'first' } }));
      assert.deepEqual(Object.keys(recipe.params ?? {}), ['a_b']);
      assert.match(JSON.stringify(recipe.steps), /first \{\{a_b\}\}/);
    }));

  it('threat 38: without an ISO that is on this machine or its own network, however its address is written', () =>
    inFolder(async (folder) => {
      const file = path.join(folder, 'x.json');
      const importFrom = async (host: string, checksum: string): Promise<Imported> => {
        const builder = { type: 'qemu', iso_url: `http://${host}/a.iso`, iso_checksum: checksum, boot_command: ['x'] };
        await writeFile(file, JSON.stringify({ builders: [builder] }));
        return imported(file);
      };
      const written = ['169.254.169.254', '127.1:8080', '0xa000001', '[::1]', '[::ffff:192.168.0.1]'];
      const read = ['169.254.169.254', '127.0.0.1', '10.0.0.1', '[::1]', '[::ffff:c0a8:1]'];
      for (const checksum of [`sha256:${'a'.repeat(64)}`, 'none'])
        for (const [index, host] of written.entries()) {
          const result = await importFrom(host, checksum);
          const { outcome, why } = part(result, 'iso_url');
          assert.equal(outcome, 'refused', host);
          assert.ok(why.includes(`${read[index]} is on this machine or its own network`), why);
          assert.equal(result.draft?.recipe.media?.['iso'], undefined);
        }
      assert.equal(part(await importFrom('9.9.9.9', 'none'), 'iso_url').outcome, 'partly');
    }));

  it('by the builder that is asked for', async () => {
    assert.equal((await fixture('debian-preseed', { only: 'virtualbox-iso' })).builder, 'virtualbox-iso.debian');
    await assert.rejects(fixture('debian-preseed', { only: 'vmware-iso' }), { code: 'packer/no-builder' });
  });

  it('with locals that name each other in a ring refused, and doubling ones ended', () =>
    inFolder(async (folder) => {
      const doubling = Array.from({ length: 25 }, (_, at) => `l${at + 1} = "\${local.l${at}}\${local.l${at}}"`).join(
        '\n',
      );
      await writeFile(
        path.join(folder, 'x.pkr.hcl'),
        `locals {\n a = local.b\n b = local.a\n l0 = "xx"\n ${doubling}\n}\n${hcl(`
        iso_url = "a.iso"
        iso_checksum = "none"
        memory = local.a
        boot_command = [local.l25]
        cpus = 99
        firmware = "secure"
        disk_size = "lots"
        strange = 1`)}`,
      );
      const result = await imported(folder);
      assert.equal(result.draft, undefined);
      assert.match(part(result, 'memory').why, /local\.\w is made of itself/);
      assert.match(part(result, 'boot_command').why, /makes more than/);
      assert.match(part(result, 'cpus').why, /16 at most/);
      assert.match(part(result, 'firmware').why, /none of ours/);
      assert.match(part(result, 'disk_size').why, /no size of a disk/);
      assert.match(part(result, 'strange').why, /unknown here/);
    }));

  it('threat 37: with an end to values that lead on and on, to braces that nothing closes, and to endless paths', () =>
    inFolder(async (folder) => {
      const names = Array.from({ length: 3_000 }, (_, at) => at);
      const file = path.join(folder, 'x.pkr.hcl');
      const locals = names.map((at) => `l${at} = local.l${at + 1}`).join('\n');
      await writeFile(
        file,
        `locals {\n${locals}\nl${names.length} = "512"\n}\n${hcl(`
        iso_url = "{{${' '.repeat(100_000)}"
        memory = local.l0
        cpus = "\${lower("\\uE002pw\\uE003")}"
        http_directory = "${'*'.repeat(20_000)}/x"
        cd_files = ["${'x'.repeat(60_000)}"]`)}`,
      );
      const result = await imported(file);
      assert.match(part(result, 'memory').why, /deeper than/);
      assert.match(part(result, 'cpus').why, /private use/);
      assert.match(part(result, 'http_directory').why, /is no path here/);
      assert.match(part(result, 'cd_files').why, /is no path here/);
      const variables = Object.fromEntries(names.map((at) => [`v${at}`, `{{user \`v${at + 1}\`}}`]));
      const body = { variables: { ...variables, v3000: '1' }, builders: [{ type: 'qemu', memory: '{{user `v0`}}' }] };
      const json = path.join(folder, 'x.json');
      await writeFile(json, JSON.stringify(body));
      assert.match((await imported(json)).verdicts.map(({ why }) => why).join(), /deeper than/);
    }));
});

function hcl(body: string): string {
  return `source "qemu" "x" {\n${body}\n}\nbuild {\n  sources = ["source.qemu.x"]\n}\n`;
}

async function inFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'portalgun-packer-'));
  try {
    await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
