/** Bytes of the negentropy protocol, version 1: numbers, bounds, ranges. A message is read once, strictly. */
import { RefusedError } from '../../errors.ts';
import { END, ID_BYTES, type Bound } from './bound.ts';
import { encodeVarint } from './varint.ts';

export const PROTOCOL_VERSION = 0x61;
export const MODE = { skip: 0, fingerprint: 1, idList: 2 } as const;

const FINGERPRINT_BYTES = 16;
/** Digits of 7 bits that a whole number of JavaScript may have. */
const VARINT_DIGITS = 8;

interface Mark {
  readonly parts: number;
  readonly length: number;
  readonly lastTimestamp: number;
}

/** Writes ranges one after another. Timestamps are written as what they are above the last one. */
export class MessageWriter {
  readonly #parts: Uint8Array[] = [Uint8Array.of(PROTOCOL_VERSION)];
  #lastTimestamp = 0;
  length = 1;

  skip(bound: Bound): void {
    this.#bound(bound);
    this.#put(encodeVarint(MODE.skip));
  }

  fingerprint(bound: Bound, fingerprint: Uint8Array): void {
    this.#bound(bound);
    this.#put(encodeVarint(MODE.fingerprint));
    this.#put(fingerprint);
  }

  idList(bound: Bound, ids: readonly Uint8Array[]): void {
    this.#bound(bound);
    this.#put(encodeVarint(MODE.idList));
    this.#put(encodeVarint(ids.length));
    for (const id of ids) this.#put(id);
  }

  mark(): Mark {
    return { parts: this.#parts.length, length: this.length, lastTimestamp: this.#lastTimestamp };
  }

  /** Takes back whatever was written since. */
  restore({ parts, length, lastTimestamp }: Mark): void {
    this.#parts.length = parts;
    this.length = length;
    this.#lastTimestamp = lastTimestamp;
  }

  bytes(): Uint8Array {
    return Uint8Array.from(Buffer.concat(this.#parts));
  }

  #bound({ timestamp, prefix }: Bound): void {
    if (timestamp === Number.POSITIVE_INFINITY) {
      this.#lastTimestamp = timestamp;
      this.#put(encodeVarint(0));
    } else {
      this.#put(encodeVarint(1 + timestamp - this.#lastTimestamp));
      this.#lastTimestamp = timestamp;
    }
    this.#put(encodeVarint(prefix.length));
    this.#put(prefix);
  }

  #put(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.length += bytes.length;
  }
}

export type Range = { readonly bound: Bound } & (
  | { readonly mode: 'skip' }
  | { readonly mode: 'fingerprint'; readonly fingerprint: Uint8Array }
  | { readonly mode: 'idList'; readonly ids: readonly Uint8Array[] }
);

/** The message's ranges, in order. Throws RefusedError `reconcile/bad-message`. */
export function* readRanges(message: Uint8Array): Generator<Range> {
  const reader = new Reader(message);
  const version = reader.byte();
  if (version !== PROTOCOL_VERSION) throw bad(`its version is 0x${version.toString(16)}`);
  let last: Bound = { timestamp: 0, prefix: new Uint8Array(0) };
  while (!reader.atEnd) {
    const bound = reader.bound(last);
    last = bound;
    const mode = reader.varint();
    if (mode === MODE.skip) yield { bound, mode: 'skip' };
    else if (mode === MODE.fingerprint)
      yield { bound, mode: 'fingerprint', fingerprint: reader.take(FINGERPRINT_BYTES) };
    else if (mode === MODE.idList) yield { bound, mode: 'idList', ids: reader.ids() };
    else throw bad(`it has a range of the unknown mode ${mode}`);
  }
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get atEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  byte(): number {
    return this.take(1)[0] ?? 0;
  }

  take(length: number): Uint8Array {
    if (length > this.#bytes.length - this.#at) throw bad('it ends too early');
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  varint(): number {
    let value = 0;
    for (let digit = 0; digit < VARINT_DIGITS; digit += 1) {
      const byte = this.byte();
      if (digit === 0 && byte === 0x80) throw bad('a number has a leading zero');
      value = value * 128 + (byte & 0x7f);
      if (!Number.isSafeInteger(value)) break;
      if (byte < 0x80) return value;
    }
    throw bad('a number is too large');
  }

  bound(last: Bound): Bound {
    const encoded = this.varint();
    const lastTimestamp = last.timestamp;
    const timestamp = encoded === 0 ? END.timestamp : lastTimestamp + encoded - 1;
    if (encoded !== 0 && !Number.isSafeInteger(timestamp)) throw bad('a range begins after the end of everything');
    const length = this.varint();
    if (length > ID_BYTES) throw bad(`a bound has ${length} bytes of an id`);
    const prefix = this.take(length);
    if (timestamp === lastTimestamp && Buffer.compare(padded(prefix), padded(last.prefix)) < 0) {
      throw bad('its ranges are not in order');
    }
    return { timestamp, prefix };
  }

  ids(): Uint8Array[] {
    const count = this.varint();
    if (count > (this.#bytes.length - this.#at) / ID_BYTES) throw bad('it ends too early');
    return Array.from({ length: count }, () => this.take(ID_BYTES));
  }
}

function padded(prefix: Uint8Array): Uint8Array {
  const whole = new Uint8Array(ID_BYTES);
  whole.set(prefix);
  return whole;
}

export function bad(what: string): RefusedError {
  return new RefusedError('reconcile/bad-message', `a message that is to reconcile two sets cannot be read: ${what}`);
}
