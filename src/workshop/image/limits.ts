/** Limits of the image wing, with units. What a disk holds is hostile until it has been measured. */

const KIB = 1024;
const MIB = 1024 * KIB;

/** Entries of one manifest: files, directories, extents. Debian with a desktop has about 300,000. */
export const MAX_ENTRIES = 2_000_000;

/** Bytes of a manifest's text that `parseManifest` reads. 128,620 files were 18.7 MB. */
export const MAX_MANIFEST_BYTES = 64 * MIB;

/** Bytes of one line of a manifest: a path and a link target of 4096 bytes each, every byte escaped (4 characters). */
export const MAX_LINE_BYTES = 2 * 4 * 4096 + 2 * KIB;

/** Bytes of one path or link target (Linux' PATH_MAX). */
export const MAX_PATH_BYTES = 4096;

/** Bytes of one pax extended header: path, link target and all extended attributes (ext4: 64 KiB a value at most). */
export const MAX_PAX_BYTES = 4 * MIB;

/** Partitions of one disk that are measured (GPT's usual table has 128 rows). */
export const MAX_PARTITIONS = 128;

/** Bytes of a file that a normaliser rule may rewrite: it is held in memory. A larger file is hashed as it is. */
export const MAX_NORMALISED_FILE_BYTES = 4 * MIB;

/** Bytes that one match of an inline rule may cover: a rule is for an id or a date, not for a program. */
export const MAX_RULE_MATCH_BYTES = 256;

/** Characters of an inline rule's pattern, and inline rules of one recipe. */
export const MAX_RULE_PATTERN_CHARACTERS = 512;
export const MAX_RULES = 64;

/** Bytes of one line of the measuring VM's answers. */
export const MAX_ANSWER_LINE_BYTES = 4 * KIB;

/** Bytes that the measuring VM's kernel may say of a file system that it cannot mount. */
export const MAX_KERNEL_WORDS_BYTES = 256 * KIB;

/** First bytes of each partition that the host reads to recognise its file system. Btrfs has its superblock at 64 KiB. */
export const HEAD_BYTES = 68 * KIB;

/** Bytes of a GPT's table of partitions that disk ids are normalised in (usual: 16 KiB). */
export const MAX_GPT_TABLE_BYTES = 64 * KIB;

/** Bytes of a FAT's reserved sectors that are held in memory to normalise the volume id (usual: 16 KiB). */
export const MAX_FAT_RESERVED_BYTES = 1 * MIB;

/** Bytes of a volume group's description. Ten volumes have about 5 KB. */
export const MAX_VOLUME_GROUP_TEXT_BYTES = 1 * MIB;

/** Logical volumes of one group, and segments of all of them. */
export const MAX_LOGICAL_VOLUMES = 256;
export const MAX_VOLUME_SEGMENTS = 1024;

/** Characters of a logical volume's name with its group's: 127 each for LVM, and a hyphen may stand for two. */
export const MAX_VOLUME_NAME_CHARACTERS = 512;

/** Bytes before a physical volume's first extent that are held in memory to normalise ids (usual: 1 MiB). */
export const MAX_LVM_METADATA_BYTES = 8 * MIB;

/** Milliseconds without a byte from the measuring VM after which it counts as stuck (booting included). */
export const MEASURE_STALL_MS = 180_000;

/** Bytes of the measuring VM's serial output that an error carries. */
export const MAX_LAST_WORDS_BYTES = 2000;

/** Memory of the measuring VM, MiB: GNU tar keeps the names of one folder, the kernel the rest as cache. */
export const MEASURE_MEMORY_MIB = 256;

/** Bytes of an `image.json`. */
export const MAX_IMAGE_JSON_BYTES = 256 * KIB;

/** Bytes that are read at a time where a disk is copied, and the run of zeros that becomes a hole: a block of ext4 and more. */
export const COPY_BYTES = MIB;
export const HOLE_BYTES = 64 * KIB;
