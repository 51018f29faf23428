/**
 * Divides a disk, or a logical volume, into file systems, pieces of logical volumes and extents, so that every byte belongs to exactly one of them. Pure: from what the
 * kernel's partition parser found and the first bytes of each partition to the list of what is to be read.
 */
import { RefusedError } from '../../errors.ts';
import type { FileSystemHead } from './file-system-head.ts';
import { MAX_FAT_RESERVED_BYTES, MAX_GPT_TABLE_BYTES, MAX_PARTITIONS } from './limits.ts';
import type { ExtentContent } from './types.ts';

const SECTOR = 512;

/** Number 0 stands for a disk without partitions. Bytes from the start of the disk. */
export interface Partition {
  readonly number: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface DiskLayout {
  readonly sizeBytes: number;
  readonly partitions: readonly Partition[];
}

/** What an extent holds that carries a random id (rule `disk-id`). */
export type ExtentRole = 'mbr' | 'gpt-header' | 'gpt-table' | 'fat-boot' | 'lvm-metadata';

/** A piece of a partition, offset from its start: of a logical volume, or an extent that is known for what it is. */
export interface Part {
  readonly offset: number;
  readonly sizeBytes: number;
  readonly volume?: string;
  readonly holds?: ExtentContent;
  readonly role?: ExtentRole;
}

/** What is known of a partition: a file system, or parts from its start to its end. */
export type PartitionContent =
  | { readonly kind: 'tree'; readonly head: FileSystemHead }
  | { readonly kind: 'parts'; readonly parts: readonly Part[] };

export type Region =
  | {
      readonly kind: 'extent';
      readonly offset: number;
      readonly sizeBytes: number;
      readonly role?: ExtentRole;
      readonly holds?: ExtentContent;
    }
  | { readonly kind: 'volume'; readonly offset: number; readonly sizeBytes: number; readonly name: string }
  | {
      readonly kind: 'tree';
      readonly offset: number;
      readonly sizeBytes: number;
      readonly partition: number;
      readonly head: FileSystemHead;
    };

/** In the order of the disk. `diskHead` are its first bytes. Rejects what overlaps: `image/odd-layout`. */
export function planRegions(
  layout: DiskLayout,
  contents: ReadonlyMap<number, PartitionContent>,
  diskHead: Buffer,
): readonly Region[] {
  if (layout.partitions.length > MAX_PARTITIONS) throw odd(`it has ${layout.partitions.length} partitions`);
  const owned: Region[] = [];
  const roles = new Map<string, ExtentRole>();
  const cuts = new Set<number>([0, layout.sizeBytes]);
  for (const { number, offset, sizeBytes } of layout.partitions) {
    if (offset < 0 || sizeBytes < 0 || offset + sizeBytes > layout.sizeBytes) {
      throw odd(`partition ${number} reaches beyond its end`);
    }
    cuts.add(offset).add(offset + sizeBytes);
    const content = contents.get(number);
    if (content === undefined) continue;
    if (content.kind === 'parts') {
      owned.push(...content.parts.map((part) => regionOf(part, offset)));
      continue;
    }
    const { head } = content;
    const start = offset + head.bootBytes;
    owned.push({ kind: 'tree', offset: start, sizeBytes: offset + head.endBytes - start, partition: number, head });
    if (head.type === 'vfat' && head.bootBytes <= MAX_FAT_RESERVED_BYTES) {
      roles.set(`${offset}+${head.bootBytes}`, 'fat-boot');
    }
  }
  for (const { offset, sizeBytes, role } of tableExtents(layout, diskHead)) {
    cuts.add(offset).add(offset + sizeBytes);
    roles.set(`${offset}+${sizeBytes}`, role);
  }
  owned.sort((a, b) => a.offset - b.offset);
  const points = [...cuts].sort((a, b) => a - b);
  const regions: Region[] = [];
  let at = 0;
  const fill = (end: number): void => {
    for (const point of [...points.filter((each) => each > at && each < end), end]) {
      if (point === at) continue;
      const role = roles.get(`${at}+${point - at}`);
      regions.push({ kind: 'extent', offset: at, sizeBytes: point - at, ...(role === undefined ? {} : { role }) });
      at = point;
    }
  };
  for (const region of owned) {
    if (region.offset < at) throw odd(`what its partitions hold overlaps at byte ${region.offset}`);
    fill(region.offset);
    regions.push(region);
    at = region.offset + region.sizeBytes;
  }
  fill(layout.sizeBytes);
  return regions;
}

function regionOf(part: Part, start: number): Region {
  const { sizeBytes, volume, holds, role } = part;
  const place = { offset: start + part.offset, sizeBytes };
  if (volume !== undefined) return { kind: 'volume', ...place, name: volume };
  return {
    kind: 'extent',
    ...place,
    ...(role === undefined ? {} : { role }),
    ...(holds === undefined ? {} : { holds }),
  };
}

/** The extents of the partition table itself (UEFI specification 2.10, chapter 5). Empty where there is none. */
function tableExtents(
  layout: DiskLayout,
  head: Buffer,
): readonly { readonly offset: number; readonly sizeBytes: number; readonly role: ExtentRole }[] {
  if (layout.partitions.some(({ number }) => number === 0)) return [];
  if (head.length < 2 * SECTOR || head.readUInt16LE(510) !== 0xaa55) return [];
  const mbr = { offset: 0, sizeBytes: SECTOR, role: 'mbr' } as const;
  if (head.toString('latin1', SECTOR, SECTOR + 8) !== 'EFI PART') return [mbr];
  const tableBytes = head.readUInt32LE(SECTOR + 80) * head.readUInt32LE(SECTOR + 84);
  const standard = head.readBigUInt64LE(SECTOR + 72) === 2n && tableBytes % SECTOR === 0 && tableBytes > 0;
  const end = layout.sizeBytes;
  if (!standard || tableBytes > MAX_GPT_TABLE_BYTES || 2 * (tableBytes + 2 * SECTOR) > end) return [mbr];
  return [
    mbr,
    { offset: SECTOR, sizeBytes: SECTOR, role: 'gpt-header' },
    { offset: 2 * SECTOR, sizeBytes: tableBytes, role: 'gpt-table' },
    { offset: end - SECTOR - tableBytes, sizeBytes: tableBytes, role: 'gpt-table' },
    { offset: end - SECTOR, sizeBytes: SECTOR, role: 'gpt-header' },
  ];
}

function odd(what: string): RefusedError {
  return new RefusedError('image/odd-layout', `the disk is not measured: ${what}`, { facts: { what } });
}
