import type { Digest } from '../../crypto/digest.ts';
import type { ArchiveAddress, CheckedRecipe, Lock, ResolvedRecipe } from '../../recipe/types.ts';
import type { Manifest } from '../image/types.ts';
import type { BuildStage } from './measure-stages.ts';
import type { Surroundings } from '../machine/types.ts';
import type { VerifiedMedia } from '../media/types.ts';
import type { Repair, RunOptions } from '../provision/index.ts';
import type { BuildEvent, BuildEventBody, RepairSource } from '../provision/types.ts';

/** Where a build keeps what it makes. All are on one file system, so that finished things move in one step. */
export interface BuildFolders {
  /** Media, fonts, the accelerator probe, the measuring VM: verified anew at each use. */
  readonly cache: string;
  readonly checkpoints: string;
  readonly images: string;
  /** This build's own: transcript and failure bundle. */
  readonly build: string;
  /** For sockets: a short path. */
  readonly runtime: string;
}

/** A recipe with what belongs to it on this host. */
export interface RecipeAtHand {
  readonly checked: CheckedRecipe;
  /** Where its own files lie. */
  readonly recipeDir: string;
  readonly lock: Lock | undefined;
  /** Somebody else's recipe (`PrepareOptions.publicOnly`). */
  readonly foreign?: boolean | undefined;
}

/** For a second build that must come to the same. */
export interface Variation {
  /** Added to the time of power-on, where the recipe does not fix the guest's clock. */
  readonly clockShiftSeconds: number;
  readonly surroundings: Surroundings;
}

export interface BuildRequest extends RecipeAtHand {
  readonly id: string;
  /** The recipe that it is based on, the one that that is based on, and so on. */
  readonly bases: readonly RecipeAtHand[];
  readonly params: Readonly<Record<string, string>>;
  /** Values of secret parameters: used in `personalise` only, masked everywhere. */
  readonly secrets: ReadonlyMap<string, string>;
  readonly folders: BuildFolders;
  readonly keysDir: string;
  /** As in `SessionOptions`. */
  readonly ownKeysDir?: string | undefined;
  readonly archives?: readonly ArchiveAddress[] | undefined;
  /** Snapshot archives for locked versions that are gone (`SessionOptions.snapshots`). */
  readonly snapshots?: readonly string[] | undefined;
  readonly sources: readonly RepairSource[];
  /** `true`: from the deepest checkpoint that fits; `false`: from power-on; or from this one, by its step or its key. */
  readonly resume: boolean | { readonly checkpoint: string };
  /** Other conditions than this host's own. */
  readonly variation?: Variation | undefined;
  /** `false`: what is measured is the end; nothing is made this person's own. Default: true. */
  readonly personalise?: boolean;
  readonly emit: (event: BuildEvent) => void;
  readonly signal: AbortSignal;
  readonly now: () => Date;
}

export interface BuildOutcome {
  readonly resolved: ResolvedRecipe;
  readonly final: ResolvedRecipe;
  readonly repairs: readonly Repair[];
  readonly media: VerifiedMedia;
  /** The bases, the nearest first, with their media. */
  readonly bases: readonly { readonly resolved: ResolvedRecipe; readonly media: VerifiedMedia }[];
  /** Digest of all locks: the recipe's own, and those of its bases. */
  readonly lock: Digest;
  /** What the machine was: QEMU version, accelerator, cpu and machine model. */
  readonly builder: Readonly<Record<string, string>>;
  readonly cpuModel: string;
  readonly resumedFrom: string | null;
  /** Absent where the recipe has no outputs. */
  readonly image?: {
    readonly id: string;
    readonly manifest: Manifest;
    readonly files: Readonly<Record<string, Digest>>;
    /** What the disk held after which steps, in order, the finished disk last. */
    readonly stages: readonly BuildStage[];
  };
}

/** What the parts of one build share while it runs. */
export interface Making {
  /** Folder of this build alone, on the images' file system; gone when the build is over. */
  readonly scratch: string;
  /** A folder in `scratch`, made. */
  readonly folder: (name: string) => Promise<string>;
  readonly startedAt: Date;
  readonly startedAtMs: number;
  readonly tell: (event: BuildEventBody) => void;
  readonly keepPicture: NonNullable<RunOptions['keepPicture']>;
}
