/** Stores in a folder of their own, removed after each test. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach } from 'mocha';
import { openStore, type OwnStore } from '../../../src/exchange/store/index.ts';
import { NETWORK } from '../record/author.ts';

export interface Folder {
  /** A new store. */
  open(): Promise<OwnStore>;
  /** A folder for a store, not opened. */
  path(): Promise<string>;
  /** The store in a folder; closed after the test if it still is open. */
  openAt(folder: string): Promise<OwnStore>;
}

/** To be called inside `describe`. */
export function temporaryStores(): Folder {
  const folders: string[] = [];
  const stores: OwnStore[] = [];
  afterEach(async () => {
    for (const store of stores.splice(0)) await store.close();
    for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
  });
  const newPath = async (): Promise<string> => {
    const folder = await mkdtemp(path.join(tmpdir(), 'portalgun-store-'));
    folders.push(folder);
    return path.join(folder, 'store');
  };
  const openAt = async (folder: string): Promise<OwnStore> => {
    const store = await openStore(folder, { network: NETWORK });
    stores.push(store);
    return store;
  };
  return { path: newPath, openAt, open: async () => openAt(await newPath()) };
}
