/**
 * Writes cpio archives in the `newc` form that the Linux kernel unpacks as its initramfs
 * (Documentation/driver-api/early-userspace/buffer-format.rst). Times, owners and inode numbers are fixed, so the same
 * entries in the same order give the same bytes.
 */

export interface CpioEntry {
  /** Without a leading slash. */
  readonly path: string;
  readonly kind: 'file' | 'directory' | 'symlink' | 'character';
  /** Permission bits. Defaults: 0o755 for directories, 0o644 for the rest. */
  readonly mode?: number;
  readonly data?: Uint8Array;
  readonly target?: string;
  readonly device?: readonly [number, number];
}

const TYPE_BITS = { file: 0o100000, directory: 0o040000, symlink: 0o120000, character: 0o020000 } as const;
const TRAILER = 'TRAILER!!!';

/** One archive, padded to 512 bytes. Parent directories must stand before what is in them. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Buffer[] = [];
  let position = 0;
  const put = (bytes: Buffer, alignment: number): void => {
    const padding = Buffer.alloc((alignment - ((position + bytes.length) % alignment)) % alignment);
    parts.push(bytes, padding);
    position += bytes.length + padding.length;
  };
  const add = (inode: number, mode: number, path: string, data: Buffer, device: readonly [number, number]): void => {
    const name = Buffer.from(`${path}\0`, 'utf8');
    // ino, mode, uid, gid, nlink, mtime, filesize, devmajor, devminor, rdevmajor, rdevminor, namesize, check
    const fields = [inode, mode, 0, 0, 1, 0, data.length, 0, 0, device[0], device[1], name.length, 0];
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`;
    put(Buffer.concat([Buffer.from(header, 'latin1'), name]), 4);
    put(data, 4);
  };
  entries.forEach((entry, index) => {
    const mode = TYPE_BITS[entry.kind] | (entry.mode ?? (entry.kind === 'directory' ? 0o755 : 0o644));
    const data = entry.kind === 'symlink' ? Buffer.from(entry.target ?? '', 'utf8') : Buffer.from(entry.data ?? []);
    add(index + 1, mode, entry.path, data, entry.device ?? [0, 0]);
  });
  add(0, 0, TRAILER, Buffer.alloc(0), [0, 0]);
  put(Buffer.alloc(0), 512);
  return Buffer.concat(parts);
}
