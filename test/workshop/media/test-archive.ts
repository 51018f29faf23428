/** A little Debian archive of our own, signed with keys made here: the place where everything can be made to go wrong. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import * as openpgp from 'openpgp';
import { digestHex, sha256 } from '../../../src/crypto/digest.ts';

const run = promisify(execFile);

export const ORIGIN = 'Portalgun Test';
/** The time at which the tests live: the present, as gpgv cannot be told another one. OpenPGP counts whole seconds. */
export const NOW = new Date(Math.floor(Date.now() / 1000) * 1000);
export const day = (offset: number): Date => new Date(NOW.getTime() + offset * 24 * 60 * 60 * 1000);

export interface TestKey {
  readonly private: openpgp.PrivateKey;
  readonly public: openpgp.PublicKey;
}

/** Made two years before `NOW`; `expires` in days from `NOW`. */
export async function makeKey(name: string, expires?: number): Promise<TestKey> {
  const created = day(-730);
  const { privateKey, publicKey } = await openpgp.generateKey({
    type: 'ecc',
    curve: 'ed25519Legacy',
    userIDs: [{ name, email: 'test@example.org' }],
    date: created,
    ...(expires !== undefined && { keyExpirationTime: (day(expires).getTime() - created.getTime()) / 1000 }),
    format: 'object',
  });
  return { private: privateKey, public: publicKey };
}

export async function revoke(key: TestKey, when: Date): Promise<TestKey> {
  const { publicKey } = await openpgp.revokeKey({
    key: key.private,
    date: when,
    reasonForRevocation: { flag: openpgp.enums.reasonForRevocation.keyCompromised, string: 'lost' },
    format: 'object',
  });
  return { ...key, public: publicKey };
}

/** A keys/ folder with a manifest. */
export async function writeKeys(directory: string, keys: readonly TestKey[], origin = ORIGIN): Promise<void> {
  await mkdir(directory, { recursive: true });
  const lines = ['manifest: 1', 'keys:'];
  for (const [index, key] of keys.entries()) {
    const file = `key-${index}.asc`;
    await writeFile(join(directory, file), key.public.armor());
    lines.push(
      `  - { file: ${file}, fingerprint: ${fingerprint(key)}, owner: "test key ${index}", origin: "${origin}" }`,
    );
  }
  await writeFile(join(directory, 'manifest.yaml'), `${lines.join('\n')}\n`);
}

export function fingerprint(key: TestKey): string {
  return key.public.getFingerprint().toUpperCase();
}

export async function clearsign(text: string, keys: readonly TestKey[], date: Date): Promise<string> {
  const message = await openpgp.createCleartextMessage({ text });
  return openpgp.sign({ message, signingKeys: keys.map((key) => key.private), date });
}

/**
 * What GnuPG says of the same bytes with the same keys, as its status words (doc/DETAILS): GOODSIG, BADSIG, EXPKEYSIG (the
 * key has expired by now), REVKEYSIG, ERRSIG (no such key); none where it finds no signature.
 */
export async function gpgv(inRelease: string, keys: readonly TestKey[]): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'pg-gpgv-'));
  try {
    const ring = join(directory, 'ring.gpg');
    await writeFile(ring, Buffer.concat(keys.map((key) => Buffer.from(key.public.write()))));
    await writeFile(join(directory, 'InRelease'), inRelease);
    const status = await run('gpgv', ['--status-fd', '1', '--keyring', ring, join(directory, 'InRelease')]).then(
      ({ stdout }) => stdout,
      (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : ''),
    );
    return [...status.matchAll(/^\[GNUPG:\] (GOODSIG|BADSIG|EXPKEYSIG|EXPSIG|REVKEYSIG|ERRSIG) /gm)].map(
      ([, word]) => word ?? '',
    );
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

export interface TestPackage {
  readonly name: string;
  readonly version: string;
  /** Default `amd64`. */
  readonly architecture?: 'amd64' | 'i386' | 'all';
  readonly depends?: string;
  readonly provides?: string;
  /** Content by path without a leading slash. */
  readonly files?: Readonly<Record<string, string | Uint8Array>>;
  /** Target by path. */
  readonly links?: Readonly<Record<string, string>>;
}

export interface TestArchive {
  /** The archive itself, `file:`-readable. */
  readonly directory: string;
  readonly sourcesList: string;
  readonly inRelease: string;
  readonly packages: string;
  deb(name: string): string;
}

export interface ArchiveSpec {
  readonly packages: readonly TestPackage[];
  readonly keys: readonly TestKey[];
  readonly date?: Date;
  readonly signedAt?: Date;
  readonly validUntil?: Date;
  readonly origin?: string;
  readonly codename?: string;
  /** Changes the Release text before it is signed. */
  readonly edit?: (release: string) => string;
}

/** Writes (or writes anew) the archive in `directory`. The suite that the sources ask for is always `test`. */
export async function makeArchive(directory: string, spec: ArchiveSpec): Promise<TestArchive> {
  const suite = join(directory, 'dists', 'test');
  const index = join(suite, 'main', 'binary-amd64', 'Packages');
  await mkdir(join(directory, 'pool'), { recursive: true });
  const architectures = [
    'amd64',
    ...(spec.packages.some(({ architecture }) => architecture === 'i386') ? ['i386'] : []),
  ];
  const listed: string[] = [];
  for (const architecture of architectures) {
    const stanzas: string[] = [];
    for (const entry of spec.packages) {
      const own = entry.architecture ?? 'amd64';
      if (own === architecture || own === 'all') stanzas.push(await makePackage(directory, entry));
    }
    const text = stanzas.join('\n');
    const name = `main/binary-${architecture}/Packages`;
    await mkdir(join(suite, name, '..'), { recursive: true });
    await writeFile(join(suite, name), text);
    listed.push(` ${digestHex(sha256(text))} ${Buffer.byteLength(text)} ${name}`);
  }
  const release = [
    `Origin: ${spec.origin ?? ORIGIN}`,
    'Label: Test',
    'Suite: stable',
    `Codename: ${spec.codename ?? 'test'}`,
    `Date: ${(spec.date ?? day(-1)).toUTCString().replace('GMT', 'UTC')}`,
    ...(spec.validUntil ? [`Valid-Until: ${spec.validUntil.toUTCString().replace('GMT', 'UTC')}`] : []),
    `Architectures: ${architectures.join(' ')}`,
    'Components: main',
    'SHA256:',
    ...listed,
    '',
  ].join('\n');
  const inRelease = join(suite, 'InRelease');
  await writeFile(
    inRelease,
    await clearsign((spec.edit ?? ((same) => same))(release), spec.keys, spec.signedAt ?? spec.date ?? day(-1)),
  );
  const sourcesList = join(directory, 'sources.list');
  // apt is told to believe this signer and any date: what is refused in these tests is refused by us.
  const ring = join(directory, 'ring.gpg');
  await writeFile(ring, Buffer.concat(spec.keys.map((key) => Buffer.from(key.public.write()))));
  await writeFile(
    sourcesList,
    `deb [signed-by=${ring} check-valid-until=no check-date=no] file:${directory} test main\n`,
  );
  return { directory, sourcesList, inRelease, packages: index, deb: (name) => join(directory, 'pool', `${name}.deb`) };
}

async function makePackage(directory: string, entry: TestPackage): Promise<string> {
  const control = [
    `Package: ${entry.name}`,
    `Version: ${entry.version}`,
    `Architecture: ${entry.architecture ?? 'amd64'}`,
    'Maintainer: Nobody <nobody@example.org>',
    ...(entry.depends === undefined ? [] : [`Depends: ${entry.depends}`]),
    ...(entry.provides === undefined ? [] : [`Provides: ${entry.provides}`]),
    'Description: made by a test',
    '',
  ].join('\n');
  const tree = await mkdtemp(join(tmpdir(), 'pg-deb-'));
  try {
    await mkdir(join(tree, 'DEBIAN'));
    await writeFile(join(tree, 'DEBIAN', 'control'), control);
    for (const [path, content] of Object.entries(entry.files ?? {})) {
      await mkdir(join(tree, path, '..'), { recursive: true });
      await writeFile(join(tree, path), content);
    }
    const { symlink } = await import('node:fs/promises');
    for (const [path, target] of Object.entries(entry.links ?? {})) {
      await mkdir(join(tree, path, '..'), { recursive: true });
      await symlink(target, join(tree, path));
    }
    const file = entry.architecture === 'i386' ? `${entry.name}-i386.deb` : `${entry.name}.deb`;
    const deb = join(directory, 'pool', file);
    await run('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, deb], {
      // The same content gives the same package.
      env: { ...process.env, SOURCE_DATE_EPOCH: '1000000000' },
    });
    const bytes = await readFile(deb);
    return `${control}Filename: pool/${file}\nSize: ${bytes.length}\nSHA256: ${digestHex(sha256(bytes))}\n`;
  } finally {
    await rm(tree, { recursive: true, force: true });
  }
}

/** Changes one bit in the middle of a file (or at `where`). */
export async function flipBit(path: string, where?: (bytes: Buffer) => number): Promise<void> {
  const bytes = await readFile(path);
  const at = where?.(bytes) ?? Math.floor(bytes.length / 2);
  bytes.writeUInt8(bytes.readUInt8(at) ^ 1, at);
  await writeFile(path, bytes);
}

/** Puts into each folder of a cache what a process leaves behind that was killed two days ago while it wrote. */
export async function leaveLitter(cacheDir: string): Promise<void> {
  const entries = await readdir(cacheDir, { withFileTypes: true });
  for (const folder of entries.filter((entry) => entry.isDirectory())) {
    const left = join(cacheDir, folder.name, '.tmp-file-1-0123456789ab');
    await writeFile(left, 'half of it');
    await utimes(left, day(-2), day(-2));
  }
}

/** Folders of a cache in which such a file lies. */
export async function litter(cacheDir: string): Promise<string[]> {
  const found = await readdir(cacheDir, { recursive: true });
  return found
    .filter((path) => basename(path).startsWith('.tmp-'))
    .map(dirname)
    .toSorted();
}
