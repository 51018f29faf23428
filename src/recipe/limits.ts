/**
 * Every limit of the recipe language, with its unit. A recipe or patch comes from a peer as often as from its own
 * author: what is over a limit is refused before anything walks over it (threats: oversize and deep input, YAML bombs).
 */

/** UTF-8 bytes of the YAML text. A record (128 KiB) holds it with room to spare. */
export const MAX_SOURCE_BYTES = 48 * 1024;
/** Levels of mappings and sequences. */
export const MAX_NESTING = 32;
/** `steps` and `personalise`, each. */
export const MAX_STEPS = 256;
export const MAX_WATCHES = 32;
/** Acts of one step or branch. */
export const MAX_ACTS = 64;
export const MAX_BRANCHES = 16;
/** Parts of one `any` or `all`. */
export const MAX_CONDITION_PARTS = 16;
export const MAX_PARAMS = 64;
export const MAX_MEDIA = 16;
/** Rounds of a `repeat`, and answers to one question of `prompts`. */
export const MAX_ROUNDS = 100;
/** Questions of one `prompts` table. */
export const MAX_PROMPTS = 32;
/** Recipes below one that is based on one that is based on … */
export const MAX_BASES = 8;
/** UTF-8 bytes of one inline file of a package disk. */
export const MAX_INLINE_FILE_BYTES = 16 * 1024;
/** YAML anchors and aliases: none, so that no text can stand for more than its own length. */
export const MAX_ALIASES = 0;
/** UTF-16 units of one string on one line. */
export const MAX_LINE_LENGTH = 1000;
export const MAX_NAME_LENGTH = 64;
export const MAX_SUMMARY_LENGTH = 200;
/** UTF-16 units of a regular expression. */
export const MAX_REGEX_LENGTH = 500;
/** A regular expression may be repeated this often by `{n}`: RE2 unrolls repetitions. */
export const MAX_REPETITION = 100;
export const MAX_RETRIES = 20;
/** Presses of one `key` with `until`: at most, and where nothing is said. */
export const MAX_PRESSES = 200;
export const DEFAULT_PRESSES = 20;
/** Milliseconds: one day. */
export const MAX_DURATION_MS = 24 * 60 * 60 * 1000;
/** A condition without a time of its own, in a recipe without a default: milliseconds on the reference host. */
export const DEFAULT_TIMEOUT_MS = 60_000;
/** Retries of a step where neither the step nor the recipe says. */
export const DEFAULT_RETRIES = 2;
/** Pause before the first retry, its growth, and its ceiling, milliseconds. */
export const DEFAULT_BACKOFF = { fromMs: 250, factor: 2, maxMs: 10_000 } as const;
/**
 * How much longer a patch may let a step wait, all retries counted, without a person: for half an hour in any case; then
 * four times as long as it did, up to six hours. Milliseconds on the reference host.
 */
export const PATIENCE_FREE_MS = 30 * 60_000;
export const PATIENCE_FACTOR = 4;
export const PATIENCE_MOST_MS = 6 * 60 * 60_000;
/** Pixels of one area of a needle, and of all needles of a recipe: they are decoded whenever it is read. */
export const MAX_NEEDLE_AREA_PIXELS = 512 * 512;
export const MAX_NEEDLE_PIXELS = 4 * MAX_NEEDLE_AREA_PIXELS;
/**
 * Pixels that all needles of a recipe may be looked for in, one area's place with its margin around it after the other: a
 * frame is compared with all of them at once, and some 2 million take a second.
 */
export const MAX_NEEDLE_SEARCH_PIXELS = 4 * 1024 * 1024;
/** Least similarity of a needle's area, percent, and the pixels it may have moved by, where it does not say: openQA's. */
export const DEFAULT_NEEDLE_MATCH = 96;
export const DEFAULT_NEEDLE_MARGIN = 50;
/** How far each channel of a pixel's colour may be off where the recipe does not say. */
export const DEFAULT_PIXEL_WITHIN = 8;
/** Operations of one patch. */
export const MAX_OPERATIONS = 64;
/** Patches that are merged at once: each is applied and compared. */
export const MAX_MERGED_PATCHES = 256;
/** Parts of the path of a `set`. */
export const MAX_PATH_PARTS = 16;
/** Problems shown for one file; the rest are counted. */
export const MAX_PROBLEMS = 50;
/** Findings of the schema that are put into words; more are neither shown nor counted. */
export const MAX_SHAPE_ERRORS = 500;
/** UTF-8 bytes of a lock file. */
export const MAX_LOCK_BYTES = 512 * 1024;
/** Packages of one lock. */
export const MAX_LOCKED_PACKAGES = 4096;
