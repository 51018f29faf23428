/**
 * apt as the carrier: it knows the machine's mirrors, proxies and certificates, and brings files. What it brings is not
 * believed (archive.ts checks everything again).
 *
 * It runs as the person who runs us, in a folder of ours: the machine's own package lists, cache and database stay
 * untouched, and no root is needed. A mirror's name never goes into our messages.
 */
import { copyFile, mkdir, readFile, readlink, rename, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Digest } from '../../crypto/digest.ts';
import { errnoOf, UnavailableError } from '../../errors.ts';
import { listDirectory, temporaryPath, unlessMissing } from './atomic-file.ts';
import { aptConfig, LISTS, placesIn, type Architecture } from './apt-config.ts';
import { aptFailure } from './apt-failure.ts';
import { LISTS_FRESH_MS, PROGRESS_INTERVAL_MS, STALE_TEMPORARY_MS } from './limits.ts';
import { runTool, streamTool, type ToolRun } from './tool.ts';
import type { OnProgress } from './types.ts';

export interface AptOptions {
  readonly cacheDir: string;
  /** Of the packages. Default `amd64`. */
  readonly architecture?: Architecture | undefined;
  /** A sources.list to use instead of the machine's own sources. */
  readonly sourcesList?: string | undefined;
  /** A keyring file for apt's own verification, instead of the machine's keys. */
  readonly keys?: string | undefined;
  readonly now: () => Date;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** A Packages index as apt has it on disk, and the InRelease file that came with it. */
export interface AptIndex {
  /** The suite that the machine's sources ask for: `bookworm-security`. */
  readonly suite: string;
  /** Name of the index within the Release file. */
  readonly metaKey: string;
  /** Perhaps compressed: read it with `Lists.content`. */
  readonly path: string;
  readonly inReleasePath: string;
  /** Address that the file names of its packages are relative to; apt knows it by itself. */
  readonly base?: string;
}

/** One consistent state of the package lists: an update elsewhere never changes it. */
export interface Lists {
  readonly indexes: readonly AptIndex[];
  /** Whether they are new enough to resolve a new lock from. */
  readonly fresh: boolean;
  /** Unpacked bytes of a file of the lists. */
  content(path: string): AsyncIterable<Buffer>;
  /**
   * Downloads .deb files into `directory` and gives each with its path, in any order, as soon as it is there. Throws
   * `media/download-failed`.
   */
  download<P extends WantedPackage>(
    packages: readonly P[],
    directory: string,
  ): AsyncIterable<readonly [wanted: P, path: string]>;
}

export interface WantedPackage {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sizeBytes: number;
  readonly sha256?: Digest;
  /** Where it is, for a carrier that does not know by itself. */
  readonly address?: string | undefined;
}

/** Brings package lists and packages: apt, or http-archive.ts. */
export interface Carrier {
  /** The newest lists that we have; at first a copy of the machine's own. */
  lists(): Promise<Lists>;
  /** Fetches new lists. Throws `media/lists-not-updated`; the lists that we have stay as they are. */
  update(): Promise<Lists>;
}

const HELPER = '/usr/lib/apt/apt-helper';
const CONFIG = 'apt.conf';
/** Written into a snapshot of the lists; its date is when apt last asked the mirrors. */
const UPDATED = 'updated-by-portalgun';
const LIST_FILE = /^[^/]*_(?:InRelease|Packages(?:\.[a-z0-9]+)?)$/;
const FORMAT = '$(CREATED_BY)|$(RELEASE)|$(METAKEY)|$(FILENAME)';

/** Lists of one architecture say nothing of another's. */
export function aptFolder(architecture: Architecture): string {
  return architecture === 'amd64' ? 'apt' : `apt-${architecture}`;
}

export function openApt(options: AptOptions): Carrier {
  const { architecture = 'amd64' } = options;
  const root = join(options.cacheDir, aptFolder(architecture));
  const current = join(root, 'current');
  const { signal } = options;

  /** apt-get that reads and writes nothing but this snapshot of the lists. */
  const aptGet = async (snapshot: string, args: readonly string[], cwd?: string): Promise<ToolRun> => {
    const settings = ['-c', join(snapshot, CONFIG), ...placesIn(snapshot, options), '-q'];
    return runTool('apt-get', [...settings, ...args], { signal, cwd });
  };

  const newSnapshot = async (): Promise<string> => {
    const snapshot = temporaryPath(root, 'lists');
    await mkdir(join(snapshot, LISTS, 'partial'), { recursive: true, mode: 0o700 });
    await writeFile(join(snapshot, 'status'), '');
    await writeFile(join(snapshot, CONFIG), aptConfig(architecture));
    return snapshot;
  };

  /** Makes `snapshot` the current one under its final name. Readers of the one before keep theirs. */
  const publish = async (snapshot: string): Promise<string> => {
    const final = join(root, `lists-${basename(snapshot).split('-').slice(-2).join('-')}`);
    await rename(snapshot, final);
    const link = temporaryPath(root, 'current');
    await symlink(basename(final), link);
    await rename(link, current);
    await removeOldSnapshots(root, basename(final), options.now());
    return final;
  };

  const currentSnapshot = async (): Promise<string | undefined> => {
    const name = await readlink(current).catch(unlessMissing);
    if (name === undefined) return undefined;
    const snapshot = join(root, name);
    return (await stat(join(snapshot, CONFIG)).catch(unlessMissing)) ? snapshot : undefined;
  };

  /** A first snapshot out of the machine's own lists, so that a machine that has just updated need not do it again. */
  const seed = async (): Promise<string> => {
    const snapshot = await newSnapshot();
    const hosts = options.sourcesList === undefined ? await hostListsDirectory(signal) : undefined;
    if (hosts !== undefined) {
      await copyLists(hosts, join(snapshot, LISTS));
      const times = await Promise.all(
        [hosts, join(hosts, 'partial')].map((path) => stat(path).catch(unlessUnreadable)),
      );
      const asked = Math.max(0, ...times.map((found) => found?.mtimeMs ?? 0));
      await writeFile(join(snapshot, UPDATED), String(Math.floor(asked)));
    }
    return publish(snapshot);
  };

  const read = async (snapshot: string): Promise<Lists> => {
    const run = await aptGet(snapshot, ['indextargets', '--format', FORMAT]);
    if (run.status !== 0)
      throw aptFailure('media/lists-unreadable', 'reading the package lists', 'apt-get indextargets', run);
    return {
      indexes: parseTargets(run.stdout),
      fresh: options.now().getTime() - (await updatedAt(snapshot)) < LISTS_FRESH_MS,
      async *download(packages, directory) {
        const names = packages.map(nameForApt);
        const total = packages.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
        const what = packages.length === 1 ? `package ${packages[0]?.name}` : `${packages.length} packages`;
        const stop = watchSize(directory, (done) => options.onProgress?.({ what, done: Math.min(done, total), total }));
        try {
          const run = await aptGet(snapshot, ['download', ...names], directory);
          if (run.status !== 0) {
            throw aptFailure(
              'media/download-failed',
              `downloading ${what}`,
              `apt-get download ${names.join(' ')}`,
              run,
            );
          }
        } finally {
          stop();
        }
        options.onProgress?.({ what, done: total, total });
        for (const wanted of packages) yield [wanted, join(directory, fileName(wanted))] as const;
      },
      content: (path) =>
        streamTool(HELPER, ['cat-file', path], {
          signal,
          failed: (status) =>
            new UnavailableError(
              'media/lists-unreadable',
              `apt-helper could not unpack ${path} (exit status ${status}).`,
              {
                hint: `delete ${root} and try again`,
              },
            ),
        }),
    };
  };

  return {
    lists: async () => read((await currentSnapshot()) ?? (await seed())),
    update: async () => {
      const snapshot = await newSnapshot();
      try {
        const before = await currentSnapshot();
        if (before !== undefined) await copyLists(join(before, LISTS), join(snapshot, LISTS));
        options.onProgress?.({ what: 'package lists', done: 0, total: 0 });
        const run = await aptGet(snapshot, ['update']);
        if (run.status !== 0)
          throw aptFailure('media/lists-not-updated', 'updating the package lists', 'apt-get update', run);
        await writeFile(join(snapshot, UPDATED), String(options.now().getTime()));
        return await read(await publish(snapshot));
      } catch (error) {
        await rm(snapshot, { recursive: true, force: true });
        throw error;
      }
    },
  };
}

function parseTargets(stdout: string): AptIndex[] {
  const indexes: AptIndex[] = [];
  for (const line of stdout.split('\n')) {
    const [createdBy, suite, metaKey, path] = line.split('|');
    if (createdBy !== 'Packages' || !suite || !metaKey || !path) continue;
    // apt writes "/" as "_": what stands before the index's own name belongs to the suite.
    const place = path.lastIndexOf(metaKey.replaceAll('/', '_'));
    if (place < 0) continue;
    indexes.push({ suite, metaKey, path, inReleasePath: `${path.slice(0, place)}InRelease` });
  }
  return indexes;
}

function nameForApt({ name, version, architecture }: WantedPackage): string {
  return architecture === 'all' ? `${name}=${version}` : `${name}:${architecture}=${version}`;
}

/** The name that apt gives to a file: a colon would not do on every file system. */
export function fileName({
  name,
  version,
  architecture,
}: Pick<WantedPackage, 'name' | 'version' | 'architecture'>): string {
  return `${name}_${version.replaceAll(':', '%3a')}_${architecture}.deb`;
}

async function hostListsDirectory(signal: AbortSignal | undefined): Promise<string | undefined> {
  const run = await runTool('apt-config', ['shell', 'LISTS', 'Dir::State::lists/d'], { signal });
  return /^LISTS='(\/[^']*)'/m.exec(run.stdout)?.[1];
}

async function copyLists(from: string, to: string): Promise<void> {
  for (const name of await listDirectory(from)) {
    if (LIST_FILE.test(name)) await copyFile(join(from, name), join(to, name)).catch(unlessUnreadable);
  }
}

/** A list that we may not read, or that an update has just replaced, is fetched anew. */
function unlessUnreadable(error: unknown): undefined {
  if (errnoOf(error) === 'EACCES') return undefined;
  return unlessMissing(error);
}

async function updatedAt(snapshot: string): Promise<number> {
  return Number((await readFile(join(snapshot, UPDATED), 'utf8').catch(unlessMissing)) ?? 0);
}

async function removeOldSnapshots(root: string, keep: string, now: Date): Promise<void> {
  for (const name of await listDirectory(root)) {
    if (!name.startsWith('lists-') || name === keep) continue;
    const found = await stat(join(root, name)).catch(unlessMissing);
    if (found && now.getTime() - found.mtimeMs > STALE_TEMPORARY_MS)
      await rm(join(root, name), { recursive: true, force: true });
  }
}

/** apt does not say how many bytes it has; the files do. Gives the function that stops it. */
function watchSize(directory: string, report: (bytes: number) => void): () => void {
  const timer = setInterval(() => {
    void sizeOf(directory).then(report, () => undefined);
  }, PROGRESS_INTERVAL_MS);
  timer.unref();
  return () => clearInterval(timer);
}

async function sizeOf(directory: string): Promise<number> {
  let sum = 0;
  for (const name of await listDirectory(directory))
    sum += (await stat(join(directory, name)).catch(unlessMissing))?.size ?? 0;
  return sum;
}
