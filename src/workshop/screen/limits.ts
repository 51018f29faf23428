/** Every limit of this folder, with its unit and its reason. */

/** A font file of an installer: Debian's unifont.bgf has 0.3 MB. */
export const FONT_FILE_BYTES = 8 * 1024 * 1024;

/** Glyphs in one font: Unicode's first plane. */
export const FONT_GLYPHS = 65_536;

/** Lines given back as nearest to what was wanted. */
export const NEAREST_LINES = 5;

/** Cells of a line that count for its similarity: edit distance costs the product of two lengths. */
export const COMPARED_CHARACTERS = 256;

/** A needle's description; openQA's largest are some KB. */
export const NEEDLE_JSON_BYTES = 256 * 1024;
/** Areas of one needle, and its tags. */
export const NEEDLE_AREAS = 64;
export const NEEDLE_TAGS = 256;

/** An area to recognise text in is drawn larger until it is this high, at most four times. */
export const RECOGNISED_HEIGHT_PIXELS = 160;

/** Text recognition that nobody has asked for this long is ended, milliseconds. */
export const RECOGNITION_IDLE_MS = 60_000;

/** How far up guest memory is looked through for a kernel's font, and how much of it at once, bytes. */
export const KERNEL_FONT_MEMORY_BYTES = 1024 * 1024 * 1024;
export const KERNEL_FONT_PIECE_BYTES = 16 * 1024 * 1024;

/** How often the memory of one machine is looked through: it takes a second or two. */
export const KERNEL_FONT_TRIES = 2;

/** What a vmlinuz may unfold into: Debian's are some 60 MB. */
export const UNPACKED_KERNEL_BYTES = 256 * 1024 * 1024;

/** Fonts kept in the cache. */
export const KEPT_FONTS = 64;
