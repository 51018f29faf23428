/**
 * Install media, verified before a byte of them is used.
 *
 * Promises: what it hands out as verified was, in this run, compared with a digest that leads to a signature by a key of
 * keys/ or of the person's own (or to a digest in the recipe), whatever the cache, apt, a mirror or a lock say. docs/media.md has the steps.
 *
 * Never: runs anything that came with a medium; asks for root; touches the machine's own package lists or database; hands
 * out an unverified file, unless the recipe says `unverified: allow`, which the proof then shows.
 */
export { prepareMedia, type PrepareOptions } from './prepare.ts';
export { preparePackages, type PreparedPackages, type PreparePackagesOptions } from './prepare-packages.ts';
export { unpackPackage, type PackageEntry } from './unpack.ts';
export { packageFiles } from './package-file.ts';
export { prepareFirmware } from './firmware.ts';
export { kernelVersionOf, readCpio, readInitrdFile, unpackInitrd, type CpioEntry } from './cpio.ts';
export { compareVersions } from './version.ts';
export type { Firmware, MediaProof, OnProgress, VerifiedFile, VerifiedMedia } from './types.ts';
