/** The only place where a `VerifiedFile` or `VerifiedMedia` comes into being. Not exported by the folder's face. */
import type { VerifiedFile, VerifiedMedia } from './types.ts';

/** Call only after the bytes at `path` were compared with `sha256`, or for `scheme: 'unverified'`. */
export function verifiedFile(file: Pick<VerifiedFile, 'path' | 'sha256' | 'sizeBytes' | 'proof'>): VerifiedFile {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the brand is made here and nowhere else
  return file as VerifiedFile;
}

export function verifiedMedia(
  media: Pick<
    VerifiedMedia,
    'lock' | 'kernel' | 'initrd' | 'iso' | 'inserts' | 'firmware' | 'disks' | 'files' | 'warnings'
  >,
): VerifiedMedia {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the brand is made here and nowhere else
  return media as VerifiedMedia;
}
