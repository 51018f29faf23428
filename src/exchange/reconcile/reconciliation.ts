/** The two sides of the protocol. The asking side learns what differs; the answering one remembers nothing. */
import { END, ID_BYTES, type Bound } from './bound.ts';
import { MessageWriter, PROTOCOL_VERSION, readRanges } from './encoding.ts';
import type { ItemSet } from './item-set.ts';

/** A range that differs is cut into so many, or told id by id where it has fewer than twice as many items. */
const BUCKETS = 16;
/** Kept free below the limit of a message: what closes it must still fit. */
const CLOSING_BYTES = 200;
/** A smaller limit would not get on. */
export const MIN_MESSAGE_BYTES = 4096;

export interface Reconciled {
  /** Ids that only this side has, as far as this message says. */
  readonly have: readonly Uint8Array[];
  /** Ids that only the other side has. */
  readonly need: readonly Uint8Array[];
  /** What to ask next; undefined: all is known. */
  readonly next: Uint8Array | undefined;
}

/** The asking side: `first` is sent, and what comes back is handed to `take`, until there is no `next`. */
export class Reconciliation {
  readonly #set: ItemSet;
  readonly #maxBytes: number;

  /** `maxBytes`: of one message, at least 4096. */
  constructor(set: ItemSet, maxBytes: number) {
    if (maxBytes < MIN_MESSAGE_BYTES) throw new RangeError(`a message needs ${MIN_MESSAGE_BYTES} bytes`);
    this.#set = set;
    this.#maxBytes = maxBytes;
  }

  first(): Uint8Array {
    const out = new MessageWriter();
    split(this.#set, 0, this.#set.size, END, out);
    return out.bytes();
  }

  /** Throws RefusedError `reconcile/bad-message`. */
  take(message: Uint8Array): Reconciled {
    const have: Uint8Array[] = [];
    const need: Uint8Array[] = [];
    const next = reconcile(this.#set, message, this.#maxBytes, { have, need });
    return { have, need, next: next.length === 1 ? undefined : next };
  }
}

/** The answering side. A version that is not ours is answered with ours alone, as the protocol asks. */
export function answerMessage(set: ItemSet, message: Uint8Array, maxBytes: number): Uint8Array {
  const [version = 0] = message;
  if (version >= 0x60 && version <= 0x6f && version !== PROTOCOL_VERSION) return Uint8Array.of(PROTOCOL_VERSION);
  return reconcile(set, message, maxBytes, undefined);
}

interface Learned {
  readonly have: Uint8Array[];
  readonly need: Uint8Array[];
}

/** `learned` is the asking side's; without it this side answers lists of ids with its own. */
function reconcile(set: ItemSet, message: Uint8Array, maxBytes: number, learned: Learned | undefined): Uint8Array {
  const out = new MessageWriter();
  const room = maxBytes - CLOSING_BYTES;
  /** The rest is told by one fingerprint, and looked into in another round. */
  const close = (from: number): Uint8Array => {
    out.fingerprint(END, set.fingerprint(from, set.size));
    return out.bytes();
  };
  let begin = 0;
  let skippedTo: Bound | undefined;
  const tellSkipped = (): void => {
    if (skippedTo !== undefined) out.skip(skippedTo);
    skippedTo = undefined;
  };
  for (const range of readRanges(message)) {
    const { bound } = range;
    const end = set.indexOf(bound, begin);
    if (range.mode === 'skip') skippedTo = bound;
    else if (range.mode === 'fingerprint') {
      if (Buffer.compare(range.fingerprint, set.fingerprint(begin, end)) === 0) skippedTo = bound;
      else {
        tellSkipped();
        const before = out.mark();
        split(set, begin, end, bound, out);
        if (out.length > room) {
          out.restore(before);
          return close(begin);
        }
      }
    } else if (learned !== undefined) {
      compare(set, begin, end, range.ids, learned);
      skippedTo = bound;
    } else {
      tellSkipped();
      const ids: Uint8Array[] = [];
      while (begin + ids.length < end && out.length + ids.length * ID_BYTES <= room)
        ids.push(set.id(begin + ids.length));
      const told = begin + ids.length;
      out.idList(told === end ? bound : { timestamp: set.timestamp(told), prefix: set.id(told) }, ids);
      if (out.length > room) return close(told);
    }
    begin = end;
  }
  return out.bytes();
}

function split(set: ItemSet, begin: number, end: number, bound: Bound, out: MessageWriter): void {
  const count = end - begin;
  if (count < BUCKETS * 2) {
    out.idList(
      bound,
      Array.from({ length: count }, (_, index) => set.id(begin + index)),
    );
    return;
  }
  const [each, more] = [Math.floor(count / BUCKETS), count % BUCKETS];
  let at = begin;
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const next = at + each + (bucket < more ? 1 : 0);
    out.fingerprint(next === end ? bound : set.boundBefore(next), set.fingerprint(at, next));
    at = next;
  }
}

function compare(set: ItemSet, begin: number, end: number, theirs: readonly Uint8Array[], learned: Learned): void {
  const rest = new Map(theirs.map((id) => [Buffer.from(id).toString('latin1'), id]));
  for (let index = begin; index < end; index += 1) {
    const id = set.id(index);
    if (!rest.delete(Buffer.from(id).toString('latin1'))) learned.have.push(id);
  }
  learned.need.push(...rest.values());
}
