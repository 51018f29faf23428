/** Verified packages for our own use: the measuring VM's kernel and tools come the same way as a guest's. */
import { mkdir } from 'node:fs/promises';
import type { LockedPackage } from '../../recipe/types.ts';
import { withClearErrors } from './clear-errors.ts';
import { resolvePackages } from './closure.ts';
import { fetchDebs, lockedPackage } from './deb-store.ts';
import { checkNothingExtra, lockedSource } from './lock.ts';
import { withArchive, type SessionOptions } from './package-session.ts';
import type { VerifiedFile } from './types.ts';

export interface PreparePackagesOptions extends SessionOptions {
  readonly packages: readonly string[];
  /** Include what they depend on. */
  readonly closure: boolean;
  /** Exactly these versions, as an earlier call gave them back. */
  readonly locked?: readonly LockedPackage[] | undefined;
}

export interface PreparedPackages {
  /** Sorted by name. */
  readonly packages: readonly LockedPackage[];
  /** The .deb files, in the same order. */
  readonly debs: readonly VerifiedFile[];
  readonly warnings: readonly string[];
}

/** Throws as `prepareMedia` does. */
export async function preparePackages(options: PreparePackagesOptions): Promise<PreparedPackages> {
  return withClearErrors(options, () => prepare(options));
}

async function prepare(options: PreparePackagesOptions): Promise<PreparedPackages> {
  await mkdir(options.cacheDir, { recursive: true, mode: 0o700 });
  const { locked } = options;
  return withArchive(options, locked !== undefined, async (session) => {
    const source = locked ? lockedSource(session.archive, locked) : session.archive;
    const resolved = resolvePackages(source, options.packages, options.closure);
    if (locked) checkNothingExtra('the list', locked, resolved);
    const debs = await fetchDebs(resolved, { ...options, lists: session.lists });
    return { packages: resolved.map(lockedPackage), debs, warnings: session.warnings };
  });
}
