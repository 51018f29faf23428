/**
 * Locks: the exact packages that a recipe's media resolve to. A lock may come from a peer together with a recipe, so it
 * narrows what is taken, and vouches for nothing: every line of it is compared with the signed index.
 */
import { digestHex } from '../../crypto/digest.ts';
import { RefusedError, UnavailableError, UsageError } from '../../errors.ts';
import { mediaDigest } from '../../recipe/digest.ts';
import type { Lock, LockedFile, LockedPackage, Recipe, UrlFile } from '../../recipe/types.ts';
import type { OfferedPackage } from './archive.ts';
import type { PackageSource } from './closure.ts';

/** Throws `media/lock-stale` when the lock was made for other media. */
export function checkLockFits(lock: Lock, recipe: Recipe): void {
  const wanted = mediaDigest(recipe);
  if (lock.of === wanted) {
    const media = recipe.media ?? {};
    const extra = Object.keys(lock.files ?? {}).filter(
      (name) => !Object.hasOwn(media, name) || !('url' in (media[name] ?? {})),
    );
    if (extra.length > 0) throw lockExtra('the media', extra);
    return;
  }
  throw new UsageError('media/lock-stale', "The lock was made for other media than the recipe's.", {
    hint: 'run `portalgun recipe lock --update` and look at what moves',
    facts: { lockOf: lock.of, media: wanted },
  });
}

/**
 * A package source that offers exactly the locked versions. Throws `media/locked-version-gone` for one that no verified
 * source offers any more, and `media/locked-digest-differs` for one that is offered with other bytes.
 */
export function lockedSource(
  archive: PackageSource<OfferedPackage>,
  locked: readonly LockedPackage[],
): PackageSource<OfferedPackage> {
  const byName = new Map<string, OfferedPackage>();
  for (const line of locked) {
    if (byName.has(line.package))
      throw new UsageError('media/lock-malformed', `The lock names the package ${line.package} twice.`);
    byName.set(line.package, find(archive, line));
  }
  return {
    byName: (name) => [byName.get(name)].filter((found) => found !== undefined),
    providersOf: (name) => [...byName.values()].filter((found) => found.provides.some((offer) => offer.name === name)),
  };
}

/** Throws `media/lock-extra` when a medium's lock has packages that nothing in the recipe asks for. */
export function checkNothingExtra(
  medium: string,
  locked: readonly LockedPackage[],
  resolved: readonly OfferedPackage[],
): void {
  const extra = locked
    .filter((line) => !resolved.some(({ name }) => name === line.package))
    .map((line) => line.package);
  if (extra.length > 0) throw lockExtra(medium, extra);
}

function lockExtra(medium: string, extra: readonly string[]): RefusedError {
  return new RefusedError(
    'media/lock-extra',
    `The lock puts into ${medium} what the recipe does not ask for: ${extra.join(', ')}.`,
    { hint: 'run `portalgun recipe lock --update`', facts: { medium, extra } },
  );
}

/**
 * What the lock says of a medium by its address. Throws `media/lock-malformed` where it says nothing of one that a signature
 * vouches for.
 */
export function lockedFile(
  { files = {} }: Lock,
  medium: string,
  { signed_by: signedBy }: UrlFile,
): LockedFile | undefined {
  const locked = Object.hasOwn(files, medium) ? files[medium] : undefined;
  if (locked || signedBy === undefined) return locked;
  throw new UsageError('media/lock-malformed', `The lock says nothing of the medium ${medium}.`, {
    hint: 'run `portalgun recipe lock --update` and look at what moves',
  });
}

function find(archive: PackageSource<OfferedPackage>, line: LockedPackage): OfferedPackage {
  const offered = archive
    .byName(line.package)
    .filter(({ version, architecture }) => version === line.version && architecture === line.architecture);
  const facts = { package: line.package, version: line.version };
  if (offered.length === 0) {
    throw new UnavailableError(
      'media/locked-version-gone',
      `The locked package ${line.package} ${line.version} is no longer offered by any verified source.`,
      {
        hint: 'run `portalgun recipe lock --update` to move to the present version, or name a snapshot archive in config.yaml (`snapshots`)',
        facts: { ...facts, offered: archive.byName(line.package).map(({ version }) => version) },
      },
    );
  }
  const same = offered.find(({ sha256 }) => digestHex(sha256) === line.sha256);
  if (same) return same;
  throw new RefusedError(
    'media/locked-digest-differs',
    `The lock says that ${line.package} ${line.version} has SHA-256 ${line.sha256}, but the signed index says ${offered.map(({ sha256 }) => digestHex(sha256)).join(', ')}.`,
    { hint: 'the lock was changed, or two archives disagree: ask where it comes from', facts },
  );
}
