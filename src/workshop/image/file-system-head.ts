/**
 * Recognises a file system by its first bytes, and says which part of the partition is its own. The rest (boot sectors,
 * slack behind the last block) is measured as extents, byte for byte.
 */
import { RefusedError } from '../../errors.ts';

export interface FileSystemHead {
  /** As Linux calls it when it mounts it. */
  readonly type: 'ext4' | 'vfat';
  readonly mountOptions: string;
  /** Bytes from the start of the partition that are not the file system's: the boot sector. */
  readonly bootBytes: number;
  /** Where the file system ends, bytes from the start of the partition. */
  readonly endBytes: number;
}

// Linux Documentation/filesystems/ext4/super.rst; the superblock starts at byte 1024.
const EXT = { at: 1024, magic: 0xef53, cleanlyUnmounted: 1, needsRecovery: 0x4, sixtyFourBit: 0x80, orphans: 0x10000 };

/**
 * Undefined: no file system that we read file by file; the whole partition is then an extent. Rejects a file system that
 * was not unmounted (`image/dirty-file-system`): what is in its journal is content too, and we do not replay it; but for
 * `running`, the disk of a running machine, whose file systems are never unmounted.
 */
export function recogniseFileSystem(
  head: Buffer,
  partition: { readonly name: string; readonly sizeBytes: number },
  { running = false }: { readonly running?: boolean } = {},
): FileSystemHead | undefined {
  const refuse: Refuse = (why) => {
    if (!running) throw dirty(partition.name, why);
  };
  const found = recogniseExt(head, refuse, running) ?? recogniseFat(head, refuse);
  if (found !== undefined && found.endBytes > partition.sizeBytes) {
    throw new RefusedError(
      'image/bad-file-system',
      `the file system in ${partition.name} claims ${found.endBytes} bytes, but its partition has ${partition.sizeBytes}`,
    );
  }
  return found;
}

/** Called with the reason; returns where the disk of a running machine is read, whose journal is replayed. */
type Refuse = (why: string) => void;

function recogniseExt(head: Buffer, refuse: Refuse, running: boolean): FileSystemHead | undefined {
  if (head.length < EXT.at + 1024 || head.readUInt16LE(EXT.at + 0x38) !== EXT.magic) return undefined;
  const word = (offset: number): number => head.readUInt32LE(EXT.at + offset);
  const incompatible = word(0x60);
  if ((incompatible & EXT.needsRecovery) !== 0) refuse('its journal holds changes that are not written back');
  if ((head.readUInt16LE(EXT.at + 0x3a) & EXT.cleanlyUnmounted) === 0) refuse('it was not unmounted cleanly');
  if (word(0xe8) !== 0 || (word(0x64) & EXT.orphans) !== 0) refuse('it holds files that were being deleted');
  const blocks = word(0x4) + ((incompatible & EXT.sixtyFourBit) === 0 ? 0 : word(0x150) * 2 ** 32);
  return {
    type: 'ext4',
    mountOptions: running ? 'ro' : 'ro,noload',
    bootBytes: EXT.at,
    endBytes: blocks * 1024 * 2 ** word(0x18),
  };
}

// Microsoft's FAT specification (fatgen103), section "Boot Sector and BPB Structure".
function recogniseFat(head: Buffer, refuse: Refuse): FileSystemHead | undefined {
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return undefined;
  const fat32 = head.toString('latin1', 82, 90) === 'FAT32   ';
  if (!fat32 && !/^FAT1[26]   $/.test(head.toString('latin1', 54, 62))) return undefined;
  const sectorBytes = head.readUInt16LE(11);
  const reserved = head.readUInt16LE(14);
  const sectors = head.readUInt16LE(19) || head.readUInt32LE(32);
  if (![512, 1024, 2048, 4096].includes(sectorBytes) || reserved === 0 || sectors <= reserved) return undefined;
  // Linux keeps its "mounted" mark in bit 0 of the byte that fatgen103 calls BS_Reserved1.
  if (((head[fat32 ? 65 : 37] ?? 0) & 1) !== 0) refuse('it was not unmounted cleanly');
  return {
    type: 'vfat',
    mountOptions: 'ro,uid=0,gid=0,umask=022,codepage=437,iocharset=ascii,utf8,shortname=mixed',
    bootBytes: reserved * sectorBytes,
    endBytes: sectors * sectorBytes,
  };
}

function dirty(name: string, why: string): RefusedError {
  return new RefusedError('image/dirty-file-system', `the file system in ${name} is not measured: ${why}`, {
    hint: 'let the guest unmount its disks and power off before the build ends',
    facts: { partition: name, why },
  });
}
