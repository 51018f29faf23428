/**
 * Works with a verified archive, and renews the package lists when that can help: when there are none or old ones and a
 * new lock is to be made, or when something that is asked for is not to be had.
 */
import { PortalgunError, UnavailableError } from '../../errors.ts';
import { openApt, type Carrier, type Lists } from './apt.ts';
import type { Architecture } from './apt-config.ts';
import { openArchive, type VerifiedArchive } from './archive.ts';
import { highWaterMarks } from './high-water.ts';
import { tellNewHosts } from './hosts.ts';
import { openHttpArchive } from './http-archive.ts';
import { loadKeyring, type Keyring } from './keyring.ts';
import { openSnapshots, withSnapshots, type Opened } from './snapshot.ts';
import type { ArchiveAddress } from '../../recipe/types.ts';
import type { OnProgress } from './types.ts';

export interface SessionOptions {
  readonly cacheDir: string;
  /** The folder keys/. */
  readonly keysDir: string;
  /** A folder of the same form with keys that the person has added; may be missing. */
  readonly ownKeysDir?: string | undefined;
  readonly clock: () => Date;
  /** Of the packages. Default `amd64`. */
  readonly architecture?: Architecture | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
  /** Archives by their address, instead of apt and the machine's own package sources. */
  readonly archives?: readonly ArchiveAddress[] | undefined;
  /** Called with each host that an address leads to, before this cache speaks to it for the first time. */
  readonly onHost?: ((host: string) => void) | undefined;
  /** The addresses are somebody else's: they must not lead to this machine or its network. */
  readonly publicOnly?: boolean | undefined;
  /** A sources.list instead of the machine's own package sources. */
  readonly sourcesList?: string | undefined;
  /**
   * Snapshot archives, each as it stands after `deb` in sources.list(5): where a locked version is looked for that the
   * present sources no longer offer.
   */
  readonly snapshots?: readonly string[] | undefined;
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
  // Newer ones of the same archive may have come by another way: from another address, or by apt.
  'media/release-rollback',
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
  const keyring = await loadKeyring(options.keysDir, options.ownKeysDir);
  const carrier = carrierFor(options, keyring, pinned);
  const warnings: string[] = [];
  let lists = await carrier.lists();
  let renewed = false;
  let failedRenewal: PortalgunError | undefined;
  let snapshots: Opened | undefined;
  const renew = async (): Promise<void> => {
    renewed = true;
    try {
      lists = await carrier.update();
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
    const opened = snapshots === undefined ? { archive, lists } : withSnapshots({ archive, lists }, snapshots);
    return work({ ...opened, warnings: [...warnings, ...opened.archive.warnings] });
  };
  if (!pinned && !lists.fresh) await renew();
  const attemptRenewed = async (): Promise<T> => {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof PortalgunError) || !WORTH_A_RENEWAL.has(error.code)) throw error;
      if (renewed) throw error;
      await renew();
      if (failedRenewal) throw error;
      return attempt();
    }
  };
  try {
    return await attemptRenewed();
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    if (error.code === 'media/locked-version-gone' && (options.snapshots ?? []).length > 0) {
      snapshots = await snapshotsFor(error, options, keyring);
      return attempt();
    }
    // Without any lists, why there are none says more than that there are none.
    throw error.code === 'media/no-verified-source' && failedRenewal ? failedRenewal : error;
  }
}

function carrierFor(options: SessionOptions, keyring: Keyring, pinned: boolean): Carrier {
  const { archives, architecture = 'amd64', clock: now, cacheDir } = options;
  if (archives === undefined || archives.length === 0) return openApt({ ...options, now });
  const onHost = tellNewHosts(cacheDir, options.onHost);
  return openHttpArchive({ ...options, archives, architecture, keyring, pinned, now, onHost });
}

/** Where they cannot be had, what is gone is still what the person must know. What does not hold in them is refused. */
async function snapshotsFor(gone: PortalgunError, options: SessionOptions, keyring: Keyring): Promise<Opened> {
  try {
    return await openSnapshots(options.snapshots ?? [], options, keyring);
  } catch (error) {
    if (!(error instanceof UnavailableError)) throw error;
    throw new UnavailableError(
      gone.code,
      `${gone.message} The snapshot archives could not be asked: ${error.message}`,
      {
        hint: 'see `snapshots` in config.yaml, and try again; or run `portalgun recipe lock --update`',
        facts: gone.facts,
        cause: error,
      },
    );
  }
}
