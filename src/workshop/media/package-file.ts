/**
 * Single files out of packages (an installer's kernel and initrd, an ISO), unpacked once and kept in the cache.
 *
 * What a file's digest must be is written in a note beside it when it is unpacked, under the digest of the verified package
 * it came from. At each use the package, the note and the file are compared. A note is believed only where nobody else
 * can write; in a cache that others may write to, the file is unpacked and compared anew each time.
 */
import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { digestHex, isDigest, sha256, type Digest } from '../../crypto/digest.ts';
import { unlessMissing, writeAtomically, writeNamedByContent } from './atomic-file.ts';
import { digestFile, digestMismatch } from './digest-file.ts';
import type { OnProgress, VerifiedFile } from './types.ts';
import { readPackageFiles } from './unpack.ts';
import { verifiedFile } from './verified.ts';

export interface PackageFileOptions {
  readonly cacheDir: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * The files at `paths` of a verified package, in the same order. Throws `media/digest-mismatch` for a file in the cache
 * that is not what was unpacked, and `media/file-not-in-package`.
 */
export async function packageFiles(
  deb: VerifiedFile,
  paths: readonly string[],
  options: PackageFileOptions,
): Promise<VerifiedFile[]> {
  const unique = [...new Set(paths)];
  const digests = new Map<string, Digest>();
  const believe = await onlyOursToWrite(options.cacheDir);
  for (const path of unique) {
    const noted = believe ? await readNote(options.cacheDir, deb, path) : undefined;
    if (noted !== undefined && (await stat(contentPath(options.cacheDir, noted, path)).catch(unlessMissing)))
      digests.set(path, noted);
  }
  const absent = unique.filter((path) => !digests.has(path));
  if (absent.length > 0) {
    await readPackageFiles(
      deb,
      absent,
      async (path, content) => void digests.set(path, await keep(deb, path, content, options)),
      options.signal,
    );
  }
  const files: VerifiedFile[] = [];
  for (const path of paths) {
    const expected = digests.get(path);
    if (expected === undefined) throw new TypeError('a digest for each path');
    files.push(await verify(deb, path, expected, options));
  }
  return files;
}

async function verify(
  deb: VerifiedFile,
  path: string,
  expected: Digest,
  options: PackageFileOptions,
): Promise<VerifiedFile> {
  const kept = contentPath(options.cacheDir, expected, path);
  const name = basename(path);
  const { size } = await stat(kept);
  const found = await digestFile(kept, {
    signal: options.signal,
    onBytes: (done) => options.onProgress?.({ what: `checking ${name}`, done, total: size }),
  });
  if (found.sha256 !== expected) throw digestMismatch(`${name} of ${packageOf(deb)}`, kept, expected, found.sha256);
  return verifiedFile({ path: kept, ...found, proof: deb.proof });
}

/** Unpacks to a temporary file while taking the digest. A damaged file of the same name gives way to the right one. */
async function keep(
  deb: VerifiedFile,
  path: string,
  content: AsyncIterable<Uint8Array>,
  { cacheDir, onProgress }: PackageFileOptions,
): Promise<Digest> {
  const hash = createHash('sha256');
  let done = 0;
  async function* counted(): AsyncGenerator<Uint8Array> {
    for await (const chunk of content) {
      hash.update(chunk);
      done += chunk.length;
      onProgress?.({ what: `unpacking ${basename(path)}`, done, total: 0 });
      yield chunk;
    }
  }
  let digest: Digest | undefined;
  await writeNamedByContent(join(cacheDir, 'files'), async (temporary) => {
    await pipeline(counted(), createWriteStream(temporary, { mode: 0o600 }));
    digest = `sha256:${hash.digest('hex')}`;
    return contentPath(cacheDir, digest, path);
  });
  if (digest === undefined) throw new TypeError('a digest after unpacking');
  const note = `${JSON.stringify({ package: digestHex(deb.sha256), path, sha256: digest })}\n`;
  await writeAtomically(notePath(cacheDir, deb, path), (temporary) => writeFile(temporary, note, { mode: 0o600 }));
  return digest;
}

/** By digest, with the file's own name at the end for people. */
function contentPath(cacheDir: string, digest: Digest, path: string): string {
  return join(cacheDir, 'files', `${digestHex(digest)}-${basename(path).replaceAll(/[^A-Za-z0-9.+_-]/g, '_')}`);
}

function notePath(cacheDir: string, deb: VerifiedFile, path: string): string {
  return join(cacheDir, 'notes', `${digestHex(deb.sha256)}-${digestHex(sha256(path)).slice(0, 16)}.json`);
}

/** A note that cannot be read is as good as none: the file is unpacked again and a new note written. */
async function readNote(cacheDir: string, deb: VerifiedFile, path: string): Promise<Digest | undefined> {
  const text = await readFile(notePath(cacheDir, deb, path), 'utf8').catch(unlessMissing);
  const found = /^\{"package":"([0-9a-f]{64})","path":(".*"),"sha256":"(sha256:[0-9a-f]{64})"\}\n$/.exec(text ?? '');
  if (found?.[1] !== digestHex(deb.sha256) || found[2] !== JSON.stringify(path)) return undefined;
  return isDigest(found[3]) ? found[3] : undefined;
}

/** Whether the cache belongs to whoever runs us, and nobody else may write to it. */
async function onlyOursToWrite(cacheDir: string): Promise<boolean> {
  const { uid, mode } = await stat(cacheDir);
  return uid === process.getuid?.() && (mode & 0o022) === 0;
}

function packageOf(deb: VerifiedFile): string {
  return deb.proof.scheme === 'debian-archive' ? `package ${deb.proof.package.package}` : deb.path;
}
