/** A Debian archive by its address, on loopback: the same verdicts as with apt, without apt. */
import assert from 'node:assert/strict';
import { appendFile, mkdtemp, readdir, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestHex, sha256 } from '../../../src/crypto/digest.ts';
import { mediaDigest } from '../../../src/recipe/digest.ts';
import type { ArchiveAddress, Recipe, ResolvedRecipe } from '../../../src/recipe/types.ts';
import { MAX_INDEX_BYTES } from '../../../src/workshop/media/limits.ts';
import { prepareMedia, type PrepareOptions, type VerifiedMedia } from '../../../src/workshop/media/index.ts';
import { needPrograms } from '../../support/skip.ts';
import { refusal } from './refusal.ts';
import {
  day,
  fingerprint,
  leaveLitter,
  litter,
  makeArchive,
  makeKey,
  NOW,
  writeKeys,
  type ArchiveSpec,
  type TestArchive,
  type TestKey,
} from './test-archive.ts';
import { startHost, type TestHost } from './test-host.ts';

const KERNEL = Buffer.alloc(70_000, 'kernel ');
const PACKAGES = [
  { name: 'installer', version: '1:2-3', files: { 'usr/lib/inst/linux': KERNEL } },
  { name: 'tool', version: '1.0', depends: 'libtool (>= 2)', files: { 'usr/bin/tool': '#!/bin/sh\n' } },
  { name: 'libtool', version: '2.1~rc1-1' },
] as const;
const MEDIA = {
  kernel: { package: 'installer', path: 'usr/lib/inst/linux' },
  parts: { packages: ['tool'], layout: 'usb-fat' },
} as const;

describe('a package archive by its address', function () {
  this.timeout(60_000);
  let root: string;
  let key: TestKey;
  let keysDir: string;
  let archive: TestArchive;
  let host: TestHost;
  let cacheDir: string;

  before(async function () {
    needPrograms(this, 'dpkg-deb');
    root = await mkdtemp(join(tmpdir(), 'pg-http-archive-'));
    key = await makeKey('archive');
    keysDir = join(root, 'keys');
    await writeKeys(keysDir, [key]);
    archive = await makeArchive(join(root, 'archive'), { packages: PACKAGES, keys: [key] });
  });
  after(async () => {
    if (root) await rm(root, { recursive: true, force: true });
  });
  beforeEach(async () => {
    host = await startHost();
    cacheDir = await mkdtemp(join(root, 'cache-'));
    await put(archive);
  });
  afterEach(() => host.close());

  /** All of an archive on the host, in the place of what was there. */
  async function put({ directory }: TestArchive): Promise<void> {
    host.files.clear();
    for (const entry of await readdir(directory, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const file = join(entry.parentPath, entry.name);
      host.files.set(`/debian${file.slice(directory.length)}`, await readFile(file));
    }
  }
  const other = async (spec: Partial<ArchiveSpec>): Promise<TestArchive> =>
    makeArchive(await mkdtemp(join(root, 'archive-')), { packages: PACKAGES, keys: [key], ...spec });
  const address = (): ArchiveAddress => ({ url: host.url('/debian'), suite: 'test', components: ['main'] });
  const prepare = (
    options: Partial<PrepareOptions> & { archives?: readonly ArchiveAddress[] } = {},
  ): Promise<VerifiedMedia> =>
    prepareMedia({
      recipe: recipeOf(),
      recipeDir: root,
      cacheDir,
      keysDir,
      clock: () => NOW,
      archives: [address()],
      ...options,
    });

  it('gives the same files, locks and proofs as apt does', async function () {
    needPrograms(this, 'apt-get');
    const byApt = await prepareMedia({
      recipe: recipeOf(),
      recipeDir: root,
      cacheDir: await mkdtemp(join(root, 'cache-')),
      keysDir,
      clock: () => NOW,
      sourcesList: archive.sourcesList,
    });
    const byAddress = await prepare();
    assert.deepEqual(byAddress.lock, byApt.lock);
    assert.equal(byAddress.disks['parts']?.sha256, byApt.disks['parts']?.sha256);
    assert.deepEqual(
      byAddress.files.map(({ proof }) => proof),
      byApt.files.map(({ proof }) => proof),
    );
    const proof = byAddress.kernel?.proof;
    assert(proof?.scheme === 'debian-archive' && proof.fingerprint === fingerprint(key));
  });

  it('needs no apt on this machine', async () => {
    const bin = await mkdtemp(join(root, 'bin-'));
    const before = process.env['PATH'] ?? '';
    for (const tool of ['dpkg-deb', 'tar', 'gzip', 'xz']) {
      for (const folder of before.split(delimiter)) {
        if (!(await readdir(folder).catch((): string[] => [])).includes(tool)) continue;
        await symlink(join(folder, tool), join(bin, tool)).catch(() => undefined);
      }
    }
    process.env['PATH'] = bin;
    try {
      assert.equal((await prepare()).kernel?.sha256, sha256(KERNEL));
    } finally {
      process.env['PATH'] = before;
    }
  });

  it('is asked for the signed file first, and in the next build, soon, for nothing', async () => {
    const { lock } = await prepare();
    assert.deepEqual(host.asked, [
      '/debian/dists/test/InRelease',
      '/debian/dists/test/main/binary-amd64/Packages',
      '/debian/pool/installer.deb',
      '/debian/pool/libtool.deb',
      '/debian/pool/tool.deb',
    ]);
    host.asked.length = 0;
    await prepare();
    assert.deepEqual(host.asked, []);
    // A day later the lists are old; with a lock, and nobody there, what is here does.
    const later = (): Date => day(1);
    await prepare({ clock: later });
    assert.deepEqual(host.asked, ['/debian/dists/test/InRelease']);
    await host.close();
    assert.equal((await prepare({ clock: later, lock })).kernel?.sha256, sha256(KERNEL));
    const fresh = await mkdtemp(join(root, 'cache-'));
    await refusal('media/lists-not-updated', 5, prepare({ lock, cacheDir: fresh }));
  });

  it('stopped between two packages is asked for the second alone the next time', async () => {
    const stop = new AbortController();
    const tool = host.files.get('/debian/pool/tool.deb');
    assert(tool instanceof Buffer);
    host.files.set('/debian/pool/tool.deb', () => stop.abort());
    await refusal('interrupted', 130, prepare({ signal: stop.signal }));
    host.files.set('/debian/pool/tool.deb', tool);
    host.asked.length = 0;
    await prepare();
    assert.deepEqual(host.asked, ['/debian/pool/tool.deb']);
  });

  it('is asked again under a lock where newer lists of the same archive came by another way', async () => {
    const { lock } = await prepare();
    await put(await other({ date: day(0) }));
    for (const [path, file] of host.files) host.files.set(path.replace('/debian/', '/mirror/'), file);
    await prepare({ archives: [{ ...address(), url: host.url('/mirror') }] });
    assert.equal((await prepare({ lock })).kernel?.sha256, sha256(KERNEL));
  });

  it('says which index was changed in the cache, and fetches it again once it is deleted', async () => {
    const { lock } = await prepare();
    const index = join(cacheDir, 'downloads', digestHex(sha256(await readFile(archive.packages))));
    await appendFile(index, '\n');
    const error = await refusal('media/digest-mismatch', 3, prepare({ lock }));
    assert.match(error.hint ?? '', new RegExp(`^delete ${index} `));
    await rm(index);
    assert.equal((await prepare({ lock })).kernel?.sha256, sha256(KERNEL));
  });

  it('has its index compressed, and by its digest where it offers that', async () => {
    const plain = await readFile(archive.packages);
    const packed = gzipSync(plain);
    const name = 'main/binary-amd64/Packages.gz';
    await put(
      await other({
        edit: (release) =>
          `${release.replace('Components:', 'Acquire-By-Hash: yes\nComponents:')} ${digestHex(sha256(packed))} ${packed.length} ${name}\n`,
      }),
    );
    const path = `/debian/dists/test/main/binary-amd64/by-hash/SHA256/${digestHex(sha256(packed))}`;
    host.files.set(path, packed);
    assert.equal((await prepare()).kernel?.sha256, sha256(KERNEL));
    assert.equal(host.asked[1], path);
  });

  it('threat 32: that serves another index or package is named, and nothing of it is kept', async () => {
    for (const path of ['/debian/dists/test/main/binary-amd64/Packages', '/debian/pool/tool.deb']) {
      const good = host.files.get(path);
      assert(good instanceof Buffer);
      const bad = Buffer.from(good);
      bad.writeUInt8(bad.readUInt8(bad.length - 3) ^ 1, bad.length - 3);
      const cache = await mkdtemp(join(root, 'cache-'));
      host.files.set(path, bad);
      const error = await refusal('media/served-wrong', 3, prepare({ cacheDir: cache }));
      assert.match(error.message, new RegExp(`^${host.host} serves another file .*${digestHex(sha256(bad))}`));
      assert.deepEqual(await readdir(join(cache, 'partial')), []);
      host.files.set(path, Buffer.concat([good, good]));
      await refusal('media/served-other-size', 3, prepare({ cacheDir: cache }));
      host.files.set(path, good);
      assert.equal((await prepare({ cacheDir: cache })).kernel?.sha256, sha256(KERNEL));
    }
  });

  it('threat 32: that goes back in time is refused, and what was there before still serves', async () => {
    await put(await other({ date: day(-1) }));
    await prepare();
    await put(await other({ date: day(-3) }));
    const later = (): Date => day(1);
    const error = await refusal('media/release-rollback', 3, prepare({ clock: later }));
    assert.match(error.message, new RegExp(`${day(-3).toISOString()}.*${day(-1).toISOString()}`));
    await prepare();
    await put(await other({ date: day(0) }));
    await prepare({ clock: later });
  });

  it('threat 32: that has run out, is another suite, or is signed by a stranger is refused before its index is asked for', async () => {
    const cases: readonly (readonly [code: string, spec: Partial<ArchiveSpec>])[] = [
      ['media/release-expired', { date: day(-9), validUntil: day(-2) }],
      ['media/wrong-suite', { codename: 'other' }],
      ['media/wrong-origin', { origin: 'Somebody' }],
      ['media/unknown-key', { keys: [await makeKey('stranger')] }],
      ['media/unknown-key', { keys: [await makeKey('stranger')], origin: 'Somebody' }],
    ];
    for (const [code, spec] of cases) {
      await put(await other(spec));
      host.asked.length = 0;
      await refusal(code, 3, prepare({ cacheDir: await mkdtemp(join(root, 'cache-')) }));
      assert.deepEqual(host.asked, ['/debian/dists/test/InRelease'], code);
    }
  });

  it('of a recipe goes before that of the machine, and is part of what its lock is of', async () => {
    const recipe = recipeOf([address()]);
    const media = await prepare({ recipe, archives: [{ ...address(), url: 'http://127.0.0.1:1/none' }] });
    assert.equal(media.kernel?.sha256, sha256(KERNEL));
    assert.notEqual(mediaDigest(recipe.recipe), mediaDigest(recipeOf().recipe));
    await refusal('media/lock-stale', 2, prepare({ lock: media.lock }));
  });

  it('threat 38: of somebody else’s recipe is not on this machine; the person’s own may be', async () => {
    await refusal('media/private-address', 3, prepare({ recipe: recipeOf([address()]), publicOnly: true }));
    assert.deepEqual(host.asked, []);
    await prepare({ publicOnly: true });
  });

  it('leaves nothing behind of a process that was killed while it wrote, in no folder of the cache', async () => {
    await prepare();
    await leaveLitter(cacheDir);
    await prepare();
    // Into these nothing is written under another name first.
    assert.deepEqual(await litter(cacheDir), ['hosts', 'marks', 'partial']);
  });

  it('without the component that is asked for says so', async () => {
    await refusal('media/no-such-component', 2, prepare({ archives: [{ ...address(), components: ['contrib'] }] }));
  });

  it('tells its host before it is spoken to for the first time', async () => {
    const told: string[] = [];
    await prepare({ onHost: (name) => void told.push(`${name} after ${host.asked.length}`) });
    assert.deepEqual(told, [`${host.host} after 0`]);
  });

  it('whose index is signed to be larger than is held in memory is not asked for it', async () => {
    const tooLarge = ` ${MAX_INDEX_BYTES + 1} main/`;
    await put(await other({ edit: (release) => release.replace(/ \d+ main\//, tooLarge) }));
    const error = await refusal('media/index-too-large', 3, prepare());
    assert.equal(error.facts['sizeBytes'], MAX_INDEX_BYTES + 1);
    assert.deepEqual(host.asked, ['/debian/dists/test/InRelease']);
  });

  it('cannot name a package’s file outside of itself', async () => {
    for (const filename of ['../../x.deb', '/x.deb', 'pool/../../x.deb', 'pool/./x.deb']) {
      const spoiled = await other({});
      const text = (await readFile(spoiled.packages, 'utf8')).replaceAll('pool/installer.deb', filename);
      const list = ` ${digestHex(sha256(text))} ${text.length} main/binary-amd64/Packages`;
      await put(await other({ edit: (release) => release.replace(/ [0-9a-f]{64} \d+ main.*/, list) }));
      host.files.set('/debian/dists/test/main/binary-amd64/Packages', text);
      await refusal('media/index-malformed', 3, prepare({ cacheDir: await mkdtemp(join(root, 'cache-')) }));
    }
  });
});

function recipeOf(archives?: readonly ArchiveAddress[]): ResolvedRecipe {
  const recipe: Recipe = {
    recipe: 1,
    name: 'test',
    version: '1.0.0',
    ...(archives && { archives }),
    media: MEDIA,
    machine: { arch: 'x86_64', memory: '64M' },
    steps: [{ id: 'x', expect: { text: 'x' } }],
  };
  return { recipe, of: { recipe }, params: {}, digest: sha256('x') } as unknown as ResolvedRecipe;
}
