/** The limits of a policy file: far above what a person writes, far below what could hang a parser. */

/** Bytes (UTF-8) of the whole file. */
export const MAX_POLICY_BYTES = 256 * 1024;

/** Peers, groups, rules, members of a group, globs of a rule: entries in any one of them. */
export const MAX_POLICY_ENTRIES = 1024;

/** Brackets inside brackets. */
export const MAX_NESTING = 32;

/** Columns of indentation, list dashes included. */
export const MAX_INDENT = 256;

/** Addresses stored for one peer. */
export const MAX_PEER_ADDRESSES = 16;

/** Groups inside groups. */
export const MAX_GROUP_DEPTH = 8;

/** Characters of a peer's or group's name. */
export const MAX_NAME_LENGTH = 64;

/** Characters of an `author/name` glob. */
export const MAX_GLOB_LENGTH = 256;
