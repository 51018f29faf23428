/** Every number of the engine, with its unit. Times marked *scaled* are multiplied by the host factor. */

/** Pause between two looks at the screen, milliseconds: just after something moved, and when all is quiet. */
export const POLL_ACTIVE_MS = 25;
export const POLL_QUIET_MS = 50;
/** How long after the last change or input the quicker pace is kept, milliseconds. */
export const ACTIVE_FOR_MS = 1_000;

/** A still screen that nothing matches fails after this long, milliseconds, scaled (recipe.md, failing early). */
export const FAIL_EARLY_MS = 5_000;
/** The same before the first step has been done: firmware and kernels draw nothing for a while. Milliseconds, scaled. */
export const FAIL_EARLY_BOOT_MS = 45_000;
/** A condition with a timeout of its own is given at least this part of it before it may fail early. */
export const FAIL_EARLY_PART_OF_TIMEOUT = 1 / 4;

/** Two failed tries with at least this part of their rows equal are the same failure. */
export const SAME_SCREEN_ROWS = 0.8;

/** Repairs asked for one step in one build, whoever answers; then the build fails. */
export const REPAIRS_PER_STEP = 8;
/** Repairs asked in one build. */
export const REPAIRS_PER_BUILD = 64;
/** Rollbacks for retries and repairs in one build. */
export const REWINDS_PER_BUILD = 128;

/** How much of the serial line goes into a failure, characters. */
export const SERIAL_TAIL_CHARACTERS = 4_000;
/** How much of the serial line one condition looks at, bytes from the end. */
export const SERIAL_WINDOW_BYTES = 256 * 1024;
/** Nearest lines kept with a failure. */
export const NEAREST_LINES = 5;
/** Steps told in a failure bundle. */
export const BUNDLE_STEPS = 20;

/** A key with `until` is pressed again once the screen has been still for this long, milliseconds, scaled. */
export const PRESS_REST_MS = 400;
/** The same where the screen never rests. */
export const PRESS_MOST_MS = 4_000;

/** A serial line typed with an end of line waits this long for its own echo first, milliseconds, scaled. */
export const SERIAL_ECHO_MS = 2_000;

/** A guest that was asked to let go of a medium is given this long, milliseconds, scaled. */
export const TRAY_MS = 10_000;

/** A line this near to the expected text is offered as its new wording (0 to 1). */
export const SUGGEST_SIMILARITY = 0.6;

/** Secrets shorter than this many characters are masked only where they stand whole. */
export const MASK_PREFIX_CHARACTERS = 4;

/** The terminal that a guest's serial line is shown on, cells, and what is kept of it, lines. */
export const SERIAL_COLUMNS = 80;
export const SERIAL_ROWS = 25;
export const SERIAL_SCROLLBACK_LINES = 2_000;

/** While a screen has cells in no known font, the guest's font is looked for this often, milliseconds. */
export const LEARN_FONT_EVERY_MS = 500;

/** Texts offered to wait for, at most. */
export const HARVEST_CANDIDATES = 8;
/** A text to wait for is cut at this many characters. */
export const HARVEST_LONGEST_CHARACTERS = 56;
/** Letters that a text needs to be taken out of a row with numbers in it, or to be missed when it is gone. */
export const HARVEST_SHORTEST_LETTERS = 4;
/** A text that stood this long is no counter, milliseconds. */
export const HARVEST_STABLE_MS = 300;
/** Changes of the screen this near to each other are one, milliseconds. */
export const HARVEST_BURST_MS = 250;

/** What a person does by hand is waited for this many times as long as it took them, and recorded where that is long. */
export const RECORDED_PATIENCE = 4;
/** Screens kept between two inputs of a recording; the oldest but one goes when there are more. */
export const RECORDED_SIGHTINGS = 64;
/** Inputs of one recording. */
export const RECORDED_INPUTS = 4_096;
/** A character is given this long to show before the next one goes out, milliseconds, scaled: people paste. */
export const RECORDED_PACE_MS = 250;
/** What a person typed is given this long to show before their next key goes out, milliseconds, scaled. */
export const RECORDED_ECHO_MS = 800;
/** The same where the characters before it have shown. */
export const RECORDED_LATE_ECHO_MS = 4_000;

/** Where another tool slept, the first run waits as long, and on until the screen has rested this long, milliseconds, scaled. */
export const PLAY_REST_MS = 1_000;
/** Where nothing shows of the last key, it is waited for this long, milliseconds, scaled. */
export const PLAY_ANSWER_MS = 30_000;
/** A screen that never rests is waited for so many times as long as the other tool slept. */
export const PLAY_AT_MOST = 4;
