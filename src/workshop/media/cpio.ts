/**
 * The initrd format: cpio archives in the "newc" form, one after the other, each perhaps compressed (the kernel's
 * Documentation/driver-api/early-userspace/buffer-format.rst).
 */
import { readFile } from 'node:fs/promises';
import { posix } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { RefusedError, UsageError } from '../../errors.ts';
import { MAX_INITRD_BYTES, MAX_LINK_HOPS } from './limits.ts';

/** One entry. `path` has no leading slash or `./`; `mode` is the whole st_mode; `data` is a view into the archive. */
export interface CpioEntry {
  readonly path: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly data: Uint8Array;
}

const HEADER_BYTES = 110;
const TRAILER = 'TRAILER!!!';
const TYPE_MASK = 0o170000;
const SYMLINK = 0o120000;
const REGULAR = 0o100000;

/** The entries of unpacked archives that lie one after the other. Throws `media/initrd-malformed`. */
export function* readCpio(bytes: Uint8Array): Generator<CpioEntry> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  while (at < buffer.length) {
    // Archives are padded with zeros to the next one.
    if (buffer[at] === 0) {
      at++;
      continue;
    }
    const magic = buffer.toString('latin1', at, at + 6);
    if (magic !== '070701' && magic !== '070702') throw malformed(`there is no cpio header at byte ${at}`);
    if (at + HEADER_BYTES > buffer.length) throw malformed('it is cut off');
    const field = (index: number): number => {
      const digits = buffer.toString('latin1', at + 6 + index * 8, at + 14 + index * 8);
      if (!/^[0-9A-Fa-f]{8}$/.test(digits)) throw malformed(`the header at byte ${at} has no number where one belongs`);
      return Number.parseInt(digits, 16);
    };
    const [mode, uid, gid, size, nameSize] = [field(1), field(2), field(3), field(6), field(11)];
    const dataAt = padded(at + HEADER_BYTES + nameSize);
    if (nameSize < 1 || dataAt + size > buffer.length) throw malformed('it is cut off');
    const name = buffer.toString('utf8', at + HEADER_BYTES, at + HEADER_BYTES + nameSize - 1);
    at = padded(dataAt + size);
    if (name === TRAILER) continue;
    yield { path: plain(name), mode, uid, gid, data: buffer.subarray(dataAt, dataAt + size) };
  }
}

/**
 * An initrd's archives, unpacked and put one after the other for `readCpio`. Throws `media/initrd-malformed`, also for
 * compressions other than gzip and zstd.
 */
export async function unpackInitrd(path: string): Promise<Uint8Array> {
  const bytes = await readFile(path);
  const parts: Uint8Array[] = [];
  let at = 0;
  while (at < bytes.length && bytes.toString('latin1', at, at + 5) === '07070') {
    const end = endOfArchive(bytes, at);
    parts.push(bytes.subarray(at, end));
    at = end;
    while (bytes[at] === 0) at++;
  }
  // What is compressed is the last part, as Debian and the kernel's own tools make it.
  if (at < bytes.length) parts.push(decompress(bytes.subarray(at)));
  return Buffer.concat(parts);
}

/** A file of an initrd by its path (`lib/unifont.bgf`), links followed. Undefined if there is none. */
export async function readInitrdFile(initrdPath: string, name: string): Promise<Uint8Array | undefined> {
  return findFile(readCpio(await unpackInitrd(initrdPath)), name);
}

/** The kernel's own name for itself, `6.1.0-50-amd64`: the one folder in lib/modules. Throws `media/kernel-version-unknown`. */
export async function kernelVersionOf(initrdPath: string): Promise<string> {
  const versions = new Set<string>();
  for (const { path } of readCpio(await unpackInitrd(initrdPath))) {
    const version = /^(?:usr\/)?lib\/modules\/([^/]+)/.exec(path)?.[1];
    if (version !== undefined) versions.add(version);
  }
  const [version, ...others] = versions;
  if (version === undefined || others.length > 0 || !/^[0-9][A-Za-z0-9.+~-]*$/.test(version)) {
    throw new UsageError(
      'media/kernel-version-unknown',
      `The initrd ${initrdPath} has modules for ${versions.size} kernels, not for one.`,
      {
        hint: '`kernel_of` needs an initrd with exactly one folder in lib/modules',
        facts: { versions: [...versions] },
      },
    );
  }
  return version;
}

function findFile(entries: Iterable<CpioEntry>, name: string): Uint8Array | undefined {
  // A later entry of the same path wins, as when the kernel unpacks them.
  const byPath = new Map<string, CpioEntry>();
  for (const entry of entries) byPath.set(entry.path, entry);
  let path = plain(name);
  for (let hop = 0; hop <= MAX_LINK_HOPS; hop++) {
    const entry = byPath.get(path);
    if (!entry) return undefined;
    if ((entry.mode & TYPE_MASK) === REGULAR) return entry.data;
    if ((entry.mode & TYPE_MASK) !== SYMLINK) return undefined;
    const target = Buffer.from(entry.data).toString('utf8');
    path = plain(target.startsWith('/') ? posix.normalize(target) : posix.join(posix.dirname(path), target));
  }
  return undefined;
}

function decompress(bytes: Buffer): Uint8Array {
  try {
    if (bytes[0] === 0x1f && bytes[1] === 0x8b) return gunzipSync(bytes, { maxOutputLength: MAX_INITRD_BYTES });
    if (bytes.readUInt32LE(0) === 0xfd2fb528) return zstdDecompressSync(bytes, { maxOutputLength: MAX_INITRD_BYTES });
  } catch (error) {
    throw malformed(`it cannot be unpacked: ${error instanceof Error ? error.message : String(error)}`);
  }
  throw malformed('it is compressed in a way that is not gzip or zstd');
}

function endOfArchive(bytes: Buffer, start: number): number {
  const trailer = bytes.indexOf(TRAILER, start, 'latin1');
  if (trailer < 0) throw malformed('it is cut off');
  return start + padded(trailer + TRAILER.length + 1 - start);
}

function padded(offset: number): number {
  return (offset + 3) & ~3;
}

function plain(name: string): string {
  return name.replace(/^(?:\.?\/)+/, '').replace(/^\.$/, '');
}

function malformed(why: string): RefusedError {
  return new RefusedError('media/initrd-malformed', `The initrd cannot be read: ${why}.`);
}
