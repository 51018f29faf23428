/** File names on FAT: the 8.3 name that every file has, and the long name in entries before it. */

const ENTRY = 32;
/** UTF-16 units in one long-name entry, and where they lie. */
const UNIT_OFFSETS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30];
const LONG_NAME = 0x0f;
const LAST = 0x40;

/**
 * One short name for each long name of a folder: eleven characters, base and extension padded with spaces. They are
 * numbered through, so that they differ; nobody sees them where long names are read.
 */
export function shortNames(longNames: readonly string[]): string[] {
  return longNames.map((name, index) => {
    const dot = name.lastIndexOf('.');
    const legal = (text: string) => text.toUpperCase().replaceAll(/[^A-Z0-9_-]/g, '');
    const tail = `~${index + 1}`;
    const base = `${legal(dot > 0 ? name.slice(0, dot) : name).slice(0, 8 - tail.length)}${tail}`;
    const extension = dot > 0 ? legal(name.slice(dot + 1)).slice(0, 3) : '';
    return base.padEnd(8) + extension.padEnd(3);
  });
}

/** The entries that carry the long name; they stand before the short entry, the name's end first. */
export function longNameEntries(name: string, shortName: string): Buffer {
  const count = Math.ceil(name.length / UNIT_OFFSETS.length);
  const sum = checksum(shortName);
  const entries: Buffer[] = [];
  for (let part = count; part >= 1; part--) {
    const entry = Buffer.alloc(ENTRY);
    entry.writeUInt8(part === count ? part | LAST : part, 0);
    entry.writeUInt8(LONG_NAME, 11);
    entry.writeUInt8(sum, 13);
    for (const [unit, offset] of UNIT_OFFSETS.entries()) {
      const index = (part - 1) * UNIT_OFFSETS.length + unit;
      // One zero ends the name, the rest is filled with ones.
      const code = index < name.length ? name.charCodeAt(index) : index === name.length ? 0 : 0xffff;
      entry.writeUInt16LE(code, offset);
    }
    entries.push(entry);
  }
  return Buffer.concat(entries);
}

export interface ShortEntry {
  /** Eleven characters, or `.` and `..`. */
  readonly shortName: string;
  readonly attributes: number;
  readonly firstCluster: number;
  readonly sizeBytes: number;
  readonly epochSeconds: number;
}

export function shortEntry({ shortName, attributes, firstCluster, sizeBytes, epochSeconds }: ShortEntry): Buffer {
  const { date, time } = fatTime(epochSeconds);
  const entry = Buffer.alloc(ENTRY);
  entry.write(shortName.padEnd(11), 0, 11, 'latin1');
  entry.writeUInt8(attributes, 11);
  entry.writeUInt16LE(time, 14);
  entry.writeUInt16LE(date, 16);
  entry.writeUInt16LE(date, 18);
  entry.writeUInt16LE(time, 22);
  entry.writeUInt16LE(date, 24);
  entry.writeUInt16LE(firstCluster, 26);
  entry.writeUInt32LE(sizeBytes, 28);
  return entry;
}

/** Of the short name, so that a system without long names cannot tear the two apart unnoticed. */
function checksum(shortName: string): number {
  let sum = 0;
  for (const byte of Buffer.from(shortName.padEnd(11), 'latin1')) sum = (((sum & 1) << 7) + (sum >> 1) + byte) & 0xff;
  return sum;
}

const FIRST_YEAR = 1980;
const LAST_YEAR = 2107;

/** UTC; what lies outside of FAT's years is moved to their first or last moment. */
function fatTime(epochSeconds: number): { date: number; time: number } {
  const first = Date.UTC(FIRST_YEAR, 0, 1);
  const last = Date.UTC(LAST_YEAR, 11, 31, 23, 59, 58);
  const moment = new Date(Math.min(Math.max(epochSeconds * 1000, first), last));
  return {
    date: ((moment.getUTCFullYear() - FIRST_YEAR) << 9) | ((moment.getUTCMonth() + 1) << 5) | moment.getUTCDate(),
    time: (moment.getUTCHours() << 11) | (moment.getUTCMinutes() << 5) | (moment.getUTCSeconds() >> 1),
  };
}
