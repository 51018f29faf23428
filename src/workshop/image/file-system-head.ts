/**
 * Recognises a file system by its first bytes, and says which part of the partition is its own. The rest (boot sectors,
 * slack behind the last block) is measured as extents, byte for byte.
 */
import { RefusedError } from '../../errors.ts';

/** Those that the measuring VM's kernel has a module for (measure-init.ts). */
export type FileSystemType = 'ext4' | 'vfat' | 'xfs' | 'btrfs' | 'squashfs' | 'erofs';

export interface FileSystemHead {
  /** As Linux calls it when it mounts it. */
  readonly type: FileSystemType;
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
    if (!running) throw dirtyFileSystem(partition.name, why);
  };
  const found =
    recogniseExt(head, refuse, running) ??
    recogniseXfs(head) ??
    recogniseBtrfs(head, refuse) ??
    recogniseSquashfs(head) ??
    recogniseErofs(head) ??
    recogniseFat(head, refuse);
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

/**
 * The superblock is at the very beginning (Linux fs/xfs/libxfs/xfs_format.h, big-endian), so nothing can boot from before it.
 * Whether its log holds changes is known to the log alone: the kernel refuses to mount it then, for it may not write.
 */
function recogniseXfs(head: Buffer): FileSystemHead | undefined {
  if (head.length < 512 || head.toString('latin1', 0, 4) !== 'XFSB') return undefined;
  const endBytes = head.readUInt32BE(4) * number64(head.readBigUInt64BE(8));
  // Two disks of one recipe may have one id.
  return { type: 'xfs', mountOptions: 'ro,nouuid', bootBytes: 0, endBytes };
}

// Linux Documentation/filesystems/btrfs.rst and include/uapi/linux/btrfs_tree.h; what comes before the superblock is left to boot loaders.
const BTRFS = { at: 64 * 1024, log: 0x60, devices: 0x88, deviceBytes: 0xd1 };

/** One device alone: of several, one does not hold the files, and each is an extent (other-content.ts). All subvolumes are in the tree. */
function recogniseBtrfs(head: Buffer, refuse: Refuse): FileSystemHead | undefined {
  if (head.length < BTRFS.at + 512 || head.toString('latin1', BTRFS.at + 0x40, BTRFS.at + 0x48) !== '_BHRfS_M')
    return undefined;
  if (head.readBigUInt64LE(BTRFS.at + BTRFS.devices) !== 1n) return undefined;
  if (head.readBigUInt64LE(BTRFS.at + BTRFS.log) !== 0n) refuse('its log holds changes that are not written back');
  const endBytes = number64(head.readBigUInt64LE(BTRFS.at + BTRFS.deviceBytes));
  return { type: 'btrfs', mountOptions: 'ro,subvolid=5', bootBytes: BTRFS.at, endBytes };
}

/** Linux fs/squashfs/squashfs_fs.h, version 4. It ends where its bytes do; what pads it is an extent. */
function recogniseSquashfs(head: Buffer): FileSystemHead | undefined {
  if (head.length < 96 || head.toString('latin1', 0, 4) !== 'hsqs' || head.readUInt16LE(28) !== 4) return undefined;
  return { type: 'squashfs', mountOptions: 'ro', bootBytes: 0, endBytes: number64(head.readBigUInt64LE(40)) };
}

/** Linux fs/erofs/erofs_fs.h; the superblock starts at byte 1024. */
function recogniseErofs(head: Buffer): FileSystemHead | undefined {
  if (head.length < 1024 + 128 || head.readUInt32LE(1024) !== 0xe0f5e1e2) return undefined;
  const endBytes = head.readUInt32LE(1024 + 36) * 2 ** head.readUInt8(1024 + 12);
  return { type: 'erofs', mountOptions: 'ro', bootBytes: 1024, endBytes };
}

/** Infinity for what no disk is as large as: it is found to be beyond the partition. */
function number64(value: bigint): number {
  return value > BigInt(Number.MAX_SAFE_INTEGER) ? Number.POSITIVE_INFINITY : Number(value);
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

export function dirtyFileSystem(name: string, why: string): RefusedError {
  return new RefusedError('image/dirty-file-system', `the file system in ${name} is not measured: ${why}`, {
    hint: 'let the guest unmount its disks and power off before the build ends',
    facts: { partition: name, why },
  });
}
