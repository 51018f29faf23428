/**
 * Images: what a finished disk contains, as a list that two builders can compare, and where this home keeps its images.
 *
 * Promises: every byte of a measured disk belongs to a file system, whose files are listed, or to an extent, which is
 * hashed; what a rule rewrote is named; the same content gives the same manifest, byte for byte, whatever the order or
 * time it was written in; a stored image is whole or not there.
 *
 * Never: mounts anything on this host; replays a journal; writes to a measured disk; takes bytes from a guest for anything
 * but bytes.
 */
export { dirHash1 } from './dir-hash.ts';
export { escapeName, unescapeName } from './escape.ts';
export { checkDisk, exportDisk, type ExportedFile, type ExportProgress } from './export-disk.ts';
export { MEASURE_MEMORY_MIB } from './limits.ts';
export { hasFileSystem, leftOutOfTar, openTarFile, type TarFile } from './export-tar.ts';
export { draftImage, hashFile, type ImageDraft } from './image-draft.ts';
export {
  type ImageList,
  imageFolder,
  listImages,
  measuredDiskOf,
  readImageManifest,
  removeImage,
  showImage,
  storeImage,
  verifyImage,
} from './image-store.ts';
export type { ImageDisk, ImageFacts, ImageFile, StoredImage } from './image-types.ts';
export {
  type Change,
  diffManifests,
  formatLine,
  formatManifest,
  MANIFEST_FORMAT,
  type ManifestDifference,
  parseManifest,
} from './manifest.ts';
export { buildMeasuringTools, MEASURING_PACKAGES, type MeasuringTools, type ToolPackage } from './measure-initramfs.ts';
export {
  measureBuild,
  type MeasuredBuild,
  type MeasuredDisk,
  measureDisk,
  measureDisks,
  type MeasureOptions,
  type MeasureProgress,
} from './measure.ts';
export { prepareMeasuringTools } from './measuring-tools.ts';
export { compileRules, countRules, type Normaliser } from './normalise.ts';
export type { ContentTap, Manifest, ManifestEntry, TreeCopy } from './types.ts';
