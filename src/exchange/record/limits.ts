/** Every cap that a record must keep, with its unit. Checked before anything is parsed or verified. */

const KIB = 1024;
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

/** One record on the wire: payload, signature and framing. */
export const ENVELOPE_MAX_BYTES = 128 * KIB;
/** The same in DSSE's JSON form: base64 takes a third more. */
export const ENVELOPE_JSON_MAX_BYTES = 176 * KIB;
/** The signed statement. */
export const STATEMENT_MAX_BYTES = 64 * KIB;
/** A recipe's YAML text, UTF-8. */
export const RECIPE_MAX_BYTES = 48 * KIB;
/** Operations in one patch. */
export const PATCH_MAX_OPERATIONS = 64;
/** Arrays and objects within one another, in statements and heads. */
export const JSON_MAX_DEPTH = 32;
/** Subjects of one statement: a manifest and the files of an image. */
export const SUBJECTS_MAX = 64;
/** Digests of one subject, by algorithm. */
export const SUBJECT_DIGESTS_MAX = 8;
/** Names of recipes, subjects, steps and parameters, in UTF-16 code units. */
export const NAME_MAX_LENGTH = 200;
/** Summaries and reasons: one line, in UTF-16 code units. */
export const LINE_MAX_LENGTH = 1000;
/** predicateType, in UTF-16 code units. */
export const TYPE_MAX_LENGTH = 256;
/** Steps named by one failure report. */
export const FAILED_STEPS_MAX = 64;

/** One signed head on the wire. */
export const HEAD_MAX_BYTES = 4 * KIB;
/** How long a head vouches for a feed, unless its author says otherwise. */
export const HEAD_DEFAULT_LIFETIME_MS = 14 * DAY_MS;
/** The longest that any head may. */
export const HEAD_MAX_LIFETIME_MS = 30 * DAY_MS;
/** How far two honest clocks may be apart. */
export const CLOCK_TOLERANCE_MS = 10 * MINUTE_MS;

/** Epochs of one feed that leave room for a key change: each is remembered for good, about 300 bytes. One a month for a life. */
export const EPOCHS_MAX = 1024;
/** Recoveries of one feed, for which there is room always. One a year for a life. */
export const RECOVERIES_MAX = 64;
/** Key records that travel with a proof of a fork. */
export const PROOF_KEYS_MAX = 16;
/** Key records in one file: all that one feed can have, twice, for what two authors have signed. */
export const KEY_FILE_MAX_RECORDS = 2 * (EPOCHS_MAX + RECOVERIES_MAX + 2);
/** The same file. One key record takes about 2 KiB there. */
export const KEY_FILE_MAX_BYTES = 8 * 1024 * KIB;
/** A proof of a fork on the wire: two envelopes with the largest statements, and the key records that it needs. */
export const PROOF_MAX_BYTES = 152 * KIB;
/** Records of a branch that a recovery can make a node take in place of its own. */
export const BRANCH_MAX_RECORDS = 1024;
/** The same in bytes. */
export const BRANCH_MAX_BYTES = 8 * 1024 * KIB;

/** Checked public keys that are kept by one reader (about 2 ms and 1 KiB each). */
export const KEY_CACHE_MAX_KEYS = 1024;

/** Files and packages that one build names as what it was made from; the statement's own limit comes first. */
export const DEPENDENCIES_MAX = 4096;
