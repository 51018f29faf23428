/**
 * A Debian archive by its address, for machines without apt and for recipes that name one: it brings the same files as apt
 * does, which archive.ts verifies in the very same way. Only how they are carried differs.
 *
 * `InRelease` is verified here too, before anything else is fetched: it says how large an index may be and what its digest is.
 */
import { createReadStream } from 'node:fs';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createGunzip } from 'node:zlib';
import { digestOf } from '../../crypto/canonical.ts';
import { digestHex, sha256 as digestOfBytes, type Digest } from '../../crypto/digest.ts';
import { errnoOf, RefusedError, UnavailableError, UsageError } from '../../errors.ts';
import type { ArchiveAddress } from '../../recipe/types.ts';
import type { Carrier, Lists, WantedPackage } from './apt.ts';
import { fileName } from './apt.ts';
import type { Architecture } from './apt-config.ts';
import { checkIndexSize, verifyRelease } from './archive.ts';
import { unlessMissing, writeAtomically } from './atomic-file.ts';
import { isThere } from './download-notes.ts';
import { downloadPath, downloadSigned, downloadSmall, type DownloadOptions } from './download.ts';
import { evidencePath } from './evidence.ts';
import { highWaterMarks } from './high-water.ts';
import type { Keyring } from './keyring.ts';
import { LISTS_FRESH_MS, MAX_RELEASE_BYTES } from './limits.ts';
import type { Release } from './release.ts';

export interface HttpArchiveOptions extends Omit<DownloadOptions, 'hosts'> {
  readonly archives: readonly ArchiveAddress[];
  readonly architecture: Architecture;
  readonly keyring: Keyring;
  readonly pinned: boolean;
  readonly now: () => Date;
}

/** What the last update has brought. All files it speaks of are named by their content, so that they never change. */
interface State {
  readonly updatedAtMs: number;
  readonly indexes: readonly StoredIndex[];
}

interface StoredIndex {
  readonly suite: string;
  readonly metaKey: string;
  /** Address that the `Filename` of a package is relative to. */
  readonly base: string;
  readonly release: Digest;
  /** Of the index as it was fetched. */
  readonly sha256: string;
  readonly compressed: boolean;
}

const GZIP = '.gz';

export function openHttpArchive(options: HttpArchiveOptions): Carrier {
  const { archives, architecture, cacheDir, now } = options;
  const http = { ...options, hosts: new Set(archives.map(({ url }) => new URL(url).host)) };
  const statePath = join(cacheDir, 'archives', `${digestHex(digestOf({ archives, architecture }))}.json`);

  const update = async (): Promise<Lists> => {
    const indexes: StoredIndex[] = [];
    try {
      for (const archive of archives) indexes.push(...(await fetchLists(archive, options, http)));
    } catch (error) {
      if (!(error instanceof UnavailableError)) throw error;
      throw new UnavailableError(
        'media/lists-not-updated',
        `The package lists could not be renewed: ${error.message}`,
        {
          hint: 'is there a network? Look at the addresses of the archives in the recipe, or in config.yaml',
          cause: error,
        },
      );
    }
    const state: State = { updatedAtMs: now().getTime(), indexes };
    await writeAtomically(statePath, (temporary) => writeFile(temporary, `${JSON.stringify(state)}\n`));
    return listsOf(state, options, http);
  };
  return {
    lists: async () => {
      const state = stateIn(await readFile(statePath, 'utf8').catch(unlessMissing));
      // A person may have deleted one: then it is fetched again.
      const isWhole = (await Promise.all((state?.indexes ?? []).map((index) => isThere(cacheDir, index.sha256)))).every(
        Boolean,
      );
      return listsOf(isWhole ? state : undefined, options, http);
    },
    update,
  };
}

async function fetchLists(
  archive: ArchiveAddress,
  { keyring, cacheDir, now, pinned, architecture }: HttpArchiveOptions,
  http: DownloadOptions,
): Promise<StoredIndex[]> {
  const { suite, components } = archive;
  const base = archive.url.replace(/\/$/, '');
  const folder = `${base}/dists/${suite}`;
  const what = `InRelease of ${suite}`;
  const bytes = await downloadSmall(`${folder}/InRelease`, MAX_RELEASE_BYTES, what, http);
  const checking = { keyring, cacheDir, now: now(), pinned, marks: highWaterMarks(cacheDir) };
  const found = await verifyRelease(bytes, suite, checking);
  if (!found) {
    throw new RefusedError('media/unknown-key', `${what} at ${new URL(base).host} is signed by no key of keys/.`, {
      hint: 'keys/README.md says which keys are trusted and how to add one',
    });
  }
  const indexes: StoredIndex[] = [];
  for (const component of components) {
    const metaKey = `${component}/binary-${architecture}/Packages`;
    const name = [metaKey + GZIP, metaKey].find((one) => found.release.files.has(one));
    const listed = name === undefined ? undefined : found.release.files.get(name);
    if (name === undefined || !listed) {
      throw new UsageError('media/no-such-component', `${what} lists no ${metaKey}, neither whole nor as .gz.`, {
        hint: 'look at the components of the archive in the recipe, or in config.yaml',
        facts: { suite, component, architecture },
      });
    }
    await fetchIndex(
      `${folder}/${placeOf(name, listed.sha256, found.release)}`,
      `${metaKey} of ${suite}`,
      listed,
      http,
    );
    const sha256 = digestHex(listed.sha256);
    indexes.push({ suite, metaKey, base, release: found.voucher.release, sha256, compressed: name.endsWith(GZIP) });
  }
  return indexes;
}

/** By its digest where the archive offers that: then a mirror in the middle of an update serves what belongs together. */
function placeOf(name: string, sha256: Digest, { acquireByHash }: Release): string {
  if (!acquireByHash) return name;
  return `${name.slice(0, name.lastIndexOf('/'))}/by-hash/SHA256/${digestHex(sha256)}`;
}

async function fetchIndex(
  url: string,
  what: string,
  { sha256, sizeBytes }: { readonly sha256: Digest; readonly sizeBytes: number },
  http: DownloadOptions,
): Promise<void> {
  checkIndexSize(what, sizeBytes);
  const there = await readFile(downloadPath(http.cacheDir, sha256)).catch(unlessMissing);
  if (there && digestOfBytes(there) === sha256) return;
  const done = await downloadSigned({ url, what, size: { exact: sizeBytes }, expected: digestHex(sha256) }, http);
  await done.keep();
}

function listsOf(state: State | undefined, options: HttpArchiveOptions, http: DownloadOptions): Lists {
  const { cacheDir, now } = options;
  const indexes = state?.indexes ?? [];
  const pathOf = ({ sha256 }: StoredIndex): string => downloadPath(cacheDir, `sha256:${sha256}`);
  return {
    indexes: indexes.map((index) => ({
      suite: index.suite,
      metaKey: index.metaKey,
      base: index.base,
      path: pathOf(index),
      inReleasePath: evidencePath(cacheDir, index.release, 'InRelease'),
    })),
    fresh: state !== undefined && now().getTime() - state.updatedAtMs < LISTS_FRESH_MS,
    content: (path) => contentOf(path, indexes.find((index) => pathOf(index) === path)?.compressed ?? false),
    async *download(packages, directory) {
      for (const wanted of packages) yield [wanted, await fetchPackage(wanted, directory, http)] as const;
    },
  };
}

async function* contentOf(path: string, compressed: boolean): AsyncGenerator<Buffer> {
  const file = createReadStream(path, { highWaterMark: 1024 * 1024 });
  if (!compressed) {
    yield* file as AsyncIterable<Buffer>;
    return;
  }
  const unpacked = createGunzip({ chunkSize: 1024 * 1024 });
  // `pipe` would lose the source's error: pass it on.
  file.once('error', (error) => unpacked.destroy(error));
  file.pipe(unpacked);
  try {
    yield* unpacked as AsyncIterable<Buffer>;
  } catch (cause) {
    if (errnoOf(cause)?.startsWith('Z_') !== true) throw cause;
    throw new RefusedError('media/digest-mismatch', `${path} was changed: it cannot be unpacked any more.`, {
      hint: `delete ${path} and run the command again`,
      facts: { path },
      cause,
    });
  } finally {
    file.destroy();
  }
}

async function fetchPackage(wanted: WantedPackage, directory: string, http: DownloadOptions): Promise<string> {
  const { name, version, address, sha256, sizeBytes } = wanted;
  if (address === undefined || sha256 === undefined) throw new TypeError('a package of an archive by address has one');
  const what = `package ${name} ${version}`;
  const done = await downloadSigned(
    { url: address, what, size: { exact: sizeBytes }, expected: digestHex(sha256) },
    http,
  );
  const path = join(directory, fileName(wanted));
  await rename(done.path, path);
  return path;
}

/** Of our own writing; whatever else it is counts as nothing, and is fetched anew. */
function stateIn(text: string | undefined): State | undefined {
  if (text === undefined) return undefined;
  try {
    const state: State = JSON.parse(text);
    return Array.isArray(state.indexes) && typeof state.updatedAtMs === 'number' ? state : undefined;
  } catch {
    return undefined;
  }
}
