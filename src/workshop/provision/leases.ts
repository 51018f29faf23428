/**
 * Which checkpoints and disks are in use, across processes. A session is a folder with a `lease.json`: the process that
 * holds it, and the checkpoints that it made or started from. A lease whose process is gone holds nothing.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../crypto/digest.ts';
import { isDigest } from '../../crypto/digest.ts';
import { errnoOf } from '../../errors.ts';
import { isRunning, startOf } from '../../running.ts';
import { replaceFile } from './replace-file.ts';

export interface Lease {
  /** Name of the session: also the folder of its disks. */
  readonly session: string;
  /** The checkpoint is in use until the lease ends. */
  hold(key: Digest): Promise<void>;
  end(): Promise<void>;
}

export interface LeaseState {
  readonly session: string;
  readonly alive: boolean;
  readonly keys: readonly Digest[];
}

export async function takeLease(folder: string): Promise<Lease> {
  const session = randomBytes(6).toString('hex');
  const file = join(folder, `${session}.json`);
  const keys = new Set<Digest>();
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const startedAt = await processStart(process.pid);
  const write = () => replaceFile(file, JSON.stringify({ pid: process.pid, startedAt, keys: [...keys] }));
  await write();
  return {
    session,
    async hold(key) {
      if (keys.has(key)) return;
      keys.add(key);
      await write();
    },
    end: () => rm(file, { force: true }),
  };
}

export async function readLeases(folder: string): Promise<LeaseState[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const leases = names.filter((name) => name.endsWith('.json')).map((name) => readLease(folder, name));
  return Promise.all(leases);
}

async function readLease(folder: string, name: string): Promise<LeaseState> {
  const session = name.slice(0, -'.json'.length);
  let value: unknown;
  try {
    value = JSON.parse(await readFile(join(folder, name), 'utf8'));
  } catch {
    // Ended between the listing and now, or never written whole: nobody holds it.
    value = null;
  }
  if (typeof value !== 'object' || value === null) return { session, alive: false, keys: [] };
  const { pid, startedAt, keys } = { pid: null, startedAt: null, keys: [], ...value };
  const alive = typeof pid === 'number' && (await processStart(pid)) === startedAt;
  return { session, alive, keys: Array.isArray(keys) ? keys.filter(isDigest) : [] };
}

/** Without /proc the number alone has to do. `null`: there is no such process. */
async function processStart(pid: number): Promise<string | null> {
  return (await startOf(pid)) ?? (isRunning(pid) ? 'running' : null);
}
