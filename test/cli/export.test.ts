/** `images export` at the command line, and what is left of it when it is stopped. */
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, open, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { digestHex, sha256 } from '../../src/crypto/digest.ts';
import { formatImageJson } from '../../src/workshop/image/image-json.ts';
import { cli, errorOf, json, outcomeOf, ROOT, startCli } from '../support/cli.ts';
import { eventually, settle } from '../support/node.ts';
import { needPrograms, skip } from '../support/skip.ts';
import type { StoredImage } from '../../src/workshop/image/index.ts';
import { storedBuild } from '../support/stored-image.ts';
import { tempHome, type TestHome } from '../support/temp-home.ts';
import { extentManifest } from '../workshop/image/image-facts.fixture.ts';

const MIB = 1024 * 1024;

const RAW = ['images', 'export', 'made', '--format', 'raw'];

/** Debian's own, whatever else is called python3 on this machine. */
const PYTHON = '/usr/bin/python3';

describe('portalgun images export', function () {
  this.timeout(120_000);
  let person: TestHome;
  let author: string;
  let stored: StoredImage;

  before(async function () {
    needPrograms(this, 'qemu-img');
    person = await tempHome();
    ({ author } = await settle(person));
    const disk = Buffer.alloc(MIB, 'what a disk holds ');
    await writeFile(path.join(person.folder, 'disk'), disk);
    const manifest = extentManifest(disk);
    stored = await storedBuild(person, 'made', { disk: path.join(person.folder, 'disk'), manifest });
  });
  after(() => person?.remove());

  async function folder(name: string): Promise<string> {
    const made = path.join(person.folder, name);
    await mkdir(made);
    return made;
  }

  it('says in 80 columns what lies there now, what is not in it, and how to check it', async () => {
    const to = await folder('told');
    const { stdout, stderr, code } = await cli(person, ['images', 'export', 'made', '--output', to]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, /^converting$/m);
    for (const name of ['made.qcow2', 'made.qcow2.manifest', 'made.qcow2.attestation.json'])
      assert.ok(stdout.split('\n').includes(path.join(to, name)), stdout);
    assert.match(stdout, /every secret, is not in it/);
    for (const line of stdout.replaceAll(to, '').split('\n')) assert.ok(line.length <= 80, line);
    const command = /portalgun (verify .*)/.exec(stdout)?.[1]?.split(' ') ?? [];
    const checked = await cli(person, command);
    assert.match(checked.stdout, /The signature holds[\s\S]*holds {6}made\.qcow2\.manifest\nholds {6}made\.qcow2\n/);
  });

  it('is checked as the file that was named, whatever name was signed: another one in its place is refused', async () => {
    const to = await folder('renamed');
    const { file, attestation, manifest } = await json(person, [...RAW, '--output', to]);
    const named = (name: string): string => path.join(to, name);
    const give = async (name: string, from: string): Promise<unknown> => {
      await copyFile(attestation, named(`${name}.attestation.json`));
      await copyFile(manifest.file, named(`${name}.manifest`));
      return copyFile(from, named(name));
    };
    await give('renamed.raw', file);
    const { files } = await json(person, ['verify', named('renamed.raw')]);
    assert.deepEqual(files, [
      { file: 'renamed.raw.manifest', state: 'holds' },
      { file: 'renamed.raw', state: 'holds' },
    ]);
    // What the attestation is about lies beside it, whole.
    await writeFile(named('bad'), 'another disk');
    await give('other.raw', named('bad'));
    const { code, message } = await errorOf(person, ['verify', named('other.raw')], 3);
    assert.equal(code, 'export/other-file');
    assert.ok(message.startsWith(named('other.raw')), message);
  });

  it('writes what Debian’s python3-securesystemslib reads: an in-toto statement about file and manifest', async function () {
    if (spawnSync(PYTHON, ['-c', 'import securesystemslib, nacl']).status !== 0)
      skip(this, 'python3-securesystemslib and python3-nacl are not installed');
    const args = ['images', 'export', 'made', '--format', 'raw', '--output', await folder('read')];
    const { attestation, sha256: digest } = await json(person, args);
    const tool = path.join(ROOT, 'test/interop/dsse.py');
    const key = author.slice('ed25519:'.length);
    const statement = JSON.parse(execFileSync(PYTHON, [tool, 'verify', attestation, key], { encoding: 'utf8' }));
    assert.equal(statement._type, 'https://in-toto.io/Statement/v1');
    assert.equal(statement.predicateType, 'https://slsa.dev/provenance/v1');
    assert.deepEqual(statement.subject, [
      { name: 'manifest', digest: { sha256: digestHex(stored.manifest) } },
      { name: 'made.raw', digest: { sha256: digestHex(digest) } },
    ]);
    assert.deepEqual(statement.portalgun_export, { network: 'portalgun', author, format: 'raw' });

    const envelope = JSON.parse(await readFile(attestation, 'utf8'));
    const payload = Buffer.from(envelope.payload, 'base64').toString();
    const other = payload.replace(digestHex(digest), digestHex(sha256('another disk')));
    await writeFile(attestation, JSON.stringify({ ...envelope, payload: Buffer.from(other).toString('base64') }));
    assert.equal((await errorOf(person, ['verify', attestation], 3)).code, 'export/refused');
    assert.equal(spawnSync(PYTHON, [tool, 'verify', attestation, key]).status, 1);
  });

  describe('that is stopped', () => {
    before(async () => {
      // Takes minutes to export; its digest is wrong, which nobody comes to find out.
      const image = path.join(person.home.imagesDir, 'endless');
      await mkdir(image);
      const handle = await open(path.join(image, 'root.raw'), 'w');
      await handle.truncate(512 * 1024 * MIB);
      await handle.close();
      await writeFile(path.join(image, 'image.json'), formatImageJson({ ...stored, id: 'endless' }));
      await copyFile(path.join(person.home.imagesDir, 'made/manifest.txt'), path.join(image, 'manifest.txt'));
    });

    async function started(to: string) {
      const args = ['images', 'export', 'endless', '--format', 'raw', '--no-attestation', '--output', to];
      const child = startCli(person, args);
      const outcome = outcomeOf(child);
      await eventually(
        () => readdir(to),
        (names) => names.length > 0,
      );
      return { child, outcome };
    }

    it('by Ctrl-C leaves nothing: exit code 130', async () => {
      const to = await folder('interrupted');
      const { child, outcome } = await started(to);
      child.kill('SIGINT');
      assert.equal((await outcome).code, 130);
      assert.deepEqual(await readdir(to), []);
    });

    it('by SIGKILL leaves nothing under a name that it was to have; the next one removes it', async () => {
      const to = await folder('killed');
      const { child } = await started(to);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const left = await readdir(to);
      assert.match(left.join(), /^\.portalgun-partial-\d+-[0-9a-f]{12}-\d$/);
      await json(person, ['images', 'export', 'made', '--format', 'raw', '--no-attestation', '--output', to]);
      assert.deepEqual(await readdir(to), ['made.raw', 'made.raw.manifest']);
    });
  });
});
