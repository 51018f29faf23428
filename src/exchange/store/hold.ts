/**
 * Records whose predecessors are missing, in memory. Only verified records of followed authors come here, and all of it
 * is a convenience: what falls out, or is lost with the process, is fetched again with the gap that it waited for.
 */
import { compareEpochs, type Position } from '../record/links.ts';
import type { VerifiedRecord } from '../record/types.ts';
import { feedName, type Feed } from './layout.ts';

export interface HoldLimits {
  readonly maxRecordsPerFeed: number;
  readonly maxBytes: number;
}

export class Hold {
  readonly #limits: HoldLimits;
  readonly #feeds = new Map<string, Map<number, VerifiedRecord>>();
  #bytes = 0;

  constructor(limits: HoldLimits) {
    this.#limits = limits;
  }

  /** Size of all that is held. */
  get bytes(): number {
    return this.#bytes;
  }

  at(feed: Feed, seq: number): VerifiedRecord | undefined {
    return this.#feeds.get(feedName(feed))?.get(seq);
  }

  /** A record of the same epoch that waits behind a place. */
  beyond(feed: Feed, place: Position): VerifiedRecord | undefined {
    return [...(this.#feeds.get(feedName(feed))?.values() ?? [])].find(
      ({ link }) => compareEpochs(link, place) === 0 && link.seq > place.seq,
    );
  }

  put(record: VerifiedRecord): void {
    const name = feedName(record.link);
    const feed = this.#feeds.get(name) ?? new Map<number, VerifiedRecord>();
    if (feed.has(record.link.seq)) return;
    this.#feeds.set(name, feed);
    feed.set(record.link.seq, record);
    this.#bytes += record.envelope.length;
    if (feed.size > this.#limits.maxRecordsPerFeed) this.#dropFarthest(name, feed);
    while (this.#bytes > this.#limits.maxBytes) this.#dropFromLargest();
  }

  take(feed: Feed, seq: number): VerifiedRecord | undefined {
    const name = feedName(feed);
    const records = this.#feeds.get(name);
    const record = records?.get(seq);
    if (records !== undefined && record !== undefined) this.#drop(name, records, record);
    return record;
  }

  /** Forgets what lies at or behind a place: a frozen feed does not go on. */
  dropFrom(feed: Feed, seq: number): void {
    const name = feedName(feed);
    const records = this.#feeds.get(name);
    for (const record of records?.values() ?? []) {
      if (records !== undefined && record.link.seq >= seq) this.#drop(name, records, record);
    }
  }

  #dropFromLargest(): void {
    const [largest] = [...this.#feeds].toSorted(([, a], [, b]) => b.size - a.size);
    if (largest !== undefined) this.#dropFarthest(...largest);
  }

  /** What is farthest from the gap is needed last. */
  #dropFarthest(name: string, feed: Map<number, VerifiedRecord>): void {
    const farthest = feed.get(Math.max(...feed.keys()));
    if (farthest !== undefined) this.#drop(name, feed, farthest);
  }

  #drop(name: string, feed: Map<number, VerifiedRecord>, record: VerifiedRecord): void {
    feed.delete(record.link.seq);
    this.#bytes -= record.envelope.length;
    if (feed.size === 0) this.#feeds.delete(name);
  }
}
