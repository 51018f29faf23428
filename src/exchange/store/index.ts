/**
 * The record store of one home, on LevelDB.
 *
 * Promises: what was acknowledged is on the disk (one sync a batch) and survives `kill -9`; bad input is an answer and
 * never an exception; replaying anything changes nothing; a feed with a proven fork is frozen and its proof kept; one
 * bad record stops no other. Never asks the network, never judges meaning, never decides whom to trust.
 */
import { openDatabase } from './database.ts';
import { LevelStore } from './level-store.ts';
import type { RecoveryPin } from '../record/recovery-pin.ts';
import type { AuthorId } from '../record/types.ts';
import type { OwnStore } from './types.ts';

export interface StoreOptions {
  readonly network: string;
  /** Recovery keys that an author has named in advance, as policy has them at that moment. Default: none. */
  readonly pinsOf?: (author: AuthorId) => readonly RecoveryPin[];
}

/**
 * Opens or makes the store in the folder `path`. Rejects with `store/locked` where another process holds it,
 * `store/newer-version`, `store/other-network`, `store/damaged`, `store/io`.
 */
export async function openStore(path: string, { network, ...options }: StoreOptions): Promise<OwnStore> {
  const database = await openDatabase(path, network);
  try {
    return await LevelStore.over(database, network, options);
  } catch (error) {
    await database.close();
    throw error;
  }
}

export * from './limits.ts';
export type * from './types.ts';
