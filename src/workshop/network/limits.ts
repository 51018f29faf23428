/** Every limit of this folder, with its unit and its reason. */

/** Bytes of one Ethernet frame without its check sum: what the guest's card may send. A longer one is no frame. */
export const FRAME_BYTES = 1514;

/** Bytes of the longest frame that QEMU itself takes (its NET_BUFSIZE has some 68 KiB): more comes only from one that was taken over. */
export const LONGEST_BYTES = 128 * 1024;

/** Bytes of one TCP segment: Ethernet's 1500 without the headers of IPv4 and TCP. */
export const SEGMENT_BYTES = 1460;

/** Bytes that a connection takes from the guest before somebody has read them: the largest window without scaling. */
export const WINDOW_BYTES = 65_535;

/** Bytes that wait for the guest on one connection before whoever writes is told to wait. */
export const UNSENT_BYTES = 256 * 1024;

/** Connections at once; one more is refused. An installer has a handful. */
export const CONNECTIONS_MOST = 64;

/** From the first try to the next of a segment that the guest does not acknowledge; doubles each time. */
export const RESEND_MS = 1_000;

/** Tries of one segment, the last some two minutes after the first: a guest that stands still for a checkpoint answers again. */
export const RESENDS_MOST = 8;

/** Frames that wait for QEMU to take them, bytes; beyond it frames are dropped, as a real cable's switch would. */
export const CABLE_BYTES = 4 * 1024 * 1024;

/** Seconds that the guest may keep its address. Nobody else wants it. */
export const LEASE_SECONDS = 7 * 24 * 60 * 60;

/** Connections of the proxy to the outside at once. */
export const PROXY_CONNECTIONS_MOST = 32;

/** Bytes that one machine may send and receive through the proxy: an installation with a desktop takes some 3 GB. */
export const PROXY_BYTES_MOST = 16 * 1024 ** 3;

/** What is remembered of the guest's requests. Those after it are answered, and no longer told. */
export const REQUESTS_MOST = 10_000;

/** Characters of what the guest has asked for that are told and kept. */
export const REQUEST_CHARACTERS = 200;
