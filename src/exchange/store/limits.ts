/** What one store keeps at most, with its unit. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Records of one feed that wait, in memory, for what is missing before them. */
export const HOLD_MAX_RECORDS_PER_FEED = 256;
/** All that waits, in bytes. What falls out is fetched again together with the gap. */
export const HOLD_MAX_BYTES = 8 * MIB;
/** One blob. The types that may travel have smaller caps of their own. */
export const BLOB_MAX_BYTES = 64 * MIB;
/** One note, as JSON. */
export const NOTE_MAX_BYTES = 1 * MIB;
/** Envelopes that are judged before the event loop gets a turn (about 0.05 ms each, and 0.2 where signatures are checked here). */
export const JUDGED_PER_TURN = 64;
/** From how many envelopes on their signatures are checked on other threads: a single one would only come later. */
export const VERIFIED_ASIDE_FROM = 8;
/** Envelopes that `admitAll` writes in one batch with one sync. */
export const BATCH_MAX_RECORDS = 1024;
/** Records of one author that are looked at because they name one digest. */
export const NAMED_MAX_OF_AUTHOR = 64;
/** Signed heads kept ready in memory, about 1 KiB each: reading one from the disk verifies it again. */
export const SIGNED_HEADS_IN_MEMORY = 4096;
