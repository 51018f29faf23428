/** Homes for tests: a folder of their own, an environment that leads there and nowhere else, gone afterwards. */
import { mkdtemp, mkdir, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { homeAt, type Environment, type Home } from '../../src/node/home.ts';
import { TEST_CACHE } from './test-cache.ts';

export interface TestHome {
  /** Everything of this home is below it; tests may put files there. */
  readonly folder: string;
  readonly home: Home;
  /** For child processes. */
  readonly environment: Environment;
  remove(): Promise<void>;
}

/** A home that does not exist yet. `PORTALGUN_CACHE` is the one that all tests share. */
export async function tempHome(extra: Environment = {}): Promise<TestHome> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'pg-')); // short: a socket's path lies below it
  const runtime = path.join(folder, 'run');
  await mkdir(runtime, { mode: 0o700 });
  const environment: Environment = {
    PATH: process.env['PATH'],
    HOME: folder,
    PORTALGUN_HOME: path.join(folder, 'home'),
    PORTALGUN_CACHE: TEST_CACHE,
    XDG_RUNTIME_DIR: runtime,
    NODE_COMPILE_CACHE: path.join(TEST_CACHE, 'compile'),
    ...extra,
  };
  return {
    folder,
    home: homeAt(environment),
    environment,
    remove: () => rm(folder, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** Runs `work` with some homes and removes them, whatever happens. */
export async function withHomes<T>(count: number, work: (...homes: TestHome[]) => Promise<T>): Promise<T> {
  const homes: TestHome[] = [];
  for (let index = 0; index < count; index += 1) homes.push(await tempHome());
  try {
    return await work(...homes);
  } finally {
    for (const home of homes) await home.remove();
  }
}
