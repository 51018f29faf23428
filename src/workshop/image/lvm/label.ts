/**
 * The first sectors of an LVM physical volume (LVM2 lib/label/label.h and lib/format_text/layout.h, little-endian): who it is,
 * and where the description of its volume group lies. Pure: from bytes to places.
 */
import { crc32 } from 'node:zlib';
import { MAX_VOLUME_GROUP_TEXT_BYTES } from '../limits.ts';
import { badVolumeGroup } from './refuse.ts';

const SECTOR = 512;
/** The label is in one of the first sectors, usually the second. */
const LABEL_SECTORS = 4;
const AREA_HEADER_BYTES = 512;
const AREA_MAGIC = Buffer.from(' LVM2 x[5A%r0N*>', 'latin1');
/** LVM's checksum: CRC-32 that begins with this, and is not inverted at its end. */
const INITIAL_CRC = 0xf597a6cf;

/** Bytes from the start of the physical volume. */
export interface ByteRange {
  readonly offset: number;
  readonly sizeBytes: number;
}

export interface PhysicalLabel {
  /** As the group's description writes it, with hyphens. */
  readonly id: string;
  readonly sizeBytes: number;
  /** Where descriptions of the group are kept: none, one at the beginning, or one at each end. */
  readonly metadataAreas: readonly ByteRange[];
}

export function lvmChecksum(bytes: Uint8Array): number {
  return ~crc32(bytes, ~INITIAL_CRC >>> 0) >>> 0;
}

/** Undefined where there is none; one with a wrong checksum is none for LVM either. */
export function readLabel(
  head: Buffer,
  partition: { readonly name: string; readonly sizeBytes: number },
): PhysicalLabel | undefined {
  for (let sector = 0; sector < LABEL_SECTORS; sector += 1) {
    const label = head.subarray(sector * SECTOR, (sector + 1) * SECTOR);
    if (label.length < SECTOR || label.toString('latin1', 0, 8) !== 'LABELONE') continue;
    if (label.toString('latin1', 24, 32) !== 'LVM2 001' || label.readBigUInt64LE(8) !== BigInt(sector)) continue;
    if (lvmChecksum(label.subarray(20)) !== label.readUInt32LE(16)) continue;
    return readPhysicalVolume(label, partition);
  }
  return undefined;
}

function readPhysicalVolume(
  label: Buffer,
  { name, sizeBytes }: { readonly name: string; readonly sizeBytes: number },
): PhysicalLabel {
  const start = label.readUInt32LE(20);
  const raw = label.toString('latin1', start, start + 32);
  if (!/^[A-Za-z0-9!#]{32}$/.test(raw)) throw badVolumeGroup(name, 'its label holds no id');
  let at = start + 32 + 8;
  const ranges = (): readonly ByteRange[] => {
    const list: ByteRange[] = [];
    while (true) {
      if (at + 16 > SECTOR) throw badVolumeGroup(name, 'its label has no end');
      const range = { offset: number64(label, at), sizeBytes: number64(label, at + 8) };
      at += 16;
      if (range.offset === 0) return list;
      // A size of 0 stands for all that is left.
      if (range.offset + range.sizeBytes > sizeBytes) throw badVolumeGroup(name, 'its label points beyond its end');
      list.push(range);
    }
  };
  ranges();
  const id = [6, 10, 14, 18, 22, 26].map((end, index) => raw.slice(index === 0 ? 0 : end - 4, end));
  return { id: [...id, raw.slice(26)].join('-'), sizeBytes, metadataAreas: ranges() };
}

/** Where the text in force lies, in one or two pieces (the area is a ring); undefined where there is none yet. */
export function locateText(
  header: Buffer,
  area: ByteRange,
  where: string,
): { readonly pieces: readonly ByteRange[]; readonly checksum: number } | undefined {
  if (
    header.length < AREA_HEADER_BYTES ||
    !header.subarray(4, 20).equals(AREA_MAGIC) ||
    lvmChecksum(header.subarray(4, AREA_HEADER_BYTES)) !== header.readUInt32LE(0) ||
    number64(header, 24) !== area.offset ||
    number64(header, 32) !== area.sizeBytes
  ) {
    throw badVolumeGroup(where, 'its metadata area has no valid header');
  }
  const [offset, sizeBytes] = [number64(header, 40), number64(header, 48)];
  if (offset === 0) return undefined;
  if (sizeBytes === 0 || sizeBytes > MAX_VOLUME_GROUP_TEXT_BYTES) {
    throw badVolumeGroup(where, `its description claims ${sizeBytes} bytes`);
  }
  if (offset < AREA_HEADER_BYTES || offset >= area.sizeBytes || sizeBytes > area.sizeBytes - AREA_HEADER_BYTES) {
    throw badVolumeGroup(where, 'its description lies outside of its metadata area');
  }
  const first = Math.min(sizeBytes, area.sizeBytes - offset);
  const pieces = [{ offset: area.offset + offset, sizeBytes: first }];
  if (first < sizeBytes) pieces.push({ offset: area.offset + AREA_HEADER_BYTES, sizeBytes: sizeBytes - first });
  return { pieces, checksum: header.readUInt32LE(56) };
}

/** Infinity for what no disk is as large as: it is found to be beyond the end. */
function number64(bytes: Buffer, offset: number): number {
  const value = bytes.readBigUInt64LE(offset);
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
}
