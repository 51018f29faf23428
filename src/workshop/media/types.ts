/** Install media, verified before a byte of them is used. */
import type { Digest } from '../../crypto/digest.ts';
import type { Lock, LockedPackage } from '../../recipe/types.ts';

declare const verified: unique symbol;

/** A file on this host whose digest was checked against a signed statement; only `media/` makes one. */
export interface VerifiedFile {
  readonly [verified]: true;
  readonly path: string;
  readonly sha256: Digest;
  readonly sizeBytes: number;
  /** How it was verified, kept with the build. */
  readonly proof: MediaProof;
}

export type MediaProof =
  | {
      readonly scheme: 'debian-archive';
      /** Fingerprint of the key that signed InRelease, upper-case hex. */
      readonly fingerprint: string;
      readonly suite: string;
      /** ISO 8601: from the signed Release file, and when we checked. */
      readonly releaseDate: string;
      readonly verifiedAt: string;
      readonly package: LockedPackage;
      /** SHA-256 of the InRelease file, which is kept in the cache by this name. */
      readonly release?: Digest;
    }
  | {
      /** Who made the signature: over a list of checksums, or over the file itself. */
      readonly scheme: 'openpgp' | 'signify' | 'minisign';
      readonly fingerprint: string;
      /** What the list calls the file. */
      readonly file: string;
      readonly verifiedAt: string;
      /** Where the signature says it. */
      readonly signedAt?: string;
      /** SHA-256 of the list and of the detached signature, which are kept in the cache by these names. */
      readonly list?: Digest;
      readonly signature?: Digest;
    }
  | { readonly scheme: 'digest'; readonly verifiedAt: string }
  | { readonly scheme: 'unverified'; readonly verifiedAt: string };

export interface Firmware {
  readonly code: VerifiedFile;
  readonly variables: VerifiedFile;
}

/** All media of one recipe, ready to be attached. */
export interface VerifiedMedia {
  readonly [verified]: true;
  readonly lock: Lock;
  readonly kernel?: VerifiedFile;
  readonly initrd?: VerifiedFile;
  readonly iso?: VerifiedFile;
  /** Media that steps put into drives, by name. */
  readonly inserts?: Readonly<Record<string, VerifiedFile>>;
  /** UEFI's code, and the variable store that a new machine begins with. */
  readonly firmware?: Firmware;
  /** Disks of packages by medium name: raw images, byte-identical for the same recipe and lock. */
  readonly disks: Readonly<Record<string, { readonly path: string; readonly sha256: Digest }>>;
  /** Every verified file that went in, for the attestation's `resolvedDependencies`. */
  readonly files: readonly VerifiedFile[];
  /** What a person should know but need not act on: a key that expired after it signed, lists that could not be renewed. */
  readonly warnings?: readonly string[];
}

/** Told as bytes arrive or are read: `what` names the thing to a person; `total` is 0 where it is not known. */
export type OnProgress = (progress: { readonly what: string; readonly done: number; readonly total: number }) => void;
