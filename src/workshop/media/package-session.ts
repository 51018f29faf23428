/**
 * Works with a verified archive, and renews the package lists when that can help: when there are none or old ones and a
 * new lock is to be made, or when something that is asked for is not to be had.
 */
import { PortalgunError } from '../../errors.ts';
import { openApt, type Lists } from './apt.ts';
import type { Architecture } from './apt-config.ts';
import { openArchive, type VerifiedArchive } from './archive.ts';
import { highWaterMarks } from './high-water.ts';
import { loadKeyring } from './keyring.ts';
import type { OnProgress } from './types.ts';

export interface SessionOptions {
  readonly cacheDir: string;
  /** The folder keys/. */
  readonly keysDir: string;
  readonly clock: () => Date;
  /** Of the packages. Default `amd64`. */
  readonly architecture?: Architecture | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** A sources.list instead of the machine's own package sources. */
  readonly sourcesList?: string | undefined;
}

export interface Session {
  readonly archive: VerifiedArchive;
  readonly lists: Lists;
  readonly warnings: readonly string[];
}

/** Whatever fails for one of these reasons may succeed with newer lists. */
const WORTH_A_RENEWAL = new Set([
  'media/no-verified-source',
  'media/release-expired',
  'media/package-not-found',
  'media/dependency-not-found',
  'media/locked-version-gone',
  'media/download-failed',
]);

/** Runs `work`, at most twice. `pinned`: a lock says which versions are wanted, so lists of any age will do at first. */
export async function withArchive<T>(
  options: SessionOptions,
  pinned: boolean,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const apt = openApt({ ...options, now: options.clock });
  const keyring = await loadKeyring(options.keysDir);
  const warnings: string[] = [];
  let lists = await apt.lists();
  let renewed = false;
  let failedRenewal: PortalgunError | undefined;
  const renew = async (): Promise<void> => {
    renewed = true;
    try {
      lists = await apt.update();
    } catch (error) {
      if (!(error instanceof PortalgunError) || error.code !== 'media/lists-not-updated') throw error;
      failedRenewal = error;
      warnings.push(`The package lists could not be renewed: ${error.message}`);
    }
  };
  const attempt = async (): Promise<T> => {
    const { cacheDir } = options;
    const archive = await openArchive({
      lists,
      keyring,
      marks: highWaterMarks(cacheDir),
      cacheDir,
      now: options.clock(),
      pinned,
    });
    return work({ archive, lists, warnings: [...warnings, ...archive.warnings] });
  };
  if (!pinned && !lists.fresh) await renew();
  try {
    return await attempt();
  } catch (error) {
    if (!(error instanceof PortalgunError) || !WORTH_A_RENEWAL.has(error.code)) throw error;
    if (!renewed) {
      await renew();
      if (!failedRenewal) return attempt();
    }
    // Without any lists, why there are none says more than that there are none.
    throw error.code === 'media/no-verified-source' && failedRenewal ? failedRenewal : error;
  }
}
