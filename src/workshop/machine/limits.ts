/** Every limit of this folder, with its unit and its reason. */

/** One QMP message. `query-pci` of a full machine is some 20 KiB; a longer line is not QMP. */
export const QMP_MESSAGE_BYTES = 4 * 1024 * 1024;

/** From spawn to QMP's greeting: 40 to 220 ms were measured on a busy host with software emulation. */
export const QMP_GREETING_MS = 20_000;

/** A command that QEMU answers at once (all but migration). Beyond this QEMU hangs, and is reported as such. */
export const QMP_REPLY_MS = 30_000;

/** QEMU after `quit`, before it is killed. */
export const QUIT_MS = 3_000;

/** What QEMU last wrote on stderr, kept for the error that reports its death. */
export const LAST_WORDS_BYTES = 4_096;

/** Widest and highest picture taken from the guest: 3840 x 2400 is 27 MB of pixels. */
export const FRAME_WIDTH_PIXELS = 3_840;
export const FRAME_HEIGHT_PIXELS = 2_400;

/** Serial output taken from one guest: a kernel's whole log is 0.1 MB, an installer's some MB. */
export const SERIAL_BYTES = 64 * 1024 * 1024;

/** Events in one call: eight keys pressed and let go, more than any chord has. */
export const KEY_EVENTS_PER_CALL = 16;

/** One read of guest memory (the VGA planes are 64 KiB). */
export const MEMORY_READ_BYTES = 16 * 1024 * 1024;

/** Saving and restoring memory: 317 MB took 0.9 s; a host thirty times slower still fits. */
export const MIGRATION_MS = 10 * 60_000;

/** A saved memory is read in pieces of this: in Node's own of 16 KiB, a whole Debian's took 9 s, and takes 2. */
export const MEMORY_PIECE_BYTES = 1024 * 1024;

/** Migration's own throttle, bytes a second: none (QEMU 7.2 starts at 128 MiB/s, for live migration over networks). */
export const MIGRATION_BYTES_PER_SECOND = 1024 ** 4;

/** `sun_path` is 108 bytes on Linux and 104 on macOS, with the closing NUL. */
export const SOCKET_PATH_BYTES = 103;

/** QEMU's own needs beside the guest's memory: translated code, device models. */
export const QEMU_OVERHEAD_MIB = 256;

/** How long an accelerator may take for the probe ROM, which software emulation finishes in 0.3 s. */
export const PROBE_MS = 2_000;

/** The same for software emulation itself, on the slowest host we mean to run on. */
export const PROBE_TCG_MS = 30_000;

/** What stays free beside machines that run at once, for this process and everything else. */
export const SPARE_MEMORY_MIB = 512;

/** `qemu-img` making or asking about an image. */
export const QEMU_IMG_MS = 60_000;

/** `qemu-img` reading a whole disk, to copy or to compare it: 100 GB at 30 MB a second. */
export const QEMU_IMG_COPY_MS = 60 * 60_000;

/** The probe on the host that recipes' times are meant for: software emulation on a desktop processor. */
export const PROBE_REFERENCE_MS = 300;

/** Times in recipes are multiplied by this at most: a minute becomes half an hour. */
export const HOST_FACTOR_MOST = 30;

/** Free room that a machine with a writable disk needs to begin with, for its overlays. */
export const DISK_FREE_BYTES = 512 * 1024 * 1024;

/** Bytes that wait in a PS/2 keyboard for a guest that does not read them. QEMU's queue holds no more. */
export const KEY_QUEUE_BYTES = 16;

/** Between two looks at a queue that may be full. */
export const KEYS_LOOK_MS = 5;

/** A guest that reads its keyboard again within it has only been busy: a kernel that unpacks itself is, for half of it. */
export const KEYS_UNREAD_MS = 60_000;
