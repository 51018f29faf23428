/** LevelDB's part for the real store, in memory: keys in the order of their bytes, batches that are all or nothing. */
import { createHash } from 'node:crypto';
import type { Database, Write } from '../../src/exchange/store/database.ts';

export class Disk implements Database {
  readonly #values: Map<string, Uint8Array>;
  /** Sorted; undefined when something was added since. */
  #sorted: string[] | undefined;
  #isOpen = true;

  constructor(values: ReadonlyMap<string, Uint8Array> = new Map()) {
    this.#values = new Map(values);
  }

  /** As it is now: what a backup would hold. */
  copy(): Disk {
    return new Disk(this.#values);
  }

  /** Two disks with the same digest hold the same. */
  digest(): string {
    const hash = createHash('sha256');
    for (const key of this.#keys()) hash.update(key).update(this.#values.get(key) ?? '');
    return hash.digest('hex');
  }

  get sizeBytes(): number {
    let size = 0;
    for (const [key, value] of this.#values) size += key.length + value.length;
    return size;
  }

  async get(key: string): Promise<Uint8Array | undefined> {
    return this.#values.get(key);
  }

  async has(keys: readonly string[]): Promise<boolean[]> {
    return keys.map((key) => this.#values.has(key));
  }

  async *entries({ gte, lt, limit = Infinity }: { gte: string; lt: string; limit?: number }) {
    const keys = this.#keys();
    const found: [string, Uint8Array][] = [];
    for (let at = firstAtLeast(keys, gte); at < keys.length && found.length < limit; at += 1) {
      const key = keys[at];
      if (key === undefined || key >= lt) break;
      const value = this.#values.get(key);
      if (value !== undefined) found.push([key, value]);
    }
    yield* found;
  }

  async write(batch: readonly Write[]): Promise<void> {
    // A node that was killed writes no more.
    if (!this.#isOpen) throw new Error('the disk is not there any more');
    for (const write of batch) {
      if (write.type === 'put') {
        if (!this.#values.has(write.key)) this.#sorted = undefined;
        this.#values.set(write.key, write.value);
      } else if (this.#values.delete(write.key)) {
        this.#sorted = undefined;
      }
    }
  }

  async close(): Promise<void> {
    this.#isOpen = false;
  }

  #keys(): readonly string[] {
    this.#sorted ??= [...this.#values.keys()].sort();
    return this.#sorted;
  }
}

function firstAtLeast(keys: readonly string[], wanted: string): number {
  let [low, high] = [0, keys.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] ?? '') < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
