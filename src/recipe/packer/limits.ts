/** Every limit of what is read of a Packer template, with its unit. Templates come from strangers. */

/** UTF-8 bytes of one template or variable file. */
export const MAX_TEMPLATE_BYTES = 256 * 1024;
/** UTF-8 bytes of all files of a folder that are read; larger ones are named, and not read. */
export const MAX_FOLDER_BYTES = 4 * 1024 * 1024;
/** Files and folders below the folder, and levels of folders. */
export const MAX_FOLDER_ENTRIES = 2_000;
export const MAX_FOLDER_DEPTH = 8;
/** UTF-16 units of a path that a template names: what Linux opens has no more. */
export const MAX_PATH = 4_096;
/** Levels of values, expressions and parentheses, together with those of the variables that they name. */
export const MAX_DEPTH = 64;
/** Characters and values that evaluating one template may make: locals can double each other. */
export const MAX_VALUE_UNITS = 2_000_000;
/** UTF-16 units of a boot command after evaluation, and events in it. */
export const MAX_BOOT_COMMAND = 32 * 1024;
export const MAX_BOOT_EVENTS = 4_096;
/** Milliseconds: the longest single wait of a boot command. */
export const MAX_WAIT_MS = 6 * 60 * 60 * 1000;
/** Provisioners that become steps. */
export const MAX_PROVISIONERS = 64;
/** Rows of the table; the rest are counted. */
export const MAX_VERDICTS = 400;
