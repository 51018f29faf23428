/** An image as this home keeps it: `images/<id>/` with `image.json`, `manifest.txt` and its disks. */
import type { Digest } from '../../crypto/digest.ts';

/** Version of `image.json`. */
export const IMAGE_VERSION = 1;

export interface ImageMachine {
  readonly arch: 'x86_64' | 'i386';
  readonly cpus: number;
  readonly memoryMiB: number;
  /** Absent: the BIOS. */
  readonly firmware?: 'uefi';
}

/** What the builder knows about an image. */
export interface ImageFacts {
  readonly recipeName: string;
  /** Digest of the recipe as published, and as resolved with its parameters. */
  readonly recipe: Digest;
  readonly resolved: Digest;
  readonly lock: Digest;
  /** Absent where nobody computed one. */
  readonly buildKey?: Digest;
  /** ISO 8601. */
  readonly startedAt: string;
  readonly finishedAt: string;
  /** What it runs on unless the person says otherwise. */
  readonly machine: ImageMachine;
}

/** A file in the image's folder. */
export interface ImageFile {
  readonly file: string;
  readonly sizeBytes: number;
  readonly sha256: Digest;
}

export interface ImageDisk extends ImageFile {
  readonly id: string;
  readonly format: 'raw';
  /** What `personalise` changed: a qcow2 over the measured disk. On this machine only, never attested. */
  readonly personal?: ImageFile;
}

export interface StoredImage extends ImageFacts {
  readonly version: typeof IMAGE_VERSION;
  readonly id: string;
  /** Digest of manifest.txt, and the disk that it describes. */
  readonly manifest: Digest;
  readonly measuredDisk: string;
  readonly disks: readonly ImageDisk[];
}
