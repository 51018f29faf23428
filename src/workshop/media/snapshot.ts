/**
 * Snapshot archives: where a locked version is looked for that the present sources no longer offer. They are verified like any
 * other source, except that they are old on purpose: nothing is taken from them but what a lock names by its digest, so
 * that an old Release here hides no newer version there.
 */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PortalgunError } from '../../errors.ts';
import { openApt, type Lists, type WantedPackage } from './apt.ts';
import { openArchive, type VerifiedArchive } from './archive.ts';
import { writeAtomically } from './atomic-file.ts';
import type { HighWaterMarks } from './high-water.ts';
import type { Keyring } from './keyring.ts';
import type { SessionOptions } from './package-session.ts';

/** An archive and the lists that its packages are downloaded by. */
export interface Opened {
  readonly archive: VerifiedArchive;
  readonly lists: Lists;
}

/** An old date is what is asked for, and must not count as the newest that was seen of its suite. */
const NO_MARKS: HighWaterMarks = { newest: async () => undefined, raise: async () => undefined };

/** Rejects with `media/lists-not-updated`, `media/no-verified-source`, or a refusal of what does not hold. */
export async function openSnapshots(
  addresses: readonly string[],
  options: SessionOptions,
  keyring: Keyring,
): Promise<Opened> {
  // That it is old is no fault of a snapshot; archive.ts judges dates and signatures again.
  const text = addresses.map((address) => `deb [check-valid-until=no] ${address}\n`).join('');
  const cacheDir = join(options.cacheDir, 'snapshots', createHash('sha256').update(text).digest('hex').slice(0, 16));
  await mkdir(cacheDir, { recursive: true, mode: 0o700 });
  const sourcesList = join(cacheDir, 'sources.list');
  await writeAtomically(sourcesList, (temporary) => writeFile(temporary, text));
  const keys = join(cacheDir, 'keys.gpg');
  const ring = Buffer.concat(keyring.keys.map(({ key }) => key.write()));
  await writeAtomically(keys, (temporary) => writeFile(temporary, ring));
  const apt = openApt({ ...options, cacheDir, sourcesList, keys, now: options.clock });
  const open = async (lists: Lists): Promise<Opened> => ({
    lists,
    archive: await openArchive({
      lists,
      keyring,
      marks: NO_MARKS,
      cacheDir: options.cacheDir,
      now: options.clock(),
      pinned: true,
    }),
  });
  try {
    return await open(await apt.lists());
  } catch (error) {
    // A snapshot does not change: its lists are fetched once.
    if (!(error instanceof PortalgunError) || error.code !== 'media/no-verified-source') throw error;
    return open(await apt.update());
  }
}

/** Both as one: what the present sources offer comes from them, everything else from the snapshots. */
export function withSnapshots(present: Opened, snapshots: Opened): Opened {
  // By the digest: an archive may offer one version with other bytes than it had.
  const isPresent = ({ name, version, architecture, sha256 }: WantedPackage): boolean =>
    present.archive
      .byName(name)
      .some((one) => one.version === version && one.architecture === architecture && one.sha256 === sha256);
  return {
    archive: {
      byName: (name) => [...present.archive.byName(name), ...snapshots.archive.byName(name)],
      providersOf: (name) => [...present.archive.providersOf(name), ...snapshots.archive.providersOf(name)],
      warnings: [...present.archive.warnings, ...snapshots.archive.warnings],
    },
    lists: {
      ...present.lists,
      async *download(packages, directory) {
        const old = packages.filter((one) => !isPresent(one));
        const now = packages.filter(isPresent);
        if (now.length > 0) yield* present.lists.download(now, directory);
        if (old.length > 0) yield* snapshots.lists.download(old, directory);
      },
    },
  };
}
