import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmod, cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { digestHex, sha256 } from '../../../src/crypto/digest.ts';
import type { Lock, Recipe, ResolvedRecipe } from '../../../src/recipe/types.ts';
import {
  prepareMedia,
  preparePackages,
  unpackPackage,
  type PrepareOptions,
  type VerifiedMedia,
} from '../../../src/workshop/media/index.ts';
import { MAX_INDEX_BYTES } from '../../../src/workshop/media/limits.ts';
import { mountSmallDisk } from '../../support/full-disk.ts';
import { needPrograms } from '../../support/skip.ts';
import { cpio } from './cpio.fixture.ts';
import { refusal } from './refusal.ts';
import {
  day,
  fingerprint,
  flipBit,
  makeArchive,
  makeKey,
  NOW,
  writeKeys,
  type ArchiveSpec,
  type TestArchive,
  type TestKey,
  type TestPackage,
} from './test-archive.ts';

const run = promisify(execFile);

const KERNEL = Buffer.alloc(70_000, 'kernel ');
const INITRD = gzipSync(cpio([{ path: 'lib/modules/6.1.0-9-amd64/modules.dep', data: 'x' }]));
const PACKAGES: readonly TestPackage[] = [
  {
    name: 'installer',
    version: '1:2-3',
    files: { 'usr/lib/inst/linux': KERNEL, 'usr/lib/inst/initrd.gz': INITRD },
    links: { 'usr/lib/inst/vmlinuz': 'linux' },
  },
  {
    name: 'tool',
    version: '1.0',
    depends: 'libtool (>= 2) | nothing, shell',
    files: { 'usr/bin/tool': '#!/bin/sh\n' },
  },
  { name: 'libtool', version: '2.1~rc1-1' },
  { name: 'dash', version: '5', provides: 'shell' },
  { name: 'unrelated', version: '1' },
  { name: 'linux-image-6.1.0-9-amd64', version: '6.1.9-1' },
  { name: 'linux-image-6.1.0-9-cloud-amd64', version: '6.1.9-1' },
];
const MEDIA = {
  kernel: { package: 'installer', path: 'usr/lib/inst/linux' },
  initrd: { package: 'installer', path: 'usr/lib/inst/initrd.gz' },
  parts: { packages: ['tool', { kernel_of: 'initrd' }], files: { 'install.sh': 'echo one\n' }, layout: 'usb-fat' },
} as const;

describe('preparing media from a package archive', function () {
  this.timeout(60_000);
  let root: string;
  let key: TestKey;
  let archive: TestArchive;
  let keysDir: string;
  /** A cache in which everything is already: tests that break something take a copy of it. */
  let warmCache: string;
  let lock: Lock;

  before(async function () {
    needPrograms(this, 'apt-get', 'dpkg-deb');
    root = await mkdtemp(join(tmpdir(), 'pg-media-'));
    key = await makeKey('archive');
    keysDir = join(root, 'keys');
    await writeKeys(keysDir, [key]);
    archive = await makeArchive(join(root, 'archive'), { packages: PACKAGES, keys: [key] });
    warmCache = join(root, 'warm');
    lock = (await prepare({ cacheDir: warmCache })).lock;
  });
  after(async () => {
    if (root) await rm(root, { recursive: true, force: true });
  });

  const freshDir = (name: string) => mkdtemp(join(root, `${name}-`));
  const copyOfCache = async () => {
    const copy = await freshDir('cache');
    await cp(warmCache, copy, { recursive: true, verbatimSymlinks: true });
    return copy;
  };
  const prepare = async (options: Partial<PrepareOptions> & { media?: Recipe['media'] } = {}): Promise<VerifiedMedia> =>
    prepareMedia({
      recipe: recipeWith(options.media ?? MEDIA),
      recipeDir: root,
      cacheDir: options.cacheDir ?? (await freshDir('cache')),
      keysDir,
      sourcesList: archive.sourcesList,
      clock: () => NOW,
      ...options,
    });
  /** An archive of its own, so that it can be spoiled. */
  const otherArchive = async (spec: Partial<ArchiveSpec>) =>
    makeArchive(await freshDir('archive'), { packages: PACKAGES, keys: [key], ...spec });

  it('gives the files of packages with the digest that was signed for, and who signed', async () => {
    const media = await prepare({ cacheDir: warmCache });
    assert.deepEqual(await readFile(media.kernel?.path ?? ''), KERNEL);
    assert.equal(media.kernel?.sha256, sha256(KERNEL));
    assert.equal(media.initrd?.sha256, sha256(INITRD));
    const proof = media.kernel?.proof;
    assert(proof?.scheme === 'debian-archive');
    assert.equal(proof.fingerprint, fingerprint(key));
    assert.equal(proof.suite, 'test');
    assert.equal(proof.releaseDate, day(-1).toISOString());
    assert.deepEqual([proof.package.package, proof.package.version], ['installer', '1:2-3']);
    assert.equal(proof.package.sha256, digestHex(sha256(await readFile(archive.deb('installer')))));
  });

  it('threat 34: keeps the signed file that vouched, by its digest', async () => {
    const proof = (await prepare({ cacheDir: warmCache })).kernel?.proof;
    assert(proof?.scheme === 'debian-archive' && proof.release);
    const kept = await readFile(join(warmCache, 'releases', `${digestHex(proof.release)}.InRelease`));
    assert.deepEqual(kept, await readFile(archive.inRelease));
  });

  it('locks the closure of a disk: what is depended on, what provides it, and the kernel of the initrd', () => {
    const names = Object.fromEntries(
      Object.entries(lock.media).map(([name, lines]) => [name, lines.map((line) => `${line.package}=${line.version}`)]),
    );
    assert.deepEqual(names, {
      kernel: ['installer=1:2-3'],
      initrd: ['installer=1:2-3'],
      parts: ['dash=5', 'libtool=2.1~rc1-1', 'linux-image-6.1.0-9-amd64=6.1.9-1', 'tool=1.0'],
    });
    for (const line of Object.values(lock.media).flat()) assert.equal(line.signedBy, fingerprint(key));
  });

  it('leaves out what is depended on where closure is false', async () => {
    const media = await prepare({ media: { parts: { packages: ['tool'], closure: false, layout: 'usb-fat' } } });
    assert.deepEqual(
      media.lock.media['parts']?.map((line) => line.package),
      ['tool'],
    );
  });

  it('takes another flavour of the kernel of the initrd where the recipe names one', async () => {
    const packages = [{ kernel_of: 'initrd', flavour: 'cloud' }];
    const media = await prepare({ media: { ...MEDIA, parts: { packages, closure: false, layout: 'usb-fat' } } });
    assert.deepEqual(
      media.lock.media['parts']?.map((line) => line.package),
      ['linux-image-6.1.0-9-cloud-amd64'],
    );
  });

  it('makes the same disk in another cache, byte for byte', async () => {
    const [one, two] = [await prepare({ cacheDir: warmCache }), await prepare()];
    assert.deepEqual(one.lock, two.lock);
    assert.notEqual(one.disks['parts']?.path, two.disks['parts']?.path);
    assert.equal(one.disks['parts']?.sha256, two.disks['parts']?.sha256);
    const bytes = await readFile(two.disks['parts']?.path ?? '');
    assert.equal(sha256(bytes), two.disks['parts']?.sha256);
    assert.deepEqual(bytes, await readFile(one.disks['parts']?.path ?? ''));
  });

  it('makes another disk when an inline file changes', async () => {
    const changed = { ...MEDIA, parts: { ...MEDIA.parts, files: { 'install.sh': 'echo two\n' } } };
    const media = await prepare({ media: changed, cacheDir: warmCache });
    assert.notEqual(media.disks['parts']?.sha256, (await prepare({ cacheDir: warmCache })).disks['parts']?.sha256);
  });

  it('puts the packages under pool/ by name and the inline files beside it', async function () {
    needPrograms(this, 'mcopy');
    const media = await prepare({ cacheDir: warmCache });
    const image = media.disks['parts']?.path ?? '';
    const { stdout } = await run('mcopy', ['-i', image, '::/install.sh', '-']);
    assert.equal(stdout, 'echo one\n');
    const listing = await run('mdir', ['-b', '-i', image, '::/pool']);
    assert.deepEqual(
      listing.stdout
        .trim()
        .split('\n')
        .map((line) => line.replace('::/pool/', ''))
        .sort(),
      ['dash.deb', 'libtool.deb', 'linux-image-6.1.0-9-amd64.deb', 'tool.deb'],
    );
  });

  it('follows a link inside of a package', async () => {
    const media = await prepare({ media: { kernel: { package: 'installer', path: 'usr/lib/inst/vmlinuz' } } });
    assert.equal(media.kernel?.sha256, sha256(KERNEL));
  });

  it('says which file a package does not have', async () => {
    const error = await refusal(
      'media/file-not-in-package',
      2,
      prepare({ media: { kernel: { package: 'installer', path: 'usr/lib/inst/bzImage' } } }),
    );
    assert.match(error.message, /usr\/lib\/inst\/bzImage/);
  });

  it('says which package is not to be had, or what a package depends on in vain', async () => {
    const none = await refusal(
      'media/package-not-found',
      5,
      prepare({ media: { parts: { packages: ['nonesuch'], layout: 'usb-fat' } } }),
    );
    assert.match(none.message, /nonesuch/);
    const { sourcesList } = await otherArchive({
      packages: [
        { name: 'tool', version: '1', depends: 'libtool (>= 3)' },
        { name: 'libtool', version: '2' },
      ],
    });
    const broken = await refusal(
      'media/dependency-not-found',
      5,
      prepare({ sourcesList, media: { parts: { packages: ['tool'], layout: 'usb-fat' } } }),
    );
    assert.match(broken.message, /libtool \(>= 3\)/);
  });

  describe('with one bit changed', () => {
    it('in InRelease, refuses it', async () => {
      const cacheDir = await copyOfCache();
      await prepare({ cacheDir });
      await spoilList(cacheDir, /_InRelease$/, (text) => text.replace('Label: Test', 'Label: Uest'));
      const error = await refusal('media/bad-signature', 3, prepare({ cacheDir, lock }));
      assert.match(error.message, new RegExp(fingerprint(key)));
    });

    it('in the Packages index of the cache, refuses it', async () => {
      const cacheDir = await copyOfCache();
      await prepare({ cacheDir });
      await spoilList(cacheDir, /_Packages/, (text) => text.replace('Version: 5', 'Version: 4'));
      const error = await refusal('media/digest-mismatch', 3, prepare({ cacheDir, lock }));
      assert.match(error.message, /Packages of test/);
    });

    it('in a package on the mirror, refuses it', async () => {
      const spoiled = await otherArchive({});
      await flipBit(spoiled.deb('installer'));
      const error = await refusal('media/download-failed', 3, prepare({ sourcesList: spoiled.sourcesList }));
      assert.match(error.message, /not what the signed index says/);
    });

    it('in a package in the cache, refuses it and names file, expected and found', async () => {
      const cacheDir = await copyOfCache();
      const good = await readFile(archive.deb('libtool'));
      const path = join(cacheDir, 'debs', `${digestHex(sha256(good))}.deb`);
      await flipBit(path);
      const error = await refusal('media/digest-mismatch', 3, prepare({ cacheDir, lock }));
      const found = digestHex(sha256(await readFile(path)));
      for (const part of [path, digestHex(sha256(good)), found]) assert(error.message.includes(part), error.message);
      assert.match(error.hint ?? '', /portalgun media fetch/);
    });

    it('in the initrd in the cache, refuses it and names file, expected and found', async () => {
      const cacheDir = await copyOfCache();
      const name = (await readdir(join(cacheDir, 'files'))).find((one) => one.endsWith('-initrd.gz')) ?? '';
      const path = join(cacheDir, 'files', name);
      await flipBit(path);
      const error = await refusal('media/digest-mismatch', 3, prepare({ cacheDir, lock }));
      for (const part of [path, digestHex(sha256(INITRD))]) assert(error.message.includes(part), error.message);
      // As the hint says.
      await rm(path);
      assert.equal((await prepare({ cacheDir, lock })).initrd?.sha256, sha256(INITRD));
    });

    it('in the disk in the cache, refuses it', async () => {
      const cacheDir = await copyOfCache();
      const { disks } = await prepare({ cacheDir, lock });
      await flipBit(disks['parts']?.path ?? '');
      await refusal('media/digest-mismatch', 3, prepare({ cacheDir, lock }));
    });
  });

  it('does not believe its notes in a cache that others may write to', async () => {
    const cacheDir = await copyOfCache();
    // Somebody swaps the initrd and the note of its digest together.
    const evil = Buffer.from('evil');
    await writeFile(join(cacheDir, 'files', `${digestHex(sha256(evil))}-linux`), evil);
    for (const note of await readdir(join(cacheDir, 'notes'))) {
      const path = join(cacheDir, 'notes', note);
      await writeFile(path, (await readFile(path, 'utf8')).replace(digestHex(sha256(KERNEL)), digestHex(sha256(evil))));
    }
    await chmod(cacheDir, 0o777);
    assert.equal((await prepare({ cacheDir, lock })).kernel?.sha256, sha256(KERNEL));
  });

  it('threat 32: refuses an archive that another key has signed', async () => {
    const { sourcesList } = await otherArchive({ keys: [await makeKey('stranger')] });
    await refusal('media/unknown-key', 3, prepare({ sourcesList }));
  });

  it('leaves a source alone that no key of keys/ claims to know, and takes nothing from it', async () => {
    const vendor = await otherArchive({
      keys: [await makeKey('vendor')],
      origin: 'Some Vendor',
      packages: [{ name: 'vendored', version: '1' }],
    });
    await refusal('media/no-verified-source', 5, prepare({ sourcesList: vendor.sourcesList }));
    const both = join(root, 'both.list');
    await writeFile(both, (await readFile(archive.sourcesList, 'utf8')) + (await readFile(vendor.sourcesList, 'utf8')));
    await refusal(
      'media/package-not-found',
      5,
      prepare({ sourcesList: both, media: { parts: { packages: ['vendored'], layout: 'usb-fat' } } }),
    );
    const media = await prepare({ sourcesList: both, media: { parts: { packages: ['dash'], layout: 'usb-fat' } } });
    assert.match(media.warnings?.join() ?? '', /left out/);
  });

  it('takes nothing from a suite that is not automatic, such as backports', async () => {
    const backports = await otherArchive({
      packages: [{ name: 'dash', version: '99' }],
      edit: (release) => `NotAutomatic: yes\n${release}`,
    });
    const both = join(root, 'backports.list');
    await writeFile(
      both,
      (await readFile(archive.sourcesList, 'utf8')) + (await readFile(backports.sourcesList, 'utf8')),
    );
    const { lock: found } = await prepare({
      sourcesList: both,
      media: { parts: { packages: ['dash'], layout: 'usb-fat' } },
    });
    assert.equal(found.media['parts']?.[0]?.version, '5');
  });

  it('refuses a file whose origin is not the one that the key is for', async () => {
    const { sourcesList } = await otherArchive({ origin: 'Debian' });
    await refusal('media/wrong-origin', 3, prepare({ sourcesList }));
  });

  it("refuses another suite's file in the place of the one that was asked for", async () => {
    const { sourcesList } = await otherArchive({ codename: 'older' });
    await refusal('media/wrong-suite', 3, prepare({ sourcesList }));
  });

  it('refuses to hold a Packages index in memory that is signed to be larger than the limit', async () => {
    const cacheDir = await copyOfCache();
    const edit = (release: string): string => release.replace(/ \d+ main\//, ` ${MAX_INDEX_BYTES + 1} main/`);
    const signed = await readFile((await otherArchive({ edit })).inRelease, 'utf8');
    await spoilList(cacheDir, /_InRelease$/, () => signed);
    await refusal('media/index-too-large', 3, prepare({ cacheDir, lock }));
  });

  describe('and time', () => {
    it('refuses an InRelease that is older than one accepted before, and accepts it where there was none', async () => {
      const cacheDir = await copyOfCache();
      const { sourcesList } = await otherArchive({ date: day(-3) });
      const error = await refusal('media/release-rollback', 3, prepare({ sourcesList, cacheDir }));
      for (const date of [day(-1), day(-3)]) assert(error.message.includes(date.toISOString()), error.message);
      // Not with a lock either.
      await rm(join(cacheDir, 'apt'), { recursive: true });
      await refusal('media/release-rollback', 3, prepare({ sourcesList, cacheDir, lock }));
      assert.ok((await prepare({ sourcesList })).kernel);
    });

    it('refuses an InRelease past its Valid-Until, unless a lock names the versions', async () => {
      const { sourcesList } = await otherArchive({ date: day(-9), validUntil: day(-2) });
      const error = await refusal('media/release-expired', 3, prepare({ sourcesList }));
      assert(error.message.includes(day(-2).toISOString()), error.message);
      assert.match((await prepare({ sourcesList, lock: undefined, clock: () => day(-3) })).lock.of, /^sha256:/);
    });

    it('accepts an InRelease past its Valid-Until for the exact versions of a lock, and warns', async () => {
      const old = await otherArchive({ date: day(-9), validUntil: day(-2) });
      const cacheDir = await freshDir('cache');
      const first = await prepare({ sourcesList: old.sourcesList, cacheDir, clock: () => day(-3) });
      const again = await prepare({ sourcesList: old.sourcesList, cacheDir, lock: first.lock });
      assert.match(again.warnings?.join() ?? '', /was valid until/);
    });

    it('refuses a Date in the future', async () => {
      const { sourcesList } = await otherArchive({ date: day(2), signedAt: day(-1) });
      await refusal('media/release-in-future', 3, prepare({ sourcesList }));
    });
  });

  describe('with a lock', () => {
    it('takes the locked version although a newer one is there', async () => {
      const spec = { packages: [...PACKAGES, { name: 'dash', version: '4' }] };
      const newer = await makeArchive(await freshDir('archive'), { packages: PACKAGES, keys: [key] });
      const more = await otherArchive({
        ...spec,
        packages: PACKAGES.map((one) => (one.name === 'dash' ? { ...one, version: '6' } : one)),
      });
      const both = join(root, 'two-versions.list');
      await writeFile(both, (await readFile(more.sourcesList, 'utf8')) + (await readFile(newer.sourcesList, 'utf8')));
      const media = { parts: { packages: ['dash'], layout: 'usb-fat' } } as const;
      const old = await prepare({ media, sourcesList: newer.sourcesList });
      assert.equal((await prepare({ media, sourcesList: both })).lock.media['parts']?.[0]?.version, '6');
      assert.deepEqual((await prepare({ media, sourcesList: both, lock: old.lock })).lock, old.lock);
    });

    it('says which locked version is gone', async () => {
      const moved = await otherArchive({
        packages: PACKAGES.map((one) => (one.name === 'libtool' ? { ...one, version: '3' } : one)),
      });
      const error = await refusal('media/locked-version-gone', 5, prepare({ sourcesList: moved.sourcesList, lock }));
      assert.match(error.message, /libtool 2\.1~rc1-1/);
      assert.deepEqual(error.facts['offered'], ['3']);
    });

    describe('whose version is gone, and a snapshot archive', () => {
      /** The present archive, in which one package has moved on, and the address of one as it was. */
      let moved: TestArchive;
      const addressOf = ({ directory }: TestArchive): string => `file:${directory} test main`;
      before(async () => {
        moved = await otherArchive({
          date: day(0),
          packages: PACKAGES.map((one) => (one.name === 'libtool' ? { ...one, version: '3' } : one)),
        });
      });

      it('takes it from there, with the digest of the lock and the key that signed it then: one lock, two days', async () => {
        const snapshots = [addressOf(archive)];
        const media = await prepare({ sourcesList: moved.sourcesList, lock, snapshots });
        assert.deepEqual(media.lock, lock);
        const proofs = media.files.flatMap(({ proof }) => (proof.scheme === 'debian-archive' ? [proof] : []));
        const gone = proofs.find(({ package: { package: name } }) => name === 'libtool');
        assert.deepEqual([gone?.package.version, gone?.releaseDate], ['2.1~rc1-1', day(-1).toISOString()]);
        // What is still offered comes from where it is offered now.
        const still = proofs.find(({ package: { package: name } }) => name === 'installer');
        assert.equal(still?.releaseDate, day(0).toISOString());
      });

      it('does not look there for anything else: without a lock the present version is taken', async () => {
        const media = await prepare({ sourcesList: moved.sourcesList, snapshots: [addressOf(archive)] });
        assert.equal(media.lock.media['parts']?.find(({ package: name }) => name === 'libtool')?.version, '3');
      });

      it('goes by the digest: the same version with other bytes is not what the lock names', async () => {
        const other = await otherArchive({
          packages: PACKAGES.map((one) => (one.name === 'libtool' ? { ...one, files: { 'usr/lib/x': 'other' } } : one)),
        });
        const options = { sourcesList: moved.sourcesList, lock, snapshots: [addressOf(other)] };
        await refusal('media/locked-digest-differs', 3, prepare(options));
      });

      it('refuses what is signed by a stranger, and says that it is gone where nobody has it', async () => {
        const stranger = await otherArchive({ keys: [await makeKey('stranger')] });
        const options = { sourcesList: moved.sourcesList, lock };
        await refusal('media/lists-not-updated', 3, prepare({ ...options, snapshots: [addressOf(stranger)] }));
        const error = await refusal(
          'media/locked-version-gone',
          5,
          prepare({ ...options, snapshots: [`file:${root}/nowhere test main`] }),
        );
        assert.match(error.message, /libtool 2\.1~rc1-1.*snapshot archives could not be asked/);
        await refusal('media/locked-version-gone', 5, prepare({ ...options, snapshots: [addressOf(moved)] }));
      });
    });

    it('refuses a locked digest that is not in the signed index', async () => {
      const parts = lock.media['parts'] ?? [];
      const forged = {
        ...lock,
        media: { ...lock.media, parts: parts.map((line) => ({ ...line, sha256: '0'.repeat(64) })) },
      };
      await refusal('media/locked-digest-differs', 3, prepare({ cacheDir: warmCache, lock: forged }));
    });

    it('refuses a package in the lock that the recipe does not ask for', async () => {
      const extra =
        (await prepare({ cacheDir: warmCache, media: { parts: { packages: ['unrelated'], layout: 'usb-fat' } } })).lock
          .media['parts'] ?? [];
      const padded = { ...lock, media: { ...lock.media, parts: [...(lock.media['parts'] ?? []), ...extra] } };
      const error = await refusal('media/lock-extra', 3, prepare({ cacheDir: warmCache, lock: padded }));
      assert.match(error.message, /unrelated/);
    });

    it('says so when the lock was made for other media', async () => {
      await refusal('media/lock-stale', 2, prepare({ cacheDir: warmCache, lock: { ...lock, of: sha256('other') } }));
    });

    it('works without the mirror once everything is in the cache', async () => {
      const gone = await otherArchive({});
      const cacheDir = await freshDir('cache');
      const first = await prepare({ sourcesList: gone.sourcesList, cacheDir });
      // apt may keep links to an archive that is on this machine: keep what they lead to.
      await spoilList(cacheDir, /_(?:InRelease|Packages)/, (text) => text);
      await rm(join(gone.directory, 'pool'), { recursive: true });
      await rm(join(gone.directory, 'dists'), { recursive: true });
      const again = await prepare({ sourcesList: gone.sourcesList, cacheDir, lock: first.lock });
      assert.deepEqual(again.lock, first.lock);
    });
  });

  it('says what to run when the mirror does not answer, and does not name the mirror', async () => {
    const sourcesList = join(root, 'nowhere.list');
    await writeFile(sourcesList, 'deb [trusted=yes] http://127.0.0.1:9/debian test main\n');
    const error = await refusal('media/lists-not-updated', 5, prepare({ sourcesList }));
    assert.match(error.hint ?? '', /apt-get update/);
    assert.doesNotMatch(JSON.stringify([error.message, error.hint, error.facts]), /127\.0\.0\.1/);
  });

  it('goes on with old lists where there are no newer ones to be had, and says so', async () => {
    const { sourcesList, directory } = await otherArchive({});
    const cacheDir = await freshDir('cache');
    const media = { parts: { packages: ['dash'], layout: 'usb-fat' } } as const;
    await prepare({ sourcesList, cacheDir, media });
    await spoilList(cacheDir, /_(?:InRelease|Packages)/, (text) => text);
    await rm(join(directory, 'dists'), { recursive: true });
    const again = await prepare({ sourcesList, cacheDir, media, clock: () => day(1) });
    assert.match(again.warnings?.join() ?? '', /could not be renewed/);
  });

  it('says that there is no apt where there is none', async () => {
    const path = process.env['PATH'];
    process.env['PATH'] = join(root, 'empty');
    try {
      const error = await refusal('media/tool-missing', 5, prepare());
      assert.match(error.message, /apt-get/);
    } finally {
      process.env['PATH'] = path;
    }
  });

  it('lets two builds fill one cache at the same time', async () => {
    const cacheDir = await freshDir('cache');
    const both = await Promise.all([prepare({ cacheDir }), prepare({ cacheDir }), prepare({ cacheDir })]);
    for (const media of both) assert.deepEqual([media.lock, media.disks], [both[0]?.lock, both[0]?.disks]);
    await prepare({ cacheDir, lock: both[0]?.lock });
    for (const folder of ['files', 'debs', 'disks', 'apt', '']) {
      assert.deepEqual(
        (await readdir(join(cacheDir, folder))).filter((name) => name.startsWith('.tmp-')),
        [],
      );
    }
  });

  it('stops when it is told to', async () => {
    const signal = AbortSignal.abort();
    await refusal('interrupted', 130, prepare({ signal }));
    for (const where of [
      'package lists',
      '4 packages',
      'package installer',
      'unpacking linux',
      'checking tool',
      'disk parts',
    ]) {
      const stop = new AbortController();
      const cacheDir = await freshDir('cache');
      const onProgress = ({ what }: { what: string }) => (what === where ? stop.abort() : undefined);
      await refusal('interrupted', 130, prepare({ cacheDir, signal: stop.signal, onProgress }));
      // What is half done is not taken for done.
      assert.deepEqual(
        (await prepare({ cacheDir })).disks['parts']?.sha256,
        (await prepare({ cacheDir: warmCache })).disks['parts']?.sha256,
      );
    }
  });

  it('tells how far it is', async () => {
    const seen: string[] = [];
    await prepare({
      onProgress: ({ what, done, total }) => (assert(total === 0 || done <= total, what), seen.push(what)),
    });
    for (const what of ['checking installer', 'unpacking initrd.gz', 'disk parts']) assert(seen.includes(what), what);
  });

  it('says when the disk is full', async function () {
    const cacheDir = await freshDir('full');
    await mountSmallDisk(this, cacheDir, '96k');
    try {
      const error = await refusal('media/disk-full', 5, prepare({ cacheDir }));
      assert.match(error.hint ?? '', /free some space/);
    } finally {
      await run('umount', [cacheDir]);
    }
  });

  describe('for our own use', () => {
    it('gives verified packages and what is in them', async () => {
      const prepared = await preparePackages({
        packages: ['installer', 'tool'],
        closure: true,
        cacheDir: warmCache,
        keysDir,
        sourcesList: archive.sourcesList,
        clock: () => NOW,
      });
      assert.deepEqual(
        prepared.packages.map((line) => line.package),
        ['dash', 'installer', 'libtool', 'tool'],
      );
      const installer = prepared.debs[1];
      assert(installer);
      const found: Record<string, unknown> = {};
      for await (const entry of unpackPackage(installer, (path) => path.startsWith('usr/lib/inst'))) {
        const chunks: Uint8Array[] = [];
        if (entry.path.endsWith('linux')) for await (const chunk of entry.content) chunks.push(chunk);
        found[entry.path] = [entry.type, entry.linkTarget ?? Buffer.concat(chunks).length];
      }
      assert.deepEqual(found, {
        'usr/lib/inst': ['directory', 0],
        'usr/lib/inst/linux': ['file', KERNEL.length],
        'usr/lib/inst/initrd.gz': ['file', 0],
        'usr/lib/inst/vmlinuz': ['symlink', 'linux'],
      });
      const again = await preparePackages({
        packages: ['installer', 'tool'],
        closure: true,
        locked: prepared.packages,
        cacheDir: warmCache,
        keysDir,
        sourcesList: archive.sourcesList,
        clock: () => NOW,
      });
      assert.deepEqual(again.packages, prepared.packages);
    });
  });

  describe('with local files', () => {
    let recipeDir: string;
    const bytes = Buffer.from('an iso');
    const hex = digestHex(sha256(bytes));
    before(async () => {
      recipeDir = await freshDir('recipe');
      await mkdir(join(recipeDir, 'media'));
      await writeFile(join(recipeDir, 'media', 'local.iso'), bytes);
      await writeFile(join(dirname(recipeDir), 'secret'), 'not for recipes');
      await symlink('../../secret', join(recipeDir, 'media', 'link.iso'));
      await symlink('local.iso', join(recipeDir, 'media', 'inner.iso'));
    });
    const iso = (medium: Record<string, unknown>) =>
      prepare({ recipeDir, media: { iso: { file: 'media/local.iso', ...medium } } });

    it('checks the digest', async () => {
      const media = await iso({ sha256: hex });
      assert.deepEqual([media.iso?.sha256, media.iso?.proof.scheme], [`sha256:${hex}`, 'digest']);
      assert.equal((await iso({ sha256: hex, file: 'media/inner.iso' })).iso?.sha256, `sha256:${hex}`);
      await refusal('media/digest-mismatch', 3, iso({ sha256: '1'.repeat(64) }));
      await refusal('media/digest-mismatch', 3, iso({ sha256: '1'.repeat(64), unverified: 'allow' }));
    });

    it('takes a file without a digest only where the recipe says so, and the proof shows it', async () => {
      await refusal('media/local-digest-needed', 2, iso({}));
      assert.equal((await iso({ unverified: 'allow' })).iso?.proof.scheme, 'unverified');
    });

    for (const file of ['../secret', 'media/../../secret', '/etc/passwd', 'media/link.iso', 'media\\..\\secret', '']) {
      it(`refuses to reach outside of the recipe's folder: ${JSON.stringify(file)}`, () =>
        refusal('media/local-path', 3, iso({ file, sha256: hex })));
    }

    it('says which file is missing', async () => {
      const error = await refusal('media/local-missing', 5, iso({ file: 'media/none.iso', sha256: hex }));
      assert.match(error.message, /none\.iso/);
    });
  });

  it('refuses media in the wrong places', async () => {
    await refusal('media/not-a-disk', 2, prepare({ media: { tools: { package: 'tool', path: 'usr/bin/tool' } } }));
    await refusal('media/not-a-file', 2, prepare({ media: { kernel: { packages: ['tool'], layout: 'usb-fat' } } }));
    await refusal(
      'media/kernel-of-what',
      2,
      prepare({ media: { parts: { packages: [{ kernel_of: 'iso' }], layout: 'usb-fat' } } }),
    );
  });

  it('refuses an inline file over the limit, and takes one at it', async () => {
    const disk = (size: number) =>
      prepare({ media: { parts: { packages: ['dash'], files: { 'a.sh': 'x'.repeat(size) }, layout: 'usb-fat' } } });
    await refusal('media/inline-file-too-large', 2, disk(16 * 1024 + 1));
    assert.ok((await disk(16 * 1024)).disks['parts']);
  });

  describe('what the machine adds', () => {
    const FIRMWARE = { 'usr/share/OVMF/OVMF_CODE_4M.fd': 'code', 'usr/share/OVMF/OVMF_VARS_4M.fd': 'variables' };
    const packages: readonly TestPackage[] = [
      ...PACKAGES,
      { name: 'ovmf', version: '2022', architecture: 'all', files: FIRMWARE },
      { name: 'tool', version: '1.0', architecture: 'i386', files: { 'usr/bin/tool': '#!/bin/sh -32\n' } },
    ];
    let wide: TestArchive;
    before(async () => {
      wide = await otherArchive({ packages });
    });
    const prepareFor = (machine: Partial<Recipe['machine']>, more: Partial<PrepareOptions> = {}) =>
      prepare({
        recipe: recipeWith({ parts: { packages: ['tool'], closure: false, layout: 'usb-fat' } }, machine),
        sourcesList: wide.sourcesList,
        ...more,
      });

    it('is its firmware, locked and verified like any package', async () => {
      const media = await prepareFor({ firmware: 'uefi' });
      assert.equal(await readFile(media.firmware?.code.path ?? '', 'utf8'), 'code');
      assert.equal(await readFile(media.firmware?.variables.path ?? '', 'utf8'), 'variables');
      assert.deepEqual(
        media.lock.media['firmware']?.map((line) => line.package),
        ['ovmf'],
      );
      assert.ok(media.files.some(({ proof }) => proof.scheme === 'debian-archive' && proof.package.package === 'ovmf'));
      assert.equal((await prepareFor({})).firmware, undefined);
      const locked = await prepareFor({ firmware: 'uefi' }, { lock: media.lock });
      assert.equal(locked.firmware?.code.sha256, media.firmware?.code.sha256);
      await refusal('media/lock-stale', 2, prepareFor({}, { lock: media.lock }));
    });

    it('is the architecture of its packages', async () => {
      const cacheDir = await freshDir('cache');
      const small = await prepareFor({ arch: 'i386' }, { cacheDir });
      assert.deepEqual(
        small.lock.media['parts']?.map((line) => [line.package, line.architecture]),
        [['tool', 'i386']],
      );
      const large = await prepareFor({}, { cacheDir });
      assert.equal(large.lock.media['parts']?.[0]?.architecture, 'amd64');
      assert.notEqual(large.disks['parts']?.sha256, small.disks['parts']?.sha256);
      await refusal('media/lock-stale', 2, prepareFor({ arch: 'i386' }, { cacheDir, lock: large.lock }));
    });
  });

  it('has nothing of the mirror in what it hands out', async () => {
    const media = await prepare({ cacheDir: warmCache });
    assert(!JSON.stringify(media).includes(archive.directory));
  });
});

/** Rewrites what apt has brought, as an apt would that lies; uncompressed, which it takes as well. */
async function spoilList(cacheDir: string, name: RegExp, change: (text: string) => string): Promise<void> {
  const lists = join(cacheDir, 'apt', 'current', 'lists');
  const found = (await readdir(lists)).filter((one) => name.test(one));
  assert(found.length > 0, `no list ${name} in ${(await readdir(lists)).join(', ')}`);
  for (const one of found) {
    const path = join(lists, one);
    const { stdout } = await run('/usr/lib/apt/apt-helper', ['cat-file', path]);
    await rm(path);
    await writeFile(path.replace(/(Packages)\.[a-z0-9]+$/, '$1'), change(stdout));
  }
}

function recipeWith(media: Recipe['media'], machine: Partial<Recipe['machine']> = {}): ResolvedRecipe {
  // Only recipe/ can make a resolved recipe; what is looked at here is its media and its machine.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { recipe: { media, machine: { arch: 'x86_64', memory: '64M', ...machine } } } as unknown as ResolvedRecipe;
}
