/** Media by their address, each signed the way a distribution does it, from a host on loopback. */
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { digestHex, sha256 } from '../../../src/crypto/digest.ts';
import { diffLocks, formatLock, lockDigest, parseLock } from '../../../src/recipe/lock.ts';
import type { Lock, Recipe, ResolvedRecipe, UrlFile } from '../../../src/recipe/types.ts';
import { prepareMedia, type PrepareOptions, type VerifiedMedia } from '../../../src/workshop/media/index.ts';
import { needPrograms } from '../../support/skip.ts';
import { refusal } from './refusal.ts';
import { minisign, minisignKey, numbered, signify, signifyKey, type ToolKey } from './signing-tools.ts';
import {
  clearsign,
  day,
  fingerprint,
  flipBit,
  leaveLitter,
  litter,
  makeKey,
  NOW,
  revoke,
  type TestKey,
} from './test-archive.ts';
import { breakOff, startHost, type TestHost } from './test-host.ts';

const ISO = randomBytes(200_000);
const hash = (algorithm: string, bytes: Buffer = ISO): string => createHash(algorithm).update(bytes).digest('hex');

describe('media by their address', function () {
  this.timeout(60_000);
  let root: string;
  let keysDir: string;
  let key: TestKey;
  let stranger: TestKey;
  let openbsd: ToolKey;
  let zig: ToolKey;
  let host: TestHost;
  let cacheDir: string;

  before(async function () {
    needPrograms(this, 'signify-openbsd', 'minisign');
    root = await mkdtemp(join(tmpdir(), 'pg-url-'));
    [key, stranger] = [await makeKey('good'), await makeKey('stranger')];
    [openbsd, zig] = [await signifyKey(), await minisignKey()];
    keysDir = await keysFolder(key);
  });
  after(async () => {
    if (root) await rm(root, { recursive: true, force: true });
  });
  beforeEach(async () => {
    host = await startHost();
    cacheDir = await mkdtemp(join(root, 'cache-'));
    host.files.set('/d.iso', ISO);
  });
  afterEach(() => host.close());

  async function keysFolder(distribution: TestKey): Promise<string> {
    const folder = await mkdtemp(join(root, 'keys-'));
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, 'd.asc'), distribution.public.armor());
    await writeFile(join(folder, 'o.pub'), openbsd.public);
    await writeFile(join(folder, 'z.pub'), zig.public);
    const lines = [
      'manifest: 1',
      'keys:',
      `  - { file: d.asc, fingerprint: ${fingerprint(distribution)}, owner: "a distribution", name: distro }`,
      `  - { file: o.pub, kind: signify, fingerprint: ${numbered('signify', openbsd).fingerprint}, owner: o, name: openbsd }`,
      `  - { file: z.pub, kind: minisign, fingerprint: ${numbered('minisign', zig).fingerprint}, owner: z, name: zig }`,
    ];
    await writeFile(join(folder, 'manifest.yaml'), `${lines.join('\n')}\n`);
    return folder;
  }

  const prepare = (iso: UrlFile, options: Partial<PrepareOptions> = {}): Promise<VerifiedMedia> =>
    prepareMedia({ recipe: recipeOf(iso), recipeDir: root, cacheDir, keysDir, clock: () => NOW, ...options });

  const detach = async (content: Uint8Array, armored: boolean, by = key, date = day(-1)): Promise<Buffer> => {
    const message = await openpgp.createMessage({ binary: content });
    const common = { message, signingKeys: by.private, date, detached: true } as const;
    return armored
      ? Buffer.from(await openpgp.sign({ ...common, format: 'armored' }))
      : Buffer.from(await openpgp.sign({ ...common, format: 'binary' }));
  };
  const url = (path = '/d.iso'): string => host.url(path);
  const debianList = (iso: Buffer = ISO): Buffer =>
    Buffer.from(`${hash('sha512', iso)}  d.iso\n${hash('sha512', Buffer.from('x'))}  e.iso\n`);

  /** Puts the list and its signature on the host, as Debian does. */
  async function debian(list = debianList(), by = key, date = day(-1)): Promise<UrlFile> {
    host.files.set('/SHA512SUMS', list);
    host.files.set('/SHA512SUMS.sign', await detach(list, true, by, date));
    return {
      url: url(),
      checksums: { url: url('/SHA512SUMS'), signature: url('/SHA512SUMS.sign') },
      signed_by: 'distro',
    };
  }

  const FORMS: Readonly<Record<string, () => Promise<UrlFile>>> = {
    'as Debian signs: SHA512SUMS, armored signature': () => debian(),
    'as Ubuntu signs: SHA256SUMS with a star, binary signature': async () => {
      const list = Buffer.from(`${hash('sha256')} *d.iso\n`);
      host.files.set('/SHA256SUMS', list);
      host.files.set('/SHA256SUMS.gpg', await detach(list, false));
      const checksums = { url: url('/SHA256SUMS'), signature: url('/SHA256SUMS.gpg') };
      return { url: url(), checksums, signed_by: fingerprint(key) };
    },
    'as Fedora signs: a cleartext-signed CHECKSUM with sizes': async () => {
      const list = `# d.iso: ${ISO.length} bytes\nSHA256 (d.iso) = ${hash('sha256')}\n`;
      host.files.set('/CHECKSUM', await clearsign(list, [key], day(-1)));
      return { url: url(), checksums: { url: url('/CHECKSUM') }, signed_by: 'distro' };
    },
    'as OpenBSD signs: SHA256.sig': async () => {
      host.files.set('/SHA256.sig', await signify(Buffer.from(`SHA256 (d.iso) = ${hash('sha256')}\n`), openbsd, true));
      return { url: url(), checksums: { url: url('/SHA256.sig') }, signed_by: 'openbsd' };
    },
    'a list in a folder of its own, signed by minisign': async () => {
      const list = Buffer.from(`${hash('sha256')}  ./iso/d.iso\n`);
      host.files.set('/sums', list);
      host.files.set('/sums.minisig', await minisign(list, zig, false));
      const checksums = { url: url('/sums'), signature: url('/sums.minisig'), name: 'iso/d.iso' };
      return { url: url(), checksums, signed_by: 'zig' };
    },
    'the file itself, signed by OpenPGP': async () => {
      host.files.set('/d.iso.sig', await detach(ISO, false));
      return { url: url(), signature: url('/d.iso.sig'), signed_by: 'distro' };
    },
    'the file itself, signed by minisign': async () => {
      host.files.set('/d.iso.minisig', await minisign(ISO, zig, false));
      return { url: url(), signature: url('/d.iso.minisig'), signed_by: 'zig', size: ISO.length };
    },
  };

  for (const [what, put] of Object.entries(FORMS)) {
    it(`are fetched, verified and locked, ${what}`, async () => {
      const medium = await put();
      const media = await prepare(medium);
      const { iso, lock } = media;
      assert(iso);
      assert.deepEqual(await readFile(iso.path), ISO);
      assert.equal(iso.sha256, sha256(ISO));
      assert('fingerprint' in iso.proof && iso.proof.scheme !== 'debian-archive');
      assert.equal(lock.files?.['iso']?.sha256, digestHex(sha256(ISO)));
      assert.equal(lock.files?.['iso']?.signedBy, iso.proof.fingerprint);
      assert.deepEqual(parseLock(formatLock(lock)), lock);
      // Threat 34: what vouched is kept, by its digest.
      for (const [digest, kind] of [
        [iso.proof.list, 'checksums'],
        [iso.proof.signature, 'signature'],
      ] as const) {
        if (digest === undefined) continue;
        assert.equal(sha256(await readFile(join(cacheDir, 'releases', `${digestHex(digest)}.${kind}`))), digest);
      }
      // With the lock, and with no host to ask.
      await host.close();
      const again = await prepare(medium, { lock });
      assert.deepEqual([again.iso?.path, again.lock], [iso.path, lock]);
      await flipBit(iso.path);
      await refusal('media/digest-mismatch', 3, prepare(medium, { lock })).catch(async (error: unknown) => {
        // Where the signature is over the file itself, a changed file in the cache is fetched anew.
        if (medium.signature === undefined) throw error;
        await refusal('media/unreachable', 5, prepare(medium, { lock }));
      });
    });
  }

  it('are asked for once: the second time only what was signed is', async () => {
    const medium = await debian();
    await prepare(medium);
    host.asked.length = 0;
    await prepare(medium);
    assert.deepEqual(host.asked, ['/SHA512SUMS', '/SHA512SUMS.sign']);
    await host.close();
    const media = await prepare(medium);
    assert.match(media.warnings?.join() ?? '', /SHA512SUMS .* could not be renewed/);
  });

  it('under a lock: a signature that did not hold is asked for again, and is no evidence', async () => {
    const medium = await FORMS['the file itself, signed by OpenPGP']!();
    const { lock } = await prepare(medium);
    const good = host.files.get('/d.iso.sig')!;
    const fresh = await mkdtemp(join(root, 'cache-'));
    host.files.set('/d.iso.sig', '<html>Welcome to our hotel</html>');
    await refusal('media/signature-malformed', 3, prepare(medium, { lock, cacheDir: fresh }));
    assert.deepEqual(await readdir(join(fresh, 'releases')).catch(() => []), []);
    host.files.set('/d.iso.sig', good);
    assert.equal((await prepare(medium, { lock, cacheDir: fresh })).iso?.sha256, sha256(ISO));
  });

  it('under a lock: a locked file whose signature is refused now is kept, and only a signature is asked for', async () => {
    const medium = await FORMS['the file itself, signed by OpenPGP']!();
    const { iso, lock } = await prepare(medium);
    assert(iso);
    const revoked = await keysFolder(await revoke(key, day(-10)));
    for (const run of ['once', 'and at the next run']) {
      host.asked.length = 0;
      await refusal('media/revoked-key', 3, prepare(medium, { lock, keysDir: revoked }));
      assert.deepEqual(host.asked, ['/d.iso.sig'], run);
      assert.deepEqual(await readFile(iso.path), ISO);
    }
    // The distribution has a new key, and has signed the same file with it.
    const signature = await detach(ISO, false, stranger);
    host.files.set('/d.iso.sig', signature);
    host.asked.length = 0;
    const again = await prepare(medium, { lock, keysDir: await keysFolder(stranger) });
    assert.deepEqual([again.iso?.path, host.asked], [iso.path, ['/d.iso.sig']]);
    assert(again.iso && 'fingerprint' in again.iso.proof && again.iso.proof.scheme !== 'debian-archive');
    assert.equal(again.iso.proof.fingerprint, fingerprint(stranger));
    assert.equal(again.iso.proof.signature, sha256(signature));
    await host.close();
    await prepare(medium, { lock, keysDir: await keysFolder(stranger) });
  });

  for (const form of ['the file itself, signed by OpenPGP', 'the file itself, signed by minisign'])
    it(`stopped while they are compared with their signature are there for the next try: ${form}`, async () => {
      const medium = await FORMS[form]!();
      const stop = new AbortController();
      const onProgress: PrepareOptions['onProgress'] = ({ what }) => {
        if (what.startsWith('checking')) stop.abort();
      };
      await refusal('interrupted', 130, prepare(medium, { signal: stop.signal, onProgress }));
      const [left, ...others] = await readdir(join(cacheDir, 'partial'));
      assert.match(left ?? '', /^[0-9a-f]{32}\.0-/);
      assert.deepEqual(others, []);
      host.files.set('/d.iso', (request, response) => {
        assert.equal(request.headers.range, `bytes=${ISO.length}-`);
        response.writeHead(416, { 'content-range': `bytes */${ISO.length}` }).end();
      });
      assert.equal((await prepare(medium)).iso?.sha256, sha256(ISO));
    });

  it('vouched for by the recipe alone say so, and are in no lock', async () => {
    const media = await prepare({ url: url(), sha256: hash('sha256') });
    assert.equal(media.iso?.proof.scheme, 'digest');
    assert.equal(media.lock.files, undefined);
    await refusal('media/served-wrong', 3, prepare({ url: url(), sha256: hash('sha256', Buffer.from('x')) }));
  });

  it('threat 32: another file than was signed for is refused, named, and not kept', async () => {
    const other = randomBytes(ISO.length);
    for (const put of Object.values(FORMS)) {
      const medium = await put();
      host.files.set('/d.iso', other);
      host.asked.length = 0;
      const error = await refusal(medium.signature ? 'media/bad-signature' : 'media/served-wrong', 3, prepare(medium));
      if (!medium.signature)
        assert.match(error.message, new RegExp(`${host.host} .* ${hash('sha512', other)}|${hash('sha256', other)}`));
      assert.equal(host.asked.filter((asked) => asked.startsWith('/d.iso') && asked.endsWith('iso')).length, 1);
      assert.deepEqual(await readdir(join(cacheDir, 'partial')), []);
      assert.deepEqual(await readdir(join(cacheDir, 'downloads')).catch(() => []), []);
      host.files.set('/d.iso', ISO);
    }
  });

  it('threat 32: two files mixed by going on with one of them cost one more download, not the build', async () => {
    const medium = { ...(await debian()), size: ISO.length };
    host.files.set('/d.iso', breakOff(host, randomBytes(ISO.length), 20_000));
    const onProgress = ({ done }: { readonly done: number }): void => host.there(done);
    await refusal('media/broke-off', 5, prepare(medium, { onProgress }));
    host.files.set('/d.iso', ISO);
    host.asked.length = 0;
    assert.equal((await prepare(medium)).iso?.sha256, sha256(ISO));
    assert.deepEqual(
      host.asked.slice(2).map((asked) => asked.replace(/=\d+/, '=N')),
      ['/d.iso bytes=N-', '/d.iso'],
    );
  });

  it('threat 32: a list by a stranger, by a revoked key, or of another file of the same key is refused', async () => {
    await refusal('media/unknown-key', 3, prepare(await debian(debianList(), stranger)));
    const revoked = await revoke(key, day(-10));
    await refusal('media/revoked-key', 3, prepare(await debian(), { keysDir: await keysFolder(revoked) }));
    const medium = await debian();
    host.files.set('/SHA512SUMS', Buffer.from(`${hash('sha512', Buffer.from('evil'))}  d.iso\n`));
    await refusal('media/bad-signature', 3, prepare(medium));
    assert.deepEqual(
      host.asked.filter((asked) => asked === '/d.iso'),
      [],
    );
  });

  it('threat 33: a line put before or after a cleartext-signed list is not read', async () => {
    const evil = `SHA256 (d.iso) = ${hash('sha256', Buffer.from('evil'))}\n`;
    const medium = await FORMS['as Fedora signs: a cleartext-signed CHECKSUM with sizes']?.();
    assert(medium);
    const good = String(host.files.get('/CHECKSUM'));
    for (const spoiled of [
      `${evil}\n${good}`,
      `${good}\n${evil}`,
      good.replace('-----BEGIN PGP SIGNATURE', `${evil}-----BEGIN PGP SIGNATURE`),
    ]) {
      host.files.set('/CHECKSUM', spoiled);
      assert.match(
        (
          await refusal('media/signed-text-malformed', 3, prepare(medium)).catch(() =>
            refusal('media/bad-signature', 3, prepare(medium)),
          )
        ).code,
        /media/,
      );
    }
  });

  it('whose list does not have the file say so, and nothing is fetched', async () => {
    const error = await refusal('media/not-in-checksums', 2, prepare({ ...(await debian()), url: url('/f.iso') }));
    assert.deepEqual(error.facts['listed'], ['d.iso', 'e.iso']);
  });

  it('threat 32: an older list than one that was accepted before is refused, with both dates', async () => {
    await prepare(await debian(debianList(), key, day(-1)));
    const medium = await debian(debianList(), key, day(-2));
    const error = await refusal('media/checksums-rollback', 3, prepare(medium));
    assert.match(error.message, new RegExp(`${day(-2).toISOString()}.*${day(-1).toISOString()}`));
    // The trusted comment of minisign is signed too, and has a date.
    const list = Buffer.from(`${hash('sha256')}  d.iso\n`);
    const minisigned = { url: url(), checksums: { url: url('/m'), signature: url('/m.minisig') }, signed_by: 'zig' };
    host.files.set('/m', list);
    host.files.set('/m.minisig', await minisign(list, zig, false, 'timestamp:1700000002'));
    await prepare(minisigned);
    host.files.set('/m.minisig', await minisign(list, zig, false, 'timestamp:1700000001'));
    await refusal('media/checksums-rollback', 3, prepare(minisigned));
  });

  it('of a size that the list, the recipe or the lock gives are not even begun where it is another', async () => {
    const fedora = await FORMS['as Fedora signs: a cleartext-signed CHECKSUM with sizes']?.();
    assert(fedora);
    host.files.set('/d.iso', Buffer.concat([ISO, ISO]));
    await refusal('media/served-other-size', 3, prepare(fedora));
    await refusal('media/served-other-size', 3, prepare({ ...(await debian()), size: ISO.length }));
    const size = await refusal('media/size-differs', 3, prepare({ ...fedora, size: 7 }));
    assert.match(size.message, new RegExp(`has 7 bytes, the signed list says ${ISO.length}`));
    const digest = await refusal('media/digest-mismatch', 3, prepare({ ...fedora, sha256: '7'.repeat(64) }));
    assert.match(digest.message, new RegExp(`has SHA-256 7{64}, the signed list says ${hash('sha256')}`));
    // Neither is mended by fetching anything again.
    for (const { hint } of [size, digest]) assert.match(hint ?? '', /^look at the url, sha256 and size of the recipe/);
  });

  it('under a lock move only when the person says so', async () => {
    const medium = await debian();
    const { lock } = await prepare(medium);
    const next = randomBytes(100_000);
    host.files.set('/d.iso', next);
    await debian(debianList(next));
    // The list that is here still vouches for what the lock names.
    assert.equal((await prepare(medium, { lock })).iso?.sha256, sha256(ISO));
    const fresh = await mkdtemp(join(root, 'cache-'));
    await refusal('media/served-other-size', 3, prepare(medium, { lock, cacheDir: fresh }));
    const moved = (await prepare(medium)).lock;
    assert.equal(diffLocks(lock, moved).length, 1);
    assert.notEqual(lockDigest(lock), lockDigest(moved));
    // Of the same size, so that only its digest shows that it is another one.
    const twin = randomBytes(ISO.length);
    host.files.set('/d.iso', twin);
    await debian(debianList(twin));
    await refusal(
      'media/locked-file-gone',
      5,
      prepare(medium, { lock, cacheDir: await mkdtemp(join(root, 'cache-')) }),
    );
    const listed = await FORMS['as Ubuntu signs: SHA256SUMS with a star, binary signature']?.();
    assert(listed);
    const foreign: Lock = {
      ...(await locked(listed, next)),
      files: { iso: { ...lock.files!['iso']!, sha256: hash('sha256', next) } },
    };
    await refusal('media/locked-file-gone', 5, prepare(listed, { lock: foreign }));
    await refusal('media/lock-malformed', 2, prepare(listed, { lock: { ...foreign, files: {} } }));
    await refusal(
      'media/lock-extra',
      3,
      prepare(listed, { lock: { ...foreign, files: { ...foreign.files!, other: foreign.files!['iso']! } } }),
    );
  });
  /** A lock of the right media, whatever is in it. */
  async function locked(medium: UrlFile, iso: Buffer): Promise<Lock> {
    const before = host.files.get('/d.iso') ?? '';
    host.files.set('/d.iso', ISO);
    const { lock } = await prepare(medium, { cacheDir: await mkdtemp(join(root, 'cache-')) });
    host.files.set('/d.iso', before);
    assert.notEqual(sha256(iso), sha256(ISO));
    return lock;
  }

  it('tell of each host before it is spoken to for the first time, and only then', async () => {
    const told: string[] = [];
    const onHost = (name: string): void => void told.push(`${name} after ${host.asked.length}`);
    const medium = await debian();
    await prepare(medium, { onHost });
    await prepare(medium, { onHost });
    assert.deepEqual(told, [`${host.host} after 0`]);
  });

  it('leave nothing behind of a process that was killed while it wrote, in no folder of the cache', async () => {
    const medium = await debian();
    await prepare(medium);
    await leaveLitter(cacheDir);
    await prepare(medium);
    // Into these nothing is written under another name first.
    assert.deepEqual(await litter(cacheDir), ['hosts', 'marks', 'partial']);
  });

  it('threat 38: in a recipe of somebody else’s lead to nothing on this machine', async () => {
    await refusal('media/private-address', 3, prepare(await debian(), { publicOnly: true }));
    assert.deepEqual(host.asked, []);
  });

  it('signed in a way that cannot be checked say so before they are fetched', async () => {
    const overFile = { url: url(), signature: url('/d.iso.sig'), signed_by: 'openbsd' };
    host.files.set('/d.iso.sig', await signify(ISO, openbsd, false));
    const error = await refusal('media/signify-file', 2, prepare(overFile));
    assert.match(error.hint ?? '', /checksums: \{ url: …\/SHA256\.sig \}/);
    assert.deepEqual(host.asked, []);
    // minisign's lists never hold their own signature.
    host.files.set('/sums', `${hash('sha256')}  d.iso\n`);
    await refusal('media/no-signature', 2, prepare({ url: url(), checksums: { url: url('/sums') }, signed_by: 'zig' }));
    assert.deepEqual(host.asked, ['/sums']);
  });

  it('signed by a key that is not here say how to add it', async () => {
    const error = await refusal('media/key-missing', 5, prepare({ ...(await debian()), signed_by: 'alpine' }));
    assert.match(error.hint ?? '', /portalgun media key add FILE --name alpine/);
    assert.deepEqual(host.asked, []);
  });
});

function recipeOf(iso: UrlFile): ResolvedRecipe {
  const recipe: Recipe = {
    recipe: 1,
    name: 'test',
    version: '1.0.0',
    media: { iso },
    machine: { arch: 'x86_64', memory: '64M' },
    steps: [{ id: 'x', expect: { text: 'x' } }],
  };
  return { recipe, of: { recipe }, params: {}, digest: sha256('x') } as unknown as ResolvedRecipe;
}
