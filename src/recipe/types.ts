/**
 * The recipe as checked data. `parseRecipe` (parse.ts) is the only maker of a `CheckedRecipe`, `resolveRecipe`
 * (resolve.ts) the only maker of a `ResolvedRecipe`. Field names are those of the YAML (docs/recipe.md).
 */
import type { Digest } from '../crypto/digest.ts';
import type { KeyboardName } from './keyboards.ts';

declare const checked: unique symbol;
declare const resolved: unique symbol;

/** `500ms`, `60s`, `30m`: scaled by the measured speed of the host, never a sleep. */
export type Duration = string;

export interface Recipe {
  readonly recipe: 1;
  readonly name: string;
  readonly version: string;
  readonly summary?: string;
  readonly base?: Base;
  /** Reserved names: `kernel`, `initrd`, `iso`. Every other name is a disk of packages. */
  readonly media?: Readonly<Record<string, Medium>>;
  /** Where its packages come from, instead of the package sources of whoever builds. */
  readonly archives?: readonly ArchiveAddress[];
  readonly params?: Readonly<Record<string, Param>>;
  /** Whole, or what a recipe with a base adds to the base's. */
  readonly machine?: Partial<MachineSpec>;
  readonly reproducible?: Reproducible;
  readonly defaults?: StepDefaults;
  readonly watch?: readonly Watch[];
  /** Pictures of parts of screens that conditions and clicks name. */
  readonly needles?: Readonly<Record<string, RecipeNeedle>>;
  readonly steps: readonly Step[];
  readonly provides?: readonly string[];
  readonly requires?: readonly string[];
  readonly outputs?: readonly Output[];
  readonly normalise?: readonly NormaliseRule[];
  readonly personalise?: readonly Step[];
}

/** Means against what makes two builds differ. */
export interface Reproducible {
  /** Seconds since 1970. */
  readonly source_date_epoch?: number;
  readonly clock?: 'fixed' | 'host';
  /** The machine's own UUID, out of which systemd makes the machine id: from the recipe's name. */
  readonly uuid?: 'fixed';
  /** Variables that make programs repeat themselves, for a kernel among the media. */
  readonly environment?: 'fixed';
}

/** A recipe with its machine: any without a base, and any that was resolved. */
export type WholeRecipe = Recipe & { readonly machine: MachineSpec };

/** Where a recipe starts: another recipe, by digest, at the checkpoint after one of its steps or at its end. */
export interface Base {
  /** Its name, or `author/name`: where it is looked for. */
  readonly recipe: string;
  readonly digest: Digest;
  /** Id of a step of the base that is a checkpoint. Absent: the base's end. */
  readonly at?: string;
  /** Values for public parameters of the base. */
  readonly params?: Readonly<Record<string, string | number | boolean>>;
}

export type Medium = PackageFile | LocalFile | UrlFile | PackageDisk;

/** A Debian archive: what stands after `deb` in sources.list(5). Verified like any other package source. */
export interface ArchiveAddress {
  readonly url: string;
  readonly suite: string;
  readonly components: readonly string[];
}

/** One file of a Debian package, verified along apt's signed chain. */
export interface PackageFile {
  readonly package: string;
  /** Path inside the package, without a leading slash. */
  readonly path: string;
  /** Not in the machine when it is powered on: a step inserts it into this drive. */
  readonly drive?: Drive;
}

/** A drive whose medium steps can change. */
export type Drive = 'cd' | 'floppy';

/** A file beside the recipe (relative path, no `..`), named by its digest. */
export interface LocalFile {
  readonly file: string;
  /** 64 hex digits. Required unless `unverified: allow`. */
  readonly sha256?: string;
  readonly unverified?: 'allow';
  /** As with `PackageFile`. */
  readonly drive?: Drive;
}

/** A file by its address, verified along a signature by the key or keys of one name in keys/. */
export interface UrlFile {
  /** `http` or `https`. Its last part is the file's name. */
  readonly url: string;
  /** A signed list of checksums. Without `signature`, the list carries its own. */
  readonly checksums?: ChecksumList;
  /** Instead of a list: address of a detached signature over the file itself. */
  readonly signature?: string;
  /** Name of the keys, or the fingerprint of one. */
  readonly signed_by?: string;
  /** 64 hex digits: what the file must be, whoever has signed it. Instead of a signature, or beside it. */
  readonly sha256?: string;
  /** Bytes. Nothing larger or smaller is fetched. */
  readonly size?: number;
  /** Hosts that a redirect may lead to, beside those of the addresses. */
  readonly hosts?: readonly string[];
  /** As with `PackageFile`. */
  readonly drive?: Drive;
}

export interface ChecksumList {
  readonly url: string;
  readonly signature?: string;
  /** What the list calls the file. Default: the last part of its address. */
  readonly name?: string;
}

/** A read-only disk with verified .deb files (in `pool/`) and inline files. */
export interface PackageDisk {
  readonly packages?: readonly (string | KernelOf)[];
  /** Include what the packages depend on. Default true. */
  readonly closure?: boolean;
  /** Inline files by name, at most 16 KiB each: part of the recipe's digest. */
  readonly files?: Readonly<Record<string, string>>;
  /** `usb-fat` for an installer's kernel, which has no other drivers yet; `virtio-fat` for one made for virtual machines. */
  readonly layout: 'usb-fat' | 'virtio-fat';
}

/** The kernel package of the version that a boot medium (an initrd) runs, by default in its own flavour. */
export interface KernelOf {
  readonly kernel_of: string;
  /** Another flavour of the same version: `cloud` makes `6.1.0-50-amd64` into `6.1.0-50-cloud-amd64`. */
  readonly flavour?: string;
}

export interface Param {
  readonly type: 'string' | 'integer' | 'boolean' | 'secret';
  readonly default?: string | number | boolean;
  readonly pattern?: string;
  readonly summary?: string;
}

/** `i386` is a 32-bit PC, for 32-bit systems. */
export type Arch = 'x86_64' | 'i386';

export interface MachineSpec {
  readonly arch: Arch;
  readonly cpus?: number;
  /** `512M`, `1G`. */
  readonly memory: string;
  /** `uefi` is Debian's own OVMF, verified like every medium, without Secure Boot. Default `bios`. */
  readonly firmware?: 'bios' | 'uefi';
  readonly disks?: readonly { readonly id: string; readonly size: string }[];
  /** Places that the guest may reach, through a proxy; `none` is the default. */
  readonly network?: 'none' | { readonly allow: readonly string[] };
  /** What the monitor says that it prefers: `1024x768`. A guest may choose another. */
  readonly display?: { readonly resolution: string };
  /** The layout that the guest has from the beginning. Default `us`. */
  readonly keyboard?: KeyboardName;
  /** Kernel command line when `media` names a kernel. */
  readonly kernel_args?: string;
}

export interface StepDefaults {
  readonly timeout?: Duration;
  readonly retries?: number;
  readonly backoff?: { readonly from: Duration; readonly factor: number; readonly max: Duration };
}

export interface Watch {
  readonly id: string;
  readonly when: Condition;
  readonly fail: string;
}

export interface Step {
  readonly id: string;
  readonly summary?: string;
  /** Why its author has never seen it run. It runs like any other. */
  readonly not_run?: string;
  readonly when?: Condition;
  readonly do?: readonly Act[];
  readonly expect?: Condition;
  /** `do` again and again until this holds. */
  readonly repeat?: Repeat;
  readonly first_of?: readonly Branch[];
  readonly prompts?: Prompts;
  /** For every condition of the step that has none of its own. */
  readonly timeout?: Duration;
  readonly checkpoint?: boolean;
  readonly retries?: number;
  readonly on_fail?: 'rollback' | 'fail';
}

export interface Branch {
  readonly when: Condition;
  readonly do?: readonly Act[];
  /** Instead of the step's `expect`. */
  readonly expect?: Condition;
}

/** `until` is looked for before the first round too: where it holds already, nothing is done. */
export interface Repeat {
  readonly until: Condition;
  /** Rounds; then the step has failed. */
  readonly at_most: number;
}

/** Questions in whatever order they come, each with its answer. One that is not in the table is a failure, to be mended. */
export interface Prompts {
  readonly table: readonly Prompt[];
  /** The end of all questions. Looked for first. */
  readonly until: Condition;
}

export interface Prompt {
  readonly when: Condition;
  readonly do: readonly Act[];
  /** How often it may be asked. Default 1. */
  readonly at_most?: number;
}

/** What must be seen. Exactly one of the kinds, plus `timeout` and `progress`. */
export type Condition = ConditionKind & {
  readonly timeout?: Duration;
  /** Counts as progress while it changes: the step does not fail early before `stall` has passed. */
  readonly progress?: { readonly text: string; readonly stall: Duration };
};

export type ConditionKind =
  | { readonly text: string | TextPattern }
  | { readonly serial: string | { readonly regex: string } }
  /** The recipe's needle of this name. */
  | { readonly needle: string }
  | { readonly ocr: OcrPattern }
  | { readonly pixel: PixelPattern }
  | { readonly gone: Condition }
  | { readonly still: Duration }
  | { readonly changed: true }
  | { readonly event: 'shutdown' | 'reset' }
  /** The guest has fetched the whole of this file that the recipe serves. */
  | { readonly fetched: string }
  | { readonly any: readonly Condition[] }
  | { readonly all: readonly Condition[] }
  | { readonly not: Condition };

/** Pixels: x, y, width, height. */
export type PixelArea = readonly [x: number, y: number, width: number, height: number];

export interface OcrPattern {
  readonly text: string;
  readonly area: PixelArea;
  /** Characters that may be recognised wrongly. */
  readonly distance?: number;
}

export interface PixelPattern {
  readonly at: Point;
  /** `#rrggbb`. */
  readonly colour: string;
  /** How far each channel may be off. */
  readonly within?: number;
}

/** A needle as a recipe carries it: all of it is part of the recipe's digest, so that peers have it whole (docs/needles.md). */
export interface RecipeNeedle {
  readonly summary?: string;
  readonly areas: readonly RecipeNeedleArea[];
  readonly exclude?: readonly PixelArea[];
}

export interface RecipeNeedleArea {
  readonly at: PixelArea;
  /** Base64 of an 8-bit grey PNG: the area, with one pixel around it where the screen went on. */
  readonly png: string;
  readonly match?: number;
  readonly margin?: number;
  readonly click?: 'center' | Point;
}

/** Exactly one of `string` and `regex` (linear-time RE2 syntax). */
export interface TextPattern {
  readonly string?: string;
  readonly regex?: string;
  /** Cells: column, row, width, height. */
  readonly area?: readonly [number, number, number, number];
  /** Row of the screen, counted from 0; negative from the bottom. */
  readonly line?: number;
  readonly style?: 'inverse';
}

export type Act =
  /** Typed through the keyboard; read back from the screen unless `echo` is false. */
  | { readonly type: string; readonly clear?: boolean; readonly echo?: boolean }
  /** Pressed once; with `until` again and again until that is seen, at most `at_most` times. */
  | { readonly key: string; readonly until?: Condition; readonly at_most?: number }
  | { readonly keys: readonly string[] }
  | { readonly hold: string }
  | { readonly release: string }
  /** Reads the list, moves, verifies the highlighted row, chooses. */
  | { readonly menu: string }
  /** A checkbox of a list: moved to, verified, switched where it is not so already. */
  | { readonly check: string }
  | { readonly uncheck: string }
  | { readonly click: Place; readonly button?: Button }
  | { readonly double_click: Place; readonly button?: Button }
  | { readonly drag: { readonly from: Place; readonly to: Place } }
  /** Moves the pointer there and presses nothing. */
  | { readonly move: Place }
  /** From here on the guest's keyboard has this layout. Sends nothing. */
  | { readonly layout: KeyboardName }
  | { readonly serial: string }
  /** The medium of this name is put into its drive, in place of what is there. */
  | { readonly insert: string }
  /** The drive is emptied. */
  | { readonly eject: Drive }
  /** From here on the guest finds the file at `http://10.0.2.2/FILE`. Sends nothing. */
  | { readonly serve: ServedFile }
  | { readonly power: 'off' | 'reset' };

/** How a parameter's value stands in a served file: quoted as the file's own format has it, or (`none`) as it is. */
export type ValueEscape = 'none' | 'json' | 'shell' | 'xml';

/** A file for the guest, all of it part of the recipe's digest. */
export interface ServedFile {
  /** Its path, without a leading slash. */
  readonly file: string;
  readonly content: string;
  /** Where the content has placeholders: how their values are written. */
  readonly escape?: ValueEscape;
  /** Braces stand for themselves: the content has no placeholders. */
  readonly literal?: true;
}

export type Button = 'left' | 'middle' | 'right';

/** A point of the screen: given, or the middle of what is found there, in exactly one place. */
export type Place = (
  | { readonly at: Point }
  | { readonly text: string | TextPattern }
  /** Its click point, or the middle of its first area. */
  | { readonly needle: string }
) & {
  /** Pixels from there to the right and down; negative to the left and up. */
  readonly offset?: Point;
};

/** A place for whoever moves the pointer: where a needle is has been found out before. */
export type SeenPlace = Exclude<Place, { readonly needle: string }>;

/** Pixels: x from the left, y from the top. */
export type Point = readonly [x: number, y: number];

export interface Output {
  readonly disk: string;
  readonly as: string;
}

/** A named rule of ours (`machine-id`), or one written out. */
export type NormaliseRule =
  | string
  | {
      readonly path: string;
      readonly content: string;
      readonly reason: string;
      /** Counts up where its author changes it; 1 where it is not said. */
      readonly version?: number;
    };

/** A recipe that passed the schema, the limits and the semantic checks. */
export interface CheckedRecipe {
  readonly [checked]: true;
  readonly recipe: Recipe;
  /** SHA-256 over the canonical JSON of the parsed document. */
  readonly digest: Digest;
  /** The exact YAML text it was parsed from. */
  readonly source: string;
}

/** A checked recipe with every public parameter bound. `{{secret}}` references stay, in `personalise` only. */
export interface ResolvedRecipe {
  readonly [resolved]: true;
  /** With what it inherits from a base: machine, parameters, watches and defaults. Steps and media are its own. */
  readonly recipe: WholeRecipe;
  readonly of: CheckedRecipe;
  /** Digest of the resolved document: what a build and an attestation name. */
  readonly digest: Digest;
  /** All public parameters, those of the base too. */
  readonly params: Readonly<Record<string, string | number | boolean>>;
  readonly base?: Beginning;
}

/** Where a recipe with a base begins. lineage.ts answers what follows from it. */
export interface Beginning {
  /** The base, whole, with its own parameters bound: as it is when it is built by itself. */
  readonly resolved: ResolvedRecipe;
  /** The step of the base after which this recipe goes on. */
  readonly after: string;
  /** The machine is switched off there: a new one is powered on, with the disks as the base has left them. */
  readonly off: boolean;
}

/** Typed changes against one exact recipe. `was` is the digest of the step (or value) it was made against. */
export type Operation =
  | { readonly op: 'replace-step'; readonly id: string; readonly was: Digest; readonly step: Step }
  /** `after: null` puts it first. */
  | { readonly op: 'insert-step'; readonly after: string | null; readonly step: Step }
  | { readonly op: 'remove-step'; readonly id: string; readonly was: Digest }
  | { readonly op: 'move-step'; readonly id: string; readonly was: Digest; readonly after: string | null }
  /** One field by path; a step is addressed as `["steps", "<id>", …]`. `was: null` where the field was absent. */
  | { readonly op: 'set'; readonly path: readonly string[]; readonly was: Digest | null; readonly value: unknown };

/** What a change touches, least to most. A patch has the highest class in it. */
export type ChangeClass = 'wording' | 'choices' | 'sends' | 'authority';

/** One line of a lock: a package by exact version and digest, and the key that vouched for it. */
export interface LockedPackage {
  readonly package: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Fingerprint (upper-case hex) of the archive key whose signature led here. */
  readonly signedBy: string;
}

/** One file by its address, as a signature vouched for it. */
export interface LockedFile {
  /** What the list calls it, or the last part of its address. */
  readonly file: string;
  readonly sha256: string;
  readonly sizeBytes: number;
  /** Fingerprint (upper-case hex) of the key whose signature led here. */
  readonly signedBy: string;
}

/** `NAME.lock.yaml`: the exact media a recipe resolves to. `media` maps a medium's name to its packages, in order. */
export interface Lock {
  readonly lock: 1;
  /** Digest of the recipe's `media` part: a patch that leaves the media alone keeps its lock. */
  readonly of: Digest;
  readonly media: Readonly<Record<string, readonly LockedPackage[]>>;
  /** Media by their address. Absent where the recipe has none. */
  readonly files?: Readonly<Record<string, LockedFile>>;
}
