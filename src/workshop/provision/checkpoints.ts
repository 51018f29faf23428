/**
 * The checkpoints of this machine: one tree over all recipes, each a folder named by its key.
 *
 *     nodes/<64 hex digits>/meta.json     what it is and which disk files it rests on
 *                           memory.zst    the guest's memory and devices; not there where the machine was off
 *                           disk-….txt    what its disk was measured to hold (build/stage-manifests.ts)
 *     disks/<session>/…qcow2              overlays, where the machine made them: they name each other by absolute path,
 *                                         so they are never moved
 *     sessions/<session>.json             who uses what (leases.ts)
 *
 * A checkpoint is there whole or not at all (made aside, synced, renamed). A disk file is removed when no checkpoint
 * rests on it any more and the session that made it is over. Folders are 0700 and files 0600: memory holds what was
 * typed. Nothing here ever leaves the machine.
 */
import { mkdir, readdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { digestHex, isDigest, type Digest } from '../../crypto/digest.ts';
import { errnoOf, FailedError } from '../../errors.ts';
import { inspectDisk } from '../machine/disks.ts';
import type { Machine } from '../machine/types.ts';
import { readLeases, takeLease } from './leases.ts';
import { replaceFile, syncPath } from './replace-file.ts';

const META_VERSION = 1;

export interface Checkpoint {
  readonly key: Digest;
  /** Key of the checkpoint, or power-on state, that it was reached from. */
  readonly parent: Digest;
  /** Key of the checkpoint that its machine had its disks from at power-on: the end of another recipe. */
  readonly base?: Digest;
  readonly recipe: string;
  /** Id of the step that it was made after. */
  readonly step: string;
  /** ISO 8601. */
  readonly createdAt: string;
  /** 0 where the machine was off. */
  readonly memoryBytes: number;
  /** Size on this host of the memory and of the disk files that this checkpoint alone froze. */
  readonly sizeBytes: number;
  /** Where it lies: what is put there goes with it. */
  readonly folder: string;
  /** `null`: the machine was off, and nothing but its disks is kept. */
  readonly memoryPath: string | null;
  /** The frozen file of each writable disk, by disk id. */
  readonly disks: Readonly<Record<string, string>>;
  /** Every file of the store that `disks` rest on, themselves included. */
  readonly files: readonly string[];
}

export type NewCheckpoint = Pick<Checkpoint, 'key' | 'parent' | 'base' | 'recipe' | 'step'>;

export interface CheckpointSession {
  /** Where machines of this session make their disks: kept as long as a checkpoint rests on them. */
  readonly disksDir: string;
  /** Keys of all that is there. */
  keys(): Promise<ReadonlySet<Digest>>;
  /** The checkpoint with this key, held against pruning until the session ends; `undefined` if there is none. */
  find(key: Digest): Promise<Checkpoint | undefined>;
  /** Saves the machine, which runs on; one that is off is closed, so that its disks are whole. A key that is there already is left as it is, and the machine not stopped. */
  save(machine: Machine, what: NewCheckpoint): Promise<Checkpoint>;
  /** Removes a checkpoint that cannot be used. */
  discard(key: Digest): Promise<void>;
  /** Lets go of everything. Disks that no checkpoint rests on are removed. */
  end(): Promise<void>;
}

export interface CheckpointStore {
  session(): Promise<CheckpointSession>;
  /** All checkpoints, the oldest first. */
  list(): Promise<Checkpoint[]>;
  /** Removes the longest unused ones until at most `maxBytes` are left; never one that is in use. */
  prune(maxBytes: number): Promise<{ readonly removed: readonly Checkpoint[]; readonly freedBytes: number }>;
}

/** `sync` waits until a file, or the names in a folder, are on the disk. */
export function openCheckpoints(folder: string, sync: (path: string) => Promise<void> = syncPath): CheckpointStore {
  const root = resolve(folder);
  const nodes = join(root, 'nodes');
  const disks = join(root, 'disks');
  const sessions = join(root, 'sessions');
  const nodeDir = (key: Digest) => join(nodes, digestHex(key));

  async function read(key: Digest): Promise<Checkpoint | undefined> {
    let text: string;
    try {
      text = await readFile(join(nodeDir(key), 'meta.json'), 'utf8');
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return undefined;
      throw error;
    }
    return parseMeta(text, root, nodeDir(key));
  }

  async function keys(): Promise<Digest[]> {
    return (await namesIn(nodes)).map((name) => `sha256:${name}`).filter(isDigest);
  }

  async function list(): Promise<Checkpoint[]> {
    const found = await Promise.all((await keys()).map(read));
    return found.filter((one) => one !== undefined).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  /** Removes disks that no checkpoint rests on, and leftovers of sessions that ended without a word. */
  async function sweep(): Promise<number> {
    const [checkpoints, leases] = await Promise.all([list(), readLeases(sessions)]);
    const alive = new Set(leases.filter((lease) => lease.alive).map((lease) => lease.session));
    const needed = new Set(checkpoints.flatMap((checkpoint) => checkpoint.files));
    let freedBytes = 0;
    for (const session of await namesIn(disks)) {
      if (alive.has(session)) continue;
      for (const name of await namesIn(join(disks, session))) {
        const file = join(disks, session, name);
        if (needed.has(file)) continue;
        freedBytes += await bytesOnDisk(file);
        await rm(file, { force: true });
      }
      if ((await namesIn(join(disks, session))).length === 0) await rm(join(disks, session), { recursive: true });
    }
    for (const { session } of leases.filter((lease) => !lease.alive)) {
      await rm(join(sessions, `${session}.json`), { force: true });
    }
    for (const name of await namesIn(nodes)) {
      const owner = /^making-([0-9a-f]+)-/.exec(name)?.[1];
      if (owner !== undefined && !alive.has(owner)) await rm(join(nodes, name), { recursive: true, force: true });
    }
    return freedBytes;
  }

  async function session(): Promise<CheckpointSession> {
    for (const path of [root, nodes, disks]) await mkdir(path, { recursive: true, mode: 0o700 });
    const lease = await takeLease(sessions);
    const disksDir = join(disks, lease.session);
    await mkdir(disksDir, { mode: 0o700 });
    await sweep();

    async function find(key: Digest): Promise<Checkpoint | undefined> {
      await lease.hold(key);
      const found = await read(key);
      if (found) {
        const now = new Date();
        await utimes(join(nodeDir(key), 'meta.json'), now, now);
      }
      return found;
    }

    return {
      disksDir,
      keys: async () => new Set(await keys()),
      find,
      async save(machine, { key, parent, base, recipe, step }) {
        const there = await find(key);
        if (there) return there;
        const making = join(nodes, `making-${lease.session}-${digestHex(key).slice(0, 16)}`);
        await rm(making, { recursive: true, force: true });
        await mkdir(making, { mode: 0o700 });
        try {
          const saved = machine.running ? await machine.save(join(making, 'memory.zst')) : await disksOf(machine);
          const files = await storedFiles(Object.values(saved.disks), root);
          // What a checkpoint rests on must not be younger on the disk than the checkpoint: the files, and then their names.
          for (const file of files) await sync(file);
          for (const folder of new Set([...files.map((file) => dirname(file)), disks, root])) await sync(folder);
          const known = new Set((await list()).flatMap((checkpoint) => checkpoint.files));
          const own = await Promise.all(files.filter((file) => !known.has(file)).map(bytesOnDisk));
          const meta = {
            version: META_VERSION,
            key,
            parent,
            ...(base !== undefined && { base }),
            recipe,
            step,
            createdAt: new Date().toISOString(),
            memoryBytes: saved.memoryBytes,
            ...(saved.memoryPath === null && { off: true }),
            sizeBytes: own.reduce((sum, size) => sum + size, saved.memoryBytes),
            disks: mapValues(saved.disks, (path) => relative(root, path)),
            files: files.map((path) => relative(root, path)),
          };
          await replaceFile(join(making, 'meta.json'), `${JSON.stringify(meta, null, 2)}\n`);
          // There is none that can be read, but what is left of one may be in the way.
          await rm(nodeDir(key), { recursive: true, force: true });
          await rename(making, nodeDir(key));
        } catch (error) {
          await rm(making, { recursive: true, force: true });
          throw error;
        }
        await sync(nodes);
        const made = await read(key);
        if (!made) throw new Error(`unreachable: the checkpoint ${key} was just made`);
        return made;
      },
      async discard(key) {
        await rm(nodeDir(key), { recursive: true, force: true });
      },
      async end() {
        await lease.end();
        await sweep();
      },
    };
  }

  async function prune(maxBytes: number): Promise<{ removed: readonly Checkpoint[]; freedBytes: number }> {
    const leases = await readLeases(sessions);
    const held = new Set(leases.filter((lease) => lease.alive).flatMap((lease) => lease.keys));
    const all = await Promise.all(
      (await list()).map(async (one) => ({ one, usedAtMs: (await stat(join(nodeDir(one.key), 'meta.json'))).mtimeMs })),
    );
    const kept = new Set(all.map(({ one }) => one));
    const fileBytes = new Map<string, number>();
    for (const file of new Set([...kept].flatMap(({ files }) => files))) fileBytes.set(file, await bytesOnDisk(file));
    /** A disk file is there as long as one checkpoint rests on it, and counts once. */
    const total = (): number =>
      [...kept].reduce((sum, { memoryBytes }) => sum + memoryBytes, 0) +
      [...new Set([...kept].flatMap(({ files }) => files))].reduce((sum, file) => sum + (fileBytes.get(file) ?? 0), 0);
    const removed: Checkpoint[] = [];
    let freedBytes = 0;
    for (const { one } of all.filter(({ one }) => !held.has(one.key)).sort((a, b) => a.usedAtMs - b.usedAtMs)) {
      if (total() <= maxBytes) break;
      await rm(nodeDir(one.key), { recursive: true, force: true });
      kept.delete(one);
      freedBytes += one.memoryBytes;
      removed.push(one);
    }
    freedBytes += await sweep();
    return { removed, freedBytes };
  }

  return { session, list, prune };
}

async function disksOf(machine: Machine): Promise<Pick<Checkpoint, 'memoryPath' | 'memoryBytes' | 'disks'>> {
  await machine.close({ keepDisks: true });
  return { memoryPath: null, memoryBytes: 0, disks: machine.diskFiles() };
}

/** The files of the store in the backing chains of `paths`; what lies elsewhere (a verified medium) is not ours to keep. */
async function storedFiles(paths: readonly string[], root: string): Promise<string[]> {
  const chains = await Promise.all(paths.map(async (path) => (await inspectDisk(path)).chain));
  return [...new Set(chains.flat().map((path) => resolve(path)))].filter((path) => path.startsWith(`${root}/`));
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}

/** Sparse files take less room than their size says. A block of `stat` is 512 bytes. */
async function bytesOnDisk(file: string): Promise<number> {
  try {
    return (await stat(file)).blocks * 512;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return 0;
    throw error;
  }
}

/** Throws `provision/checkpoint-version`; what is no description of a checkpoint is as good as none. */
function parseMeta(text: string, root: string, folder: string): Checkpoint | undefined {
  const meta = parseObject(text);
  if (meta === undefined) return undefined;
  if (meta['version'] !== META_VERSION) {
    throw new FailedError(
      'provision/checkpoint-version',
      `the checkpoint ${folder} has version ${String(meta['version'])}`,
      {
        hint: `it was made by another version of portalgun: use that one, or remove the folder ${root}`,
      },
    );
  }
  const { key, parent, base, recipe, step, createdAt, memoryBytes, sizeBytes, disks, files } = meta;
  if (!isDigest(key) || !isDigest(parent)) return undefined;
  if (typeof recipe !== 'string' || typeof step !== 'string' || typeof createdAt !== 'string') return undefined;
  if (typeof memoryBytes !== 'number' || typeof sizeBytes !== 'number') return undefined;
  if (!isRecord(disks) || !Array.isArray(files)) return undefined;
  const place = (path: unknown) => join(root, String(path));
  return {
    key,
    parent,
    ...(isDigest(base) && { base }),
    recipe,
    step,
    createdAt,
    memoryBytes,
    sizeBytes,
    folder,
    memoryPath: meta['off'] === true ? null : join(folder, 'memory.zst'),
    disks: mapValues(disks, place),
    files: files.map(place),
  };
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    // A damaged file: the checkpoint is made anew when its step is done again.
    return undefined;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function mapValues<T>(values: Readonly<Record<string, T>>, change: (value: T) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, change(value)]));
}
