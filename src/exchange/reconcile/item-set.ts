/** A sorted set of ids that tells the fingerprint of any range at once: prefix sums, 64 bytes an item in all. */
import { createHash } from 'node:crypto';
import { ID_BYTES, type Bound } from './bound.ts';
import { encodeVarint } from './varint.ts';

const FINGERPRINT_BYTES = 16;
/** 256 bits as 16-bit digits: sums of them stay exact in a 32-bit word. */
const DIGITS = 16;

export interface Item {
  /** A whole number of whatever the set's owner orders by; 0 where there is nothing to order by. */
  readonly timestamp?: number;
  /** 32 bytes. */
  readonly id: Uint8Array;
}

export class ItemSet {
  readonly size: number;
  readonly #timestamps: Float64Array;
  readonly #ids: Uint8Array;
  /** `#sums` at `i`: the ids before item `i`, added modulo 2^256, least significant digit first. */
  readonly #sums: Uint16Array;

  /** In any order; an item that is there twice counts once. */
  constructor(items: readonly Item[]) {
    const sorted = items.toSorted((a, b) => (a.timestamp ?? 0) - (b.timestamp ?? 0) || Buffer.compare(a.id, b.id));
    const once = sorted.filter((item, index) => !isSame(item, sorted[index - 1]));
    this.size = once.length;
    this.#timestamps = new Float64Array(this.size);
    this.#ids = new Uint8Array(this.size * ID_BYTES);
    this.#sums = new Uint16Array((this.size + 1) * DIGITS);
    once.forEach(({ timestamp = 0, id }, index) => this.#put(index, timestamp, id));
  }

  #put(index: number, timestamp: number, id: Uint8Array): void {
    if (id.length !== ID_BYTES) throw new TypeError(`an id has ${ID_BYTES} bytes, not ${id.length}`);
    if (!Number.isSafeInteger(timestamp) || timestamp < 0) throw new TypeError(`${timestamp} is no timestamp`);
    this.#timestamps[index] = timestamp;
    this.#ids.set(id, index * ID_BYTES);
    let carry = 0;
    for (let digit = 0; digit < DIGITS; digit += 1) {
      const value = (id[2 * digit] ?? 0) | ((id[2 * digit + 1] ?? 0) << 8);
      const sum = (this.#sums[index * DIGITS + digit] ?? 0) + value + carry;
      this.#sums[(index + 1) * DIGITS + digit] = sum & 0xffff;
      carry = sum >>> 16;
    }
  }

  /** A view: not to be written to. */
  id(index: number): Uint8Array {
    return this.#ids.subarray(index * ID_BYTES, (index + 1) * ID_BYTES);
  }

  timestamp(index: number): number {
    return this.#timestamps[index] ?? Number.POSITIVE_INFINITY;
  }

  /** First 16 bytes of SHA-256 over the sum of the ids (little-endian) and their number, for the items from `begin` to before `end`. */
  fingerprint(begin: number, end: number): Uint8Array {
    const sum = new Uint8Array(ID_BYTES);
    let borrow = 0;
    for (let digit = 0; digit < DIGITS; digit += 1) {
      const at = (this.#sums[end * DIGITS + digit] ?? 0) - (this.#sums[begin * DIGITS + digit] ?? 0) - borrow;
      borrow = at < 0 ? 1 : 0;
      sum[2 * digit] = at & 0xff;
      sum[2 * digit + 1] = (at >> 8) & 0xff;
    }
    const hash = createHash('sha256')
      .update(sum)
      .update(encodeVarint(end - begin))
      .digest();
    return Uint8Array.from(hash.subarray(0, FINGERPRINT_BYTES));
  }

  /** Index of the first item, from `begin` on, that is not below `bound`. */
  indexOf(bound: Bound, begin: number): number {
    let [low, high] = [begin, this.size];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#isBelow(middle, bound)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The shortest bound between the items at `index - 1` and `index`. */
  boundBefore(index: number): Bound {
    const timestamp = this.timestamp(index);
    if (timestamp !== this.timestamp(index - 1)) return { timestamp, prefix: new Uint8Array(0) };
    const [before, id] = [this.id(index - 1), this.id(index)];
    let common = 0;
    while (common < ID_BYTES && before[common] === id[common]) common += 1;
    return { timestamp, prefix: id.slice(0, common + 1) };
  }

  #isBelow(index: number, { timestamp, prefix }: Bound): boolean {
    const own = this.timestamp(index);
    if (own !== timestamp) return own < timestamp;
    for (let at = 0; at < prefix.length; at += 1) {
      const [mine, theirs] = [this.#ids[index * ID_BYTES + at] ?? 0, prefix[at] ?? 0];
      if (mine !== theirs) return mine < theirs;
    }
    return false; // it begins like the bound, whose missing bytes are zero
  }
}

function isSame(a: Item, b: Item | undefined): boolean {
  return b !== undefined && (a.timestamp ?? 0) === (b.timestamp ?? 0) && Buffer.compare(a.id, b.id) === 0;
}
