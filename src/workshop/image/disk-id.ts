/** Rule `disk-id`: the ids that are drawn at random when a disk is partitioned or formatted count as zero. Nothing else does. */
import type { ExtentRole } from './disk-layout.ts';
import { zeroLvmIds } from './lvm/lvm-id.ts';

/** The bytes that count. `bytes` is left as it is. */
export function withoutDiskIds(role: ExtentRole, bytes: Buffer): Buffer {
  const result = Buffer.from(bytes);
  const zero = (offset: number, length: number): void => {
    if (offset + length <= result.length) result.fill(0, offset, offset + length);
  };
  switch (role) {
    case 'mbr':
      zero(440, 4);
      break;
    case 'gpt-header':
      // CRC of the header, GUID of the disk, CRC of the table (UEFI 2.10, table 5.5): both CRCs follow from ids.
      if (result.toString('latin1', 0, 8) !== 'EFI PART') break;
      zero(16, 4);
      zero(56, 16);
      zero(88, 4);
      break;
    case 'gpt-table':
      // Unique GUID of each partition; rows of 128 bytes (UEFI 2.10, table 5.6).
      for (let row = 0; row + 128 <= result.length; row += 128) zero(row + 16, 16);
      break;
    case 'fat-boot':
      zeroVolumeIds(result, zero);
      break;
    case 'lvm-metadata':
      zeroLvmIds(result);
      break;
  }
  return result;
}

/** BS_VolID behind an extended boot signature of 0x28 or 0x29, in the boot sector and in FAT32's copy of it. */
function zeroVolumeIds(bytes: Buffer, zero: (offset: number, length: number) => void): void {
  const fat32 = bytes.toString('latin1', 82, 90) === 'FAT32   ';
  const id = fat32 ? 67 : 39;
  const sectorBytes = bytes.readUInt16LE(11);
  const copies = fat32 ? [0, bytes.readUInt16LE(50) * sectorBytes] : [0];
  for (const sector of new Set(copies)) {
    const signature = bytes[sector + id - 1];
    if (signature === 0x28 || signature === 0x29) zero(sector + id, 4);
  }
}
