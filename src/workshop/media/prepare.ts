/** All media of a recipe, from its words to verified files on this host. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { UsageError } from '../../errors.ts';
import { mediaDigest } from '../../recipe/digest.ts';
import type {
  Arch,
  LocalFile,
  Lock,
  LockedFile,
  LockedPackage,
  Medium,
  PackageDisk,
  PackageFile,
  ResolvedRecipe,
  UrlFile,
} from '../../recipe/types.ts';
import type { OfferedPackage } from './archive.ts';
import { aptFolder } from './apt.ts';
import type { Architecture } from './apt-config.ts';
import { sweepTemporary } from './atomic-file.ts';
import { withClearErrors } from './clear-errors.ts';
import { resolvePackages } from './closure.ts';
import { kernelVersionOf } from './cpio.ts';
import { fetchDebs, lockedPackage } from './deb-store.ts';
import { FIRMWARE_PACKAGE, firmwareIn } from './firmware.ts';
import { tellNewHosts } from './hosts.ts';
import { loadKeyring } from './keyring.ts';
import { localFile } from './local-file.ts';
import { checkLockFits, checkNothingExtra, lockedFile, lockedSource } from './lock.ts';
import { packageDisk } from './package-disk.ts';
import { packageFiles } from './package-file.ts';
import { sweepPartial } from './partial-file.ts';
import { withArchive, type Session, type SessionOptions } from './package-session.ts';
import type { VerifiedFile, VerifiedMedia } from './types.ts';
import { urlFile } from './url-file.ts';
import { verifiedMedia } from './verified.ts';

export interface PrepareOptions extends SessionOptions {
  readonly recipe: ResolvedRecipe;
  /** Where the recipe's own files lie. */
  readonly recipeDir: string;
  /** A recipe of somebody else's: its addresses must not lead to this machine or its network. */
  readonly publicOnly?: boolean | undefined;
  /** Exactly these versions; without it the newest, and `VerifiedMedia.lock` says which they are. */
  readonly lock?: Lock | undefined;
}

/** Media that a machine boots from. All others are disks of packages. */
const BOOT_MEDIA = ['kernel', 'initrd', 'iso'] as const;

/** Folders of the cache that files are written to under a temporary name first. */
const WRITTEN_FOLDERS = ['archives', 'debs', 'disks', 'downloads', 'files', 'lists', 'notes', 'releases'] as const;

/** The date on a package disk's files when the recipe has no `source_date_epoch`: the first that FAT knows. */
const FAT_EPOCH_SECONDS = 315_532_800;

/**
 * Gets what is missing, verifies everything, every time. Throws a `RefusedError` when something does not hold (exit code
 * 3), an `UnavailableError` when it is not to be had (5), a `UsageError` when the recipe or lock makes no sense (2).
 */
export async function prepareMedia(options: PrepareOptions): Promise<VerifiedMedia> {
  return withClearErrors(options, () => prepare(options));
}

/** What Debian calls the machine's architecture. */
const ARCHITECTURES: Readonly<Record<Arch, Architecture>> = { x86_64: 'amd64', i386: 'i386' };

async function prepare(given: PrepareOptions): Promise<VerifiedMedia> {
  const { media = {}, machine } = given.recipe.recipe;
  const architecture = ARCHITECTURES[machine.arch];
  const { archives } = given.recipe.recipe;
  // A recipe's archives are its author's word, those of the machine the person's.
  const options = { ...given, architecture, ...(archives ? { archives } : {}) };
  const sorted = sortMedia(media);
  await mkdir(options.cacheDir, { recursive: true, mode: 0o700 });
  for (const folder of ['', ...WRITTEN_FOLDERS, aptFolder(architecture)])
    await sweepTemporary(join(options.cacheDir, folder), options.clock());
  if (options.lock) checkLockFits(options.lock, options.recipe.recipe);
  await sweepPartial(options.cacheDir, options.clock());
  const single = await singleFiles(options, sorted);
  if (sorted.packaged.length === 0 && sorted.disks.length === 0 && machine.firmware !== 'uefi') {
    return verifiedMedia({
      ...attached(single.boot),
      lock: options.lock ?? newLock(options, {}, single),
      disks: {},
      files: [...single.boot.values()],
      warnings: single.warnings,
    });
  }
  const asked = archives ? options : { ...options, publicOnly: false };
  return withArchive(asked, options.lock !== undefined, (session) => gather(options, sorted, single, session));
}

/** Media that are files by themselves: beside the recipe, or by their address. */
interface SingleFiles {
  readonly boot: ReadonlyMap<string, VerifiedFile>;
  readonly locked: Readonly<Record<string, LockedFile>>;
  readonly warnings: readonly string[];
}

async function singleFiles(options: PrepareOptions, { local, remote }: SortedMedia): Promise<SingleFiles> {
  const boot = new Map<string, VerifiedFile>();
  const locks: Record<string, LockedFile> = {};
  const warnings: string[] = [];
  for (const [name, medium] of local)
    boot.set(name, await localFile(name, medium, { ...options, now: options.clock() }));
  if (remote.length === 0) return { boot, locked: locks, warnings };
  const keyring = await loadKeyring(options.keysDir, options.ownKeysDir);
  const onHost = tellNewHosts(options.cacheDir, options.onHost);
  for (const [name, medium] of remote) {
    const locked = options.lock && lockedFile(options.lock, name, medium);
    const found = await urlFile(name, medium, { ...options, keyring, locked, onHost });
    boot.set(name, found.file);
    if (found.locked) locks[name] = found.locked;
    warnings.push(...found.warnings);
  }
  return { boot, locked: locks, warnings };
}

function newLock(
  { recipe }: PrepareOptions,
  media: Readonly<Record<string, readonly LockedPackage[]>>,
  { locked }: SingleFiles,
): Lock {
  return { lock: 1, of: mediaDigest(recipe.recipe), media, ...(Object.keys(locked).length > 0 && { files: locked }) };
}

async function gather(
  options: PrepareOptions,
  sorted: SortedMedia,
  single: SingleFiles,
  session: Session,
): Promise<VerifiedMedia> {
  const boot = new Map(single.boot);
  const locks: Record<string, LockedPackage[]> = {};
  const files: VerifiedFile[] = [...single.boot.values()];
  const debOptions = { ...options, lists: session.lists };
  const resolve = (medium: string, names: readonly string[], closure: boolean): OfferedPackage[] => {
    const resolved = resolveMedium(session, options.lock, medium, names, closure);
    locks[medium] = resolved.map(lockedPackage);
    return resolved;
  };

  const wanted = sorted.packaged.map(([name, medium]) => ({
    name,
    medium,
    packages: resolve(name, [medium.package], false),
  }));
  const debs = await fetchDebs(
    wanted.flatMap(({ packages }) => packages),
    debOptions,
  );
  // Kernel and initrd usually come out of one package: it is unpacked once.
  const byDeb = Map.groupBy(wanted, (_, index) => debs[index]?.sha256);
  for (const group of byDeb.values()) {
    const deb = debs[wanted.indexOf(group[0] ?? raise())] ?? raise();
    const found = await packageFiles(
      deb,
      group.map(({ medium }) => medium.path),
      options,
    );
    for (const [index, { name }] of group.entries()) boot.set(name, found[index] ?? raise());
  }
  files.push(...sorted.packaged.map(([name]) => boot.get(name) ?? raise()));

  const firmware =
    options.recipe.recipe.machine.firmware === 'uefi'
      ? await fetchDebs(resolve('firmware', [FIRMWARE_PACKAGE], false), debOptions)
      : [];
  files.push(...firmware);

  const disks: Record<string, { path: string; sha256: VerifiedFile['sha256'] }> = {};
  for (const [name, medium] of sorted.disks) {
    const names = await namesOf(name, medium, boot);
    const packages = resolve(name, names, medium.closure ?? true);
    const pool = await fetchDebs(packages, debOptions);
    const epochSeconds = options.recipe.recipe.reproducible?.source_date_epoch ?? FAT_EPOCH_SECONDS;
    disks[name] = await packageDisk({ ...options, name, debs: pool, files: medium.files ?? {}, epochSeconds });
    files.push(...pool);
  }
  return verifiedMedia({
    ...attached(boot),
    ...(firmware[0] && { firmware: await firmwareIn(firmware[0], options) }),
    // The lock that was given stays as it is, even where another key vouches for the same bytes by now.
    lock: options.lock ?? newLock(options, locks, single),
    disks,
    files,
    warnings: [...single.warnings, ...session.warnings],
  });
}

function resolveMedium(
  session: Session,
  lock: Lock | undefined,
  medium: string,
  names: readonly string[],
  closure: boolean,
): OfferedPackage[] {
  if (!lock) return resolvePackages(session.archive, names, closure);
  const locked = lock.media[medium] ?? [];
  const resolved = resolvePackages(lockedSource(session.archive, locked), names, closure);
  checkNothingExtra(medium, locked, resolved);
  return resolved;
}

/** `kernel_of` becomes the kernel package of exactly the version that the verified initrd has modules for. */
async function namesOf(disk: string, medium: PackageDisk, boot: ReadonlyMap<string, VerifiedFile>): Promise<string[]> {
  const names: string[] = [];
  for (const item of medium.packages ?? []) {
    if (typeof item === 'string') {
      names.push(item);
      continue;
    }
    const initrd = boot.get(item.kernel_of);
    if (!initrd)
      throw new UsageError(
        'media/kernel-of-what',
        `The disk ${disk} wants the kernel of "${item.kernel_of}", which is no boot medium of the recipe.`,
      );
    names.push(`linux-image-${inFlavour(await kernelVersionOf(initrd.path), item.flavour)}`);
  }
  return names;
}

/** Debian names its kernels `ABI-ARCHITECTURE` or `ABI-FLAVOUR-ARCHITECTURE`. */
function inFlavour(version: string, flavour: string | undefined): string {
  return flavour === undefined ? version : version.replace(/-[^-]+$/, (architecture) => `-${flavour}${architecture}`);
}

interface SortedMedia {
  readonly local: readonly (readonly [string, LocalFile])[];
  readonly remote: readonly (readonly [string, UrlFile])[];
  readonly packaged: readonly (readonly [string, PackageFile])[];
  readonly disks: readonly (readonly [string, PackageDisk])[];
}

function sortMedia(media: Readonly<Record<string, Medium>>): SortedMedia {
  const local: [string, LocalFile][] = [];
  const remote: [string, UrlFile][] = [];
  const packaged: [string, PackageFile][] = [];
  const disks: [string, PackageDisk][] = [];
  for (const [name, medium] of Object.entries(media)) {
    const boot = BOOT_MEDIA.find((one) => one === name);
    if ('layout' in medium) {
      if (boot) throw new UsageError('media/not-a-file', `The medium ${name} must be a file, not a disk of packages.`);
      disks.push([name, medium]);
    } else if (!boot && medium.drive === undefined) {
      throw new UsageError(
        'media/not-a-disk',
        `The medium ${name} must be a disk of packages: only ${BOOT_MEDIA.join(', ')} and what goes into a drive are files.`,
      );
    } else if ('package' in medium) packaged.push([name, medium]);
    else if ('url' in medium) remote.push([name, medium]);
    else local.push([name, medium]);
  }
  return { local, remote, packaged, disks };
}

/** What the machine boots, and what steps put into its drives. */
function attached(
  files: ReadonlyMap<string, VerifiedFile>,
): Pick<VerifiedMedia, 'kernel' | 'initrd' | 'iso' | 'inserts'> {
  const boot = BOOT_MEDIA.flatMap((name) => {
    const file = files.get(name);
    return file ? [[name, file] as const] : [];
  });
  const inserts = [...files].filter(([name]) => !BOOT_MEDIA.some((one) => one === name));
  return { ...Object.fromEntries(boot), ...(inserts.length > 0 && { inserts: Object.fromEntries(inserts) }) };
}

function raise(): never {
  throw new TypeError('each medium has its file');
}
