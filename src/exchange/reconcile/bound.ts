/** Where ranges end, and how long ids are. */
export const ID_BYTES = 32;

/** Where a range ends: all items below are in it. `timestamp` Infinity: the end of everything. */
export interface Bound {
  readonly timestamp: number;
  /** 0 to 32 bytes; what is left out counts as zero. */
  readonly prefix: Uint8Array;
}

export const END: Bound = { timestamp: Number.POSITIVE_INFINITY, prefix: new Uint8Array(0) };
