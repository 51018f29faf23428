/** Where this home's install media may come from, and whose signatures count. */
import path from 'node:path';
import { loadConfig } from './config.ts';
import type { Home } from './home.ts';
import { KEYS_FOLDER } from './keys-folder.ts';

export interface MediaSources {
  /** The keys that come with portalgun. */
  readonly keysDir: string;
  /** Those that the person has added. */
  readonly ownKeysDir: string;
  readonly snapshots: readonly string[];
}

export async function mediaSources(home: Home): Promise<MediaSources> {
  const { snapshots } = await loadConfig(home);
  return { keysDir: KEYS_FOLDER, ownKeysDir: ownKeysDir(home), snapshots };
}

export function ownKeysDir(home: Home): string {
  return path.join(home.config, 'keys');
}
