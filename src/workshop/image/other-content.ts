/**
 * What a partition holds that is no file system, where its first or last bytes say so: named in the manifest, hashed as it is.
 * The whole of it is nothing that this software looks into.
 */
import type { Part } from './disk-layout.ts';

const LUKS = Buffer.from([0x4c, 0x55, 0x4b, 0x53, 0xba, 0xbe]);
const MD_MAGIC = 0xa92b4efc;
const SECTOR = 512;

/** Last bytes of a partition in which RAID's older superblocks are. */
export const TAIL_BYTES = 128 * 1024;

/** `tail` ends where the partition does. Undefined: nobody knows. */
export function recogniseOther(head: Buffer, tail: Buffer, sizeBytes: number): readonly Part[] | undefined {
  const whole = (holds: NonNullable<Part['holds']>): readonly Part[] => [{ offset: 0, sizeBytes, holds }];
  const luks = recogniseLuks(head, sizeBytes);
  if (luks !== undefined) return luks;
  // One of several devices: a file system on one alone has been recognised before.
  if (head.toString('latin1', 65600, 65608) === '_BHRfS_M') return whole('btrfs-member');
  if (isMdMember(head, tail, sizeBytes)) return whole('md-member');
  // mkswap writes for pages of 4 KiB on the processors that we know.
  if (head.length >= 4096 && head.toString('latin1', 4086, 4096) === 'SWAPSPACE2') return whole('swap');
  return undefined;
}

/** LUKS1 and LUKS2 on-disk formats (cryptsetup's docs): a header with the keys' places and salts, then what is encrypted. */
function recogniseLuks(head: Buffer, sizeBytes: number): readonly Part[] | undefined {
  if (head.length < 4096 || !head.subarray(0, 6).equals(LUKS)) return undefined;
  const version = head.readUInt16BE(6);
  if (version !== 1 && version !== 2) return undefined;
  const start = version === 1 ? head.readUInt32BE(104) * SECTOR : luks2Start(head);
  if (start === undefined || start <= 0 || start >= sizeBytes) {
    return [{ offset: 0, sizeBytes, holds: `luks${version}-header` }];
  }
  return [
    { offset: 0, sizeBytes: start, holds: `luks${version}-header` },
    { offset: start, sizeBytes: sizeBytes - start, holds: `luks${version}-data` },
  ];
}

/** The first segment's offset, as the header's JSON says it; undefined for one that does not say it. */
function luks2Start(head: Buffer): number | undefined {
  const headerBytes = head.readBigUInt64BE(8);
  if (headerBytes > BigInt(head.length) || headerBytes < 4096n) return undefined;
  const area = head.subarray(4096, Number(headerBytes));
  const json = area.toString('latin1', 0, area.indexOf(0));
  const [, offset] = /"segments":\{"0":\{[^{}]*?"offset":"(\d{1,15})"/.exec(json) ?? [];
  return offset === undefined ? undefined : Number(offset);
}

/** Linux md: version 1.1 at the beginning, 1.2 4 KiB from it, 1.0 near the end, 0.90 in the last whole 64 KiB but one. */
function isMdMember(head: Buffer, tail: Buffer, sizeBytes: number): boolean {
  const at = (bytes: Buffer, offset: number, major: number): boolean =>
    offset >= 0 &&
    offset + 8 <= bytes.length &&
    bytes.readUInt32LE(offset) === MD_MAGIC &&
    bytes.readUInt32LE(offset + 4) === major;
  const fromEnd = (offset: number): number => offset - (sizeBytes - tail.length);
  const sectors = Math.floor(sizeBytes / SECTOR);
  const old = Math.floor(sizeBytes / 65536) * 65536 - 65536;
  return (
    at(head, 0, 1) ||
    at(head, 4096, 1) ||
    at(tail, fromEnd((sectors - 16 - ((sectors - 16) % 8)) * SECTOR), 1) ||
    at(tail, fromEnd(old), 0)
  );
}
