/** What a finished disk contains, as a comparable list. docs/manifest.md is the format. */
import type { Digest } from '../../crypto/digest.ts';
import type { TarEntry } from './tar-reader.ts';

/** What an extent is known to hold, by its own marks. docs/manifest.md explains each. */
export type ExtentContent = (typeof EXTENT_CONTENTS)[number];

export const EXTENT_CONTENTS = [
  'btrfs-member',
  'luks1-header',
  'luks1-data',
  'luks2-header',
  'luks2-data',
  'lvm2-metadata',
  'lvm2-other',
  'lvm2-member',
  'lvm2-unused',
  'md-member',
  'swap',
] as const;

export type ManifestEntry =
  | {
      readonly kind: 'file' | 'directory' | 'symlink' | 'fifo' | 'socket' | 'block' | 'character';
      /**
       * Path from the root of its file system, prefixed by the partition: `p1:/etc/fstab` (`p0:` for a disk without
       * partitions), or by the logical volume: `vg-root:/etc/fstab`. Escaped (escape.ts): printable ASCII only, one spelling for each name.
       */
      readonly path: string;
      /** Permission bits, octal without type: 0o644. */
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
      readonly sizeBytes: number;
      readonly sha256?: Digest;
      /** Escaped as `path` is. */
      readonly linkTarget?: string;
      readonly device?: readonly [number, number];
      /** Digest over the sorted extended attributes, where there are any. */
      readonly xattrs?: Digest;
      /** First path of the same inode. */
      readonly hardLinkOf?: string;
      /** The rule that rewrote or left out this entry's content. */
      readonly rule?: string;
    }
  | {
      /** Bytes of the disk, or of a logical volume, outside of any file system. */
      readonly kind: 'extent';
      /** `disk:0+512`, `vg-root:0+1024`: offset and length in bytes. */
      readonly path: string;
      readonly sizeBytes: number;
      readonly sha256?: Digest;
      readonly rule?: string;
      readonly holds?: ExtentContent;
    }
  | {
      /**
       * Bytes of the disk, or of a logical volume, that a file system or a logical volume owns: what is in it has entries of
       * its own. Extents and these cover the disk, and each volume.
       */
      readonly kind: 'filesystem';
      /** `disk:1049600+66059264`: offset and length in bytes. */
      readonly path: string;
      readonly sizeBytes: number;
      /** Prefix of what is in it (`p1`, `vg-root`), and its type as Linux mounts it (`ext4`), or `lvm2`. */
      readonly name: string;
      readonly type: string;
    };

/**
 * Told of what is measured, besides: for an entry's path, where the bytes go that its digest is of. Undefined: nobody wants
 * this entry's.
 */
export type ContentTap = (path: string) => { update(bytes: Uint8Array): unknown } | undefined;

/** Given the files of a disk as they are, before any rule, as they are measured. What it does is waited for. */
export interface TreeCopy {
  /**
   * Its path and links have been checked. The content of a regular file follows. `fileSystem`: `p1`. `stated`: how the
   * manifest names it, and its attributes.
   */
  entry(fileSystem: string, entry: TarEntry, stated: Stated): Promise<void>;
  content(bytes: Uint8Array): Promise<void>;
}

export interface Stated {
  readonly path: string;
  readonly xattrs?: Digest;
}

export interface Manifest {
  /** The canonical text: what `digest` is the SHA-256 of. */
  readonly text: string;
  readonly digest: Digest;
  readonly entries: readonly ManifestEntry[];
  readonly normaliser: Digest;
  /** in-toto's `dirHash1` over the regular files: anybody can compute it with sha256sum. */
  readonly dirHash1: Digest;
}
