/**
 * LevelDB with what a store needs of it: one synced batch at a time, errors that a person can act on, a version.
 * `write` resolves when the batch is on the disk, entirely; if it rejects, nothing of it was acknowledged.
 */
import { Level } from 'level';
import { FailedError, PortalgunError, RefusedError, UnavailableError } from '../../errors.ts';
import { LAYOUT_VERSION, NAMED_KEY, NAMED_VERSION, NETWORK_KEY, OLDEST_LAYOUT, VERSION_KEY } from './layout.ts';

export type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string };

export interface Database {
  get(key: string): Promise<Uint8Array | undefined>;
  has(keys: readonly string[]): Promise<boolean[]>;
  /** In the order of keys, as things stood when it began. */
  entries(range: {
    readonly gte: string;
    readonly lt: string;
    readonly limit?: number;
  }): AsyncIterable<[string, Uint8Array]>;
  /** All or nothing, with one sync. */
  write(batch: readonly Write[]): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens or makes the database. Rejects with `store/locked` (another process holds it), `store/newer-version`,
 * `store/other-network`, `store/damaged`, `store/io`. One of an older layout is opened as it is: named.ts migrates it.
 */
export async function openDatabase(path: string, network: string): Promise<Database> {
  const level = new Level<string, Uint8Array>(path, { keyEncoding: 'utf8', valueEncoding: 'view' });
  try {
    await level.open();
  } catch (error) {
    throw explain(path, error);
  }
  const database = wrap(level, path);
  try {
    await checkMeta(database, path, network);
  } catch (error) {
    await database.close();
    throw error;
  }
  return database;
}

function wrap(level: Level<string, Uint8Array>, path: string): Database {
  const guard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      throw explain(path, error);
    }
  };
  return {
    // The types promise a value; `undefined` is what a missing key gives (abstract-level 2 and later).
    get: (key) => guard(async (): Promise<Uint8Array | undefined> => level.get(key)),
    has: (keys) => guard(() => level.hasMany([...keys])),
    async *entries(range) {
      const iterator = level.iterator(range);
      try {
        for (;;) {
          const entry = await guard(() => iterator.next());
          if (entry === undefined) return;
          yield entry;
        }
      } finally {
        await iterator.close();
      }
    },
    write: (batch) => guard(() => level.batch([...batch], { sync: true } as object)),
    close: () => guard(() => level.close()),
  };
}

async function checkMeta(database: Database, path: string, network: string): Promise<void> {
  const version = await database.get(VERSION_KEY);
  if (version === undefined) {
    await database.write([
      { type: 'put', key: VERSION_KEY, value: Buffer.from(String(LAYOUT_VERSION)) },
      { type: 'put', key: NETWORK_KEY, value: Buffer.from(network) },
      { type: 'put', key: NAMED_KEY, value: Buffer.from(String(NAMED_VERSION)) },
    ]);
    return;
  }
  const found = Buffer.from(version).toString();
  if (!/^[1-9]\d{0,8}$/.test(found) || Number(found) < OLDEST_LAYOUT || Number(found) > LAYOUT_VERSION) {
    throw new UnavailableError(
      'store/newer-version',
      `The store ${path} has the layout ${found}; this portalgun reads ${LAYOUT_VERSION}.`,
      {
        hint: 'update portalgun, or use another home',
        facts: { path, found, reads: LAYOUT_VERSION },
      },
    );
  }
  const other = Buffer.from((await database.get(NETWORK_KEY)) ?? []).toString();
  if (other !== network) {
    throw new FailedError(
      'store/other-network',
      `The store ${path} belongs to the network "${other}", not to "${network}".`,
      {
        hint: 'set the network in config.yaml back, or use another home',
        facts: { path, found: other, network },
      },
    );
  }
}

/** What LevelDB says, as an error of ours. Its codes: github.com/Level/abstract-level, "Errors". */
function explain(path: string, error: unknown): PortalgunError {
  if (error instanceof PortalgunError) return error;
  const details = { cause: error, facts: { path } };
  switch (codeOf(error)) {
    case 'LEVEL_LOCKED':
      return new UnavailableError('store/locked', `Another process holds the store ${path}.`, {
        ...details,
        hint: 'a node is running for this home: speak to it, or stop it with `portalgun node stop`',
      });
    case 'LEVEL_CORRUPTION':
      return new RefusedError('store/damaged', `The store ${path} is damaged: ${messageOf(error)}.`, {
        ...details,
        hint: 'move it away; the node fetches its feeds again from peers',
      });
    case 'LEVEL_DATABASE_NOT_OPEN':
    case 'LEVEL_ITERATOR_NOT_OPEN':
      return new FailedError('store/closed', `The store ${path} is closed.`, details);
    default:
      return new FailedError('store/io', `The store ${path} could not be read or written: ${messageOf(error)}.`, {
        ...details,
        hint: 'see whether the disk is full or the folder may not be written; nothing of this was stored',
      });
  }
}

/** The first code of LevelDB's own in the chain of causes: `open` wraps it. */
function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const inner = codeOf(error.cause);
  if (inner !== undefined) return inner;
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return error.cause instanceof Error ? messageOf(error.cause) : error.message;
}
