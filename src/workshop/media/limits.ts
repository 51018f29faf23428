/** What the media part accepts at most, and how long it trusts what it has. Bytes and milliseconds. */

const MiB = 1024 * 1024;

/** An InRelease file; Debian's largest is about 150 KB. */
export const MAX_RELEASE_BYTES = 8 * MiB;
/** Signatures on one file; Debian uses two or three. More would only be there to make us work. */
export const MAX_SIGNATURES = 16;
/** A detached signature, or the part of a file that holds one. */
export const MAX_SIGNATURE_BYTES = 64 * 1024;
/** A list of checksums. Debian's largest are some 10 KB. */
export const MAX_CHECKSUMS_BYTES = 4 * MiB;
/** Lines of one list of checksums. */
export const MAX_CHECKSUM_LINES = 20_000;
/** A file under a signature that has to be in memory as a whole (signify, minisign's legacy form). */
export const MAX_LEGACY_SIGNED_BYTES = 64 * MiB;
/** One public key file. Debian's hold about 12 KB. */
export const MAX_KEY_BYTES = 1 * MiB;
/** The unpacked Packages index of one suite; Debian 12 main has 50 MB. It is held as one string. */
export const MAX_INDEX_BYTES = 256 * MiB;
/** A medium by its address, where nothing signed says how large it is. The largest install media have some 15 GB. */
export const MAX_MEDIUM_BYTES = 32 * 1024 * MiB;
/** Redirects followed for one request. */
export const MAX_REDIRECTS = 5;
/** Connections for one file, each going on where the one before broke off. */
export const MAX_CONNECTIONS = 8;
/** A .deb file; the Debian 12 netboot images have 133 MB. */
export const MAX_DEB_BYTES = 1024 * MiB;
/** One file taken out of a package. */
export const MAX_PACKAGE_FILE_BYTES = 1024 * MiB;
/** An initrd, unpacked: it is read in memory. */
export const MAX_INITRD_BYTES = 1024 * MiB;
/** Packages in one dependency closure. */
export const MAX_CLOSURE_PACKAGES = 1000;
/** Symbolic and hard links followed from one path inside a package or an initrd. */
export const MAX_LINK_HOPS = 8;
/** A file system of FAT16 with clusters of 32 KiB ends a little under 2 GiB. */
export const MAX_DISK_BYTES = 2000 * MiB;
/** One inline file of a package disk (docs/recipe.md). */
export const MAX_INLINE_FILE_BYTES = 16 * 1024;
/** What we keep of a tool's output: enough for `indextargets` of many sources. */
export const MAX_TOOL_OUTPUT_BYTES = 4 * MiB;

/** How far a Release file's date may lie ahead of our clock. */
export const CLOCK_TOLERANCE_MS = 10 * 60 * 1000;
/** Package lists younger than this are not fetched again to resolve a new lock. */
export const LISTS_FRESH_MS = 12 * 60 * 60 * 1000;
/** What a file may be called on every file system that a cache lies on. */
export const MAX_FILE_NAME_BYTES = 255;
/** Temporary files and old lists of processes that died are removed after this. */
export const STALE_TEMPORARY_MS = 24 * 60 * 60 * 1000;
/** How often the size of a running download is looked at, to show progress. */
export const PROGRESS_INTERVAL_MS = 250;
/** A server that brings less than `MIN_STALL_BYTES` in this time is given up. */
export const STALL_MS = 30 * 1000;
export const MIN_STALL_BYTES = 16 * 1024;
/** What of a download has come stays this long for the next try. */
export const PARTIAL_KEPT_MS = 7 * 24 * 60 * 60 * 1000;
/** Room that must remain on the disk beside a download. */
export const DISK_RESERVE_BYTES = 16 * MiB;
/** Of a download whose size nobody says, room is looked for so much at a time. */
export const ROOM_AT_ONCE_BYTES = 4 * MiB;
