/** Where this home's install media may come from, and whose signatures count. */
import path from 'node:path';
import type { ArchiveAddress } from '../recipe/types.ts';
import { loadConfig } from './config.ts';
import type { Home } from './home.ts';
import { KEYS_FOLDER } from './keys-folder.ts';

export interface MediaSources {
  /** The keys that come with portalgun. */
  readonly keysDir: string;
  /** Those that the person has added. */
  readonly ownKeysDir: string;
  readonly snapshots: readonly string[];
  /** Instead of apt's own sources; empty where apt is asked. */
  readonly archives: readonly ArchiveAddress[];
}

export async function mediaSources(home: Home): Promise<MediaSources> {
  const { snapshots, archives } = await loadConfig(home);
  return { keysDir: KEYS_FOLDER, ownKeysDir: ownKeysDir(home), snapshots, archives: archives.map(addressIn) };
}

/** `URL SUITE COMPONENT…`, which config.ts has checked. */
function addressIn(line: string): ArchiveAddress {
  const [url = '', suite = '', ...components] = line.split(' ');
  return { url, suite, components };
}

export function ownKeysDir(home: Home): string {
  return path.join(home.config, 'keys');
}
