/**
 * Reads GNU tar's pax archives as they stream by (POSIX.1-2017, "pax Interchange Format"). `tar-stream` decodes names and
 * attribute values as UTF-8; on a disk both are bytes, and two different ones must never look the same. So this reader
 * keeps bytes, and takes nothing that GNU tar does not write.
 */
import { FailedError } from '../../errors.ts';
import type { ByteReader } from './byte-reader.ts';
import { MAX_PAX_BYTES } from './limits.ts';

const BLOCK = 512;

type TarKind = 'file' | 'hardlink' | 'symlink' | 'character' | 'block' | 'directory' | 'fifo';

const KINDS: ReadonlyMap<string, TarKind> = new Map([
  ['0', 'file'],
  ['1', 'hardlink'],
  ['2', 'symlink'],
  ['3', 'character'],
  ['4', 'block'],
  ['5', 'directory'],
  ['6', 'fifo'],
]);

export interface TarEntry {
  readonly kind: TarKind;
  readonly path: Buffer;
  /** Target of a symbolic or hard link. */
  readonly link: Buffer;
  /** Permission bits with set-user-id, set-group-id and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly sizeBytes: number;
  readonly device: readonly [number, number];
  /** Extended attributes by name (bytes as latin1); ACLs as text under GNU tar's `acl.access` and `acl.default`. */
  readonly attributes: ReadonlyMap<string, Buffer>;
  /** The content; what is not read is skipped. */
  content(): AsyncGenerator<Buffer, void, undefined>;
}

/**
 * The entries of one archive, whose end (two blocks of zeros) is padded to a multiple of `recordBytes`, padding consumed.
 * Rejects with `image/bad-archive` for anything that is not such an archive.
 */
export async function* readTar(reader: ByteReader, recordBytes: number): AsyncGenerator<TarEntry, void, undefined> {
  let position = 0;
  const take = async (sizeBytes: number): Promise<Buffer> => {
    position += sizeBytes;
    return reader.exact(sizeBytes);
  };
  let pax: ReadonlyMap<string, Buffer> = new Map();
  while (true) {
    const block = await take(BLOCK);
    if (isZero(block)) {
      if (!isZero(await take(BLOCK))) throw bad('one block of zeros in the middle');
      for await (const _ of reader.chunks((recordBytes - (position % recordBytes)) % recordBytes));
      return;
    }
    checkSum(block);
    const type = block.toString('latin1', 156, 157);
    const sizeBytes = decimal(pax.get('size')) ?? octal(block, 124, 12);
    if (type === 'x') {
      if (sizeBytes > MAX_PAX_BYTES) throw bad(`an extended header of ${sizeBytes} bytes`);
      pax = parsePax((await take(padded(sizeBytes))).subarray(0, sizeBytes));
      continue;
    }
    const kind = KINDS.get(type);
    if (kind === undefined) throw bad(`an entry of type ${JSON.stringify(type)}`);
    const bodyBytes = kind === 'file' ? sizeBytes : 0;
    let read = false;
    const content = async function* (): AsyncGenerator<Buffer, void, undefined> {
      if (read) return;
      read = true;
      position += padded(bodyBytes);
      yield* reader.chunks(bodyBytes);
      await reader.exact(padded(bodyBytes) - bodyBytes);
    };
    yield { kind, sizeBytes: bodyBytes, content, ...describe(block, pax) };
    for await (const _ of content());
    pax = new Map();
  }
}

function describe(block: Buffer, pax: ReadonlyMap<string, Buffer>): Omit<TarEntry, 'kind' | 'sizeBytes' | 'content'> {
  const prefix = text(block, 345, 155);
  const name = text(block, 0, 100);
  const attributes = new Map<string, Buffer>();
  for (const [key, value] of pax) {
    if (key.startsWith('SCHILY.xattr.')) attributes.set(unescapeKey(key.slice('SCHILY.xattr.'.length)), value);
    else if (key.startsWith('SCHILY.acl.')) attributes.set(key.slice('SCHILY.'.length), value);
    else if (key.startsWith('GNU.sparse.')) throw bad('a sparse entry');
  }
  return {
    path: pax.get('path') ?? (prefix.length > 0 ? Buffer.concat([prefix, Buffer.from('/'), name]) : name),
    link: pax.get('linkpath') ?? text(block, 157, 100),
    mode: octal(block, 100, 8) & 0o7777,
    uid: decimal(pax.get('uid')) ?? octal(block, 108, 8),
    gid: decimal(pax.get('gid')) ?? octal(block, 116, 8),
    device: [
      decimal(pax.get('SCHILY.devmajor')) ?? octal(block, 329, 8),
      decimal(pax.get('SCHILY.devminor')) ?? octal(block, 337, 8),
    ],
    attributes,
  };
}

/** Records `LENGTH KEY=VALUE\n`, the length counting itself. Values are bytes and may hold anything. */
function parsePax(bytes: Buffer): ReadonlyMap<string, Buffer> {
  const records = new Map<string, Buffer>();
  let at = 0;
  while (at < bytes.length) {
    const space = bytes.indexOf(0x20, at);
    const length = space < 0 || space - at > 8 ? Number.NaN : decimal(bytes.subarray(at, space));
    const end = at + (length ?? Number.NaN);
    const equals = bytes.indexOf(0x3d, space);
    if (!(end <= bytes.length) || equals < 0 || equals >= end || bytes[end - 1] !== 0x0a) {
      throw bad('a malformed extended header');
    }
    records.set(bytes.toString('latin1', space + 1, equals), bytes.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** GNU tar writes `=` and `%` in an attribute's name as `%3D` and `%25`. */
function unescapeKey(key: string): string {
  return key.replaceAll('%3D', '=').replaceAll('%25', '%');
}

function checkSum(block: Buffer): void {
  let sum = 0;
  for (let index = 0; index < BLOCK; index += 1) sum += index >= 148 && index < 156 ? 0x20 : (block[index] ?? 0);
  if (sum !== octal(block, 148, 8)) throw bad('a header with a wrong checksum');
}

function octal(block: Buffer, offset: number, length: number): number {
  const digits = text(block, offset, length).toString('latin1').trim();
  if (!/^[0-7]*$/.test(digits)) throw bad('a number that is not octal');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function decimal(bytes: Buffer | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  const digits = bytes.toString('latin1');
  const value = /^\d{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!Number.isSafeInteger(value)) throw bad('a number out of range');
  return value;
}

function text(block: Buffer, offset: number, length: number): Buffer {
  const field = block.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return end < 0 ? field : field.subarray(0, end);
}

function padded(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK) * BLOCK;
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

function bad(what: string): FailedError {
  return new FailedError('image/bad-archive', `the measuring VM sent ${what} in its archive of a file system`, {
    hint: 'the file system may be damaged: check it, or build again',
  });
}
