import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { digestHex } from '../../../src/crypto/digest.ts';
import { PortalgunError } from '../../../src/errors.ts';
import type { Lock, Recipe, ResolvedRecipe } from '../../../src/recipe/types.ts';
import {
  kernelVersionOf,
  prepareMedia,
  readInitrdFile,
  type VerifiedMedia,
} from '../../../src/workshop/media/index.ts';
import { verifyCleartext } from '../../../src/workshop/media/cleartext.ts';
import { loadKeyring } from '../../../src/workshop/media/keyring.ts';
import { needPrograms, skip } from '../../support/skip.ts';
import { flipBit } from './test-archive.ts';

const run = promisify(execFile);
const KEYS = fileURLToPath(new URL('../../../keys', import.meta.url));
const IMAGES = 'usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64';
const MEDIA: Recipe['media'] = {
  iso: { package: 'grub-rescue-pc', path: 'usr/lib/grub-rescue/grub-rescue-cdrom.iso' },
  kernel: { package: 'debian-installer-12-netboot-amd64', path: `${IMAGES}/linux` },
  initrd: { package: 'debian-installer-12-netboot-amd64', path: `${IMAGES}/initrd.gz` },
  parts: { packages: ['busybox-static', 'e2fsprogs'], files: { 'install.sh': 'true\n' }, layout: 'usb-fat' },
};

/** The real thing: Debian's archive by this machine's own package sources, Debian's keys, Debian's installer. */
describe("Debian's own archive", function () {
  this.timeout(300_000);
  let cacheDir: string | undefined;
  let media: VerifiedMedia;
  let lock: Lock;

  before(async function () {
    needPrograms(this, 'apt-get', 'dpkg-deb');
    cacheDir = await mkdtemp(join(tmpdir(), 'pg-debian-'));
    try {
      media = await prepare();
    } catch (error) {
      if (error instanceof PortalgunError && error.exitCode === 5) skip(this, `${error.message} ${error.hint ?? ''}`);
      throw error;
    }
    lock = media.lock;
  });
  after(async () => {
    if (cacheDir !== undefined) await rm(cacheDir, { recursive: true, force: true });
  });
  const cache = () => cacheDir ?? assert.fail('no cache');
  const prepare = async (options: { lock?: Lock } = {}) =>
    prepareMedia({
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- only recipe/ makes one; its media and machine count here
      recipe: { recipe: { media: MEDIA, machine: { arch: 'x86_64' } } } as unknown as ResolvedRecipe,
      recipeDir: cache(),
      cacheDir: cache(),
      keysDir: KEYS,
      clock: () => new Date(),
      ...options,
    });

  it("gives GRUB's rescue ISO and the installer's kernel and initrd, vouched for by a key of keys/", async () => {
    const iso = await readFile(media.iso?.path ?? '');
    assert.equal(iso.toString('latin1', 0x8001, 0x8006), 'CD001');
    const kernel = await readFile(media.kernel?.path ?? '');
    assert.equal(kernel.toString('latin1', 0x202, 0x206), 'HdrS');
    const { keys } = await loadKeyring(KEYS);
    for (const file of media.files) {
      assert(file.proof.scheme === 'debian-archive');
      const { fingerprint } = file.proof;
      assert(keys.some((key) => key.fingerprint === fingerprint));
    }
  });

  it('gives the packages that apt itself would take', async function () {
    for (const line of Object.values(lock.media).flat().slice(0, 8)) {
      const { stdout } = await run('apt-cache', ['policy', line.package], { env: { ...process.env, LC_ALL: 'C' } });
      const candidate = /Candidate: (\S+)/.exec(stdout)?.[1];
      if (candidate === undefined) skip(this, "the machine's own lists have no candidates");
      assert.equal(line.version, candidate, line.package);
    }
  });

  it("gives the installer's own font and the version of its kernel", async () => {
    const initrd = media.initrd?.path ?? '';
    const font = (await readInitrdFile(initrd, 'lib/unifont.bgf')) ?? assert.fail('no font');
    assert.equal(Buffer.from(font).toString('latin1', 0, 4), 'BGF1');
    assert.match(await kernelVersionOf(initrd), /^6\.1\.0-\d+-amd64$/);
  });

  it('is taken from the cache again, the same, with the lock', async () => {
    const again = await prepare({ lock });
    assert.deepEqual(
      [again.lock, again.disks, again.kernel?.sha256, again.initrd?.sha256],
      [lock, media.disks, media.kernel?.sha256, media.initrd?.sha256],
    );
  });

  it('has signatures of which gpgv says the same', async function () {
    needPrograms(this, 'gpgv', 'gpg');
    const lists = join(cache(), 'apt', 'current', 'lists');
    const keyring = await loadKeyring(KEYS);
    const { writeFile } = await import('node:fs/promises');
    const ring = join(cache(), 'ring.gpg');
    await writeFile(ring, Buffer.concat(keyring.keys.map(({ key }) => Buffer.from(key.write()))));
    const files = (await readdir(lists)).filter((name) => name.endsWith('_InRelease'));
    let compared = 0;
    for (const name of files) {
      const path = join(lists, name);
      const bytes = await readFile(path);
      if (!/^Origin: Debian$/m.test(bytes.toString('latin1'))) continue;
      const ours = await verifyCleartext(bytes, keyring, new Date(), 'InRelease');
      const { stdout } = await run('gpgv', ['--status-fd', '1', '--keyring', ring, path]);
      const theirs = [...stdout.matchAll(/VALIDSIG \S+ \S+ (\d+) .* ([0-9A-F]{40})$/gm)].map(([, at, primary]) => [
        primary,
        Number(at) * 1000,
      ]);
      assert.deepEqual(
        ours.signers.map(({ key, signedAt }) => [key.fingerprint, signedAt.getTime()]),
        theirs,
      );
      compared++;
    }
    assert(compared > 0);
  });

  it("is refused when one bit of the installer's initrd in the cache has changed, saying which file", async () => {
    const path = media.initrd?.path ?? '';
    await flipBit(path);
    try {
      await assert.rejects(prepare({ lock }), (error) => {
        assert(error instanceof PortalgunError);
        assert.deepEqual([error.code, error.exitCode], ['media/digest-mismatch', 3]);
        assert(error.message.includes(path) && error.message.includes(digestHex(media.initrd?.sha256 ?? 'sha256:')));
        return true;
      });
    } finally {
      await flipBit(path);
    }
    assert.equal((await prepare({ lock })).initrd?.sha256, media.initrd?.sha256);
  });
});
