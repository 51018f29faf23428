/** What is in a package. Takes a `VerifiedFile` only: nobody can unpack what was not verified. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { extract, type Header } from 'tar-stream';
import { FailedError, RefusedError, UsageError } from '../../errors.ts';
import { digestMismatch } from './digest-file.ts';
import { MAX_LINK_HOPS, MAX_PACKAGE_FILE_BYTES } from './limits.ts';
import { streamTool } from './tool.ts';
import type { VerifiedFile } from './types.ts';

/** One file of a package. `path` has no leading slash; `linkTarget` of a hard link is a path of the same form. */
export interface PackageEntry {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink' | 'hardlink';
  /** Permission bits without type: 0o644. */
  readonly mode: number;
  readonly sizeBytes: number;
  readonly linkTarget?: string;
  /** Bytes of a file; empty for all else. Read it before going on, or leave it. */
  readonly content: AsyncIterable<Uint8Array>;
}

/**
 * The entries of a verified .deb for which `wanted` says yes, in the order of the package. Leaving the loop early ends
 * dpkg-deb. Throws `media/package-unreadable` and `media/package-odd-path`.
 */
export async function* unpackPackage(
  deb: VerifiedFile,
  wanted: (path: string) => boolean = () => true,
  signal?: AbortSignal,
): AsyncGenerator<PackageEntry> {
  const name = nameOf(deb);
  const tar = streamTool('dpkg-deb', ['--fsys-tarfile', deb.path], {
    signal,
    failed: (status, words) =>
      new FailedError(
        'media/package-unreadable',
        `dpkg-deb cannot unpack the package ${name} (exit status ${status}): ${words.trim()}`,
      ),
  });
  const source = Readable.from(tar);
  const entries = extract();
  // `pipe` would lose the source's error: pass it on.
  source.once('error', (error) => entries.destroy(error));
  source.pipe(entries);
  try {
    for await (const entry of entries) {
      const found = toEntry(entry.header, bytesOf(entry), name);
      if (found && wanted(found.path)) yield found;
      entry.resume();
    }
  } finally {
    source.destroy();
  }
}

/**
 * Digest and size of some files of a package, each read through `consume` as it comes by. Links inside the package are
 * followed. Throws `media/file-not-in-package`.
 */
export async function readPackageFiles(
  deb: VerifiedFile,
  paths: readonly string[],
  consume: (path: string, content: AsyncIterable<Uint8Array>) => Promise<void>,
  signal?: AbortSignal,
): Promise<void> {
  /** Where a wanted path leads, by what is to be read for it. */
  let targets = new Map(paths.map((path) => [normalised(path), [path]]));
  for (let hop = 0; targets.size > 0; hop++) {
    if (hop > MAX_LINK_HOPS) throw notInPackage(deb, [...targets.values()].flat(), 'too many links lead to it');
    const linked = new Map<string, string[]>();
    const open = new Set(targets.keys());
    for await (const entry of unpackPackage(deb, (path) => targets.has(path), signal)) {
      const wanted = targets.get(entry.path) ?? [];
      open.delete(entry.path);
      if (entry.linkTarget !== undefined) {
        const target = entry.type === 'hardlink' ? entry.linkTarget : followed(entry.path, entry.linkTarget);
        linked.set(target, [...(linked.get(target) ?? []), ...wanted]);
      } else if (entry.type === 'directory') {
        throw notInPackage(deb, wanted, 'it is a folder');
      } else if (entry.sizeBytes > MAX_PACKAGE_FILE_BYTES) {
        throw notInPackage(deb, wanted, `it has ${entry.sizeBytes} bytes, at most ${MAX_PACKAGE_FILE_BYTES} are taken`);
      } else {
        const [first, ...others] = wanted;
        if (first !== undefined) await consume(first, entry.content);
        if (others.length > 0) throw notInPackage(deb, others, `it is the same file as ${first}`);
      }
      if (open.size === 0) break;
    }
    const absent = [...open].flatMap((path) => targets.get(path) ?? []);
    if (absent.length > 0) throw notInPackage(deb, absent, 'there is no such file');
    targets = linked;
  }
}

/** The bytes of a verified file, compared once more with its digest while they pass. Throws at the end if they differ. */
export async function* readVerified(file: VerifiedFile, what: string): AsyncGenerator<Uint8Array> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(file.path, { highWaterMark: 1024 * 1024 }) as AsyncIterable<Buffer>) {
    hash.update(chunk);
    yield chunk;
  }
  const found = `sha256:${hash.digest('hex')}` as const;
  if (found !== file.sha256) throw digestMismatch(what, file.path, file.sha256, found);
}

function toEntry(header: Header, content: AsyncIterable<Uint8Array>, name: string): PackageEntry | undefined {
  const path = normalised(header.name);
  if (path === '') return undefined;
  if (path.split('/').includes('..') || path.includes('\0')) {
    throw new RefusedError(
      'media/package-odd-path',
      `The package ${name} holds a file with an odd path: ${JSON.stringify(header.name)}.`,
    );
  }
  const base = {
    path,
    mode: (header.mode ?? 0) & 0o7777,
    sizeBytes: header.size ?? 0,
    content,
  };
  switch (header.type) {
    case 'file':
    case 'contiguous-file':
      return { ...base, type: 'file' };
    case 'directory':
      return { ...base, type: 'directory' };
    case 'symlink':
      return { ...base, type: 'symlink', linkTarget: header.linkname ?? '' };
    case 'link':
      return { ...base, type: 'hardlink', linkTarget: normalised(header.linkname ?? '') };
    default:
      // Devices and pipes: no package that we take has them.
      throw new RefusedError('media/package-odd-path', `The package ${name} holds ${path}, which is a ${header.type}.`);
  }
}

async function* bytesOf(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    if (!(chunk instanceof Uint8Array)) throw new TypeError('tar-stream gives bytes');
    yield chunk;
  }
}

function normalised(path: string): string {
  return path
    .replace(/^(?:\.?\/)+/, '')
    .replace(/\/+$/, '')
    .replace(/^\.$/, '');
}

/** Where a symbolic link at `path` leads, as a path in the package. */
function followed(path: string, target: string): string {
  return normalised(target.startsWith('/') ? posix.normalize(target) : posix.join(posix.dirname(path), target));
}

function nameOf(deb: VerifiedFile): string {
  return deb.proof.scheme === 'debian-archive' ? `${deb.proof.package.package} ${deb.proof.package.version}` : deb.path;
}

function notInPackage(deb: VerifiedFile, paths: readonly string[], why: string): UsageError {
  const name = nameOf(deb);
  return new UsageError(
    'media/file-not-in-package',
    `The package ${name} has no file ${paths.join(', ')} to use: ${why}.`,
    {
      hint: `see what is in it: dpkg-deb --contents ${deb.path}`,
      facts: { package: name, paths },
    },
  );
}
