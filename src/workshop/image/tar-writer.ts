/**
 * Writes what the measuring VM reads as a pax archive (POSIX.1-2017, "pax Interchange Format") that GNU tar, bsdtar and
 * Python unpack. Names and attribute values are bytes, as in tar-reader.ts, which is why no library does it. No times, no
 * names of users: the same tree gives the same bytes.
 */
import { isUtf8 } from 'node:buffer';
import type { TarEntry } from './tar-reader.ts';

const BLOCK = 512;
/** Archives end in whole records of 20 blocks. */
const RECORD = 20 * BLOCK;

/** What fits a field of seven and of eleven octal digits. */
const MAX_SMALL = 0o7777777;
const MAX_LARGE = 0o77777777777;

const TYPES: Readonly<Record<TarEntry['kind'], string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  character: '3',
  block: '4',
  directory: '5',
  fifo: '6',
};

/** The header blocks of one entry; its content follows, then `tarPadding`. `path` and a hard link's target are as they unpack. */
export function tarHeader(entry: Omit<TarEntry, 'content'>): Buffer {
  const { kind, link, mode, uid, gid, sizeBytes, device, attributes } = entry;
  const path = kind === 'directory' ? Buffer.concat([entry.path, Buffer.from('/')]) : entry.path;
  const extended: [string, Buffer][] = [];
  const fitting = (key: string, value: Buffer): Buffer => {
    if (value.length <= 100) return value;
    extended.push([key, value]);
    return value.subarray(0, 100);
  };
  const counted = (key: string, value: number, max: number): number => {
    if (value <= max) return value;
    extended.push([key, Buffer.from(String(value))]);
    return 0;
  };
  const fields = {
    path: fitting('path', path),
    link: fitting('linkpath', link),
    mode,
    uid: counted('uid', uid, MAX_SMALL),
    gid: counted('gid', gid, MAX_SMALL),
    sizeBytes: counted('size', sizeBytes, MAX_LARGE),
    device,
  };
  for (const [name, value] of [...attributes].sort(([a], [b]) => (a < b ? -1 : 1))) {
    extended.push([name.startsWith('acl.') ? `SCHILY.${name}` : `SCHILY.xattr.${escapeKey(name)}`, value]);
  }
  const main = block(TYPES[kind], fields);
  if (extended.length === 0) return main;
  // Names in these records are UTF-8 unless it is said that they are none; of those in the main block nothing is said.
  const names = extended.filter(([key]) => key === 'path' || key === 'linkpath');
  if (!names.every(([, name]) => isUtf8(name))) extended.unshift(['hdrcharset', Buffer.from('BINARY')]);
  const records = Buffer.concat(extended.map(([key, value]) => paxRecord(key, value)));
  const header = block('x', { ...EXTENDED, sizeBytes: records.length });
  return Buffer.concat([header, records, Buffer.alloc(tarPadding(records.length)), main]);
}

/** Zeros behind so many bytes of content. */
export function tarPadding(sizeBytes: number): number {
  return (BLOCK - (sizeBytes % BLOCK)) % BLOCK;
}

/** Zeros that end an archive of so many bytes. */
export function tarEnd(sizeBytes: number): number {
  const ended = sizeBytes + 2 * BLOCK;
  return 2 * BLOCK + ((RECORD - (ended % RECORD)) % RECORD);
}

type Fields = Pick<TarEntry, 'path' | 'link' | 'mode' | 'uid' | 'gid' | 'sizeBytes' | 'device'>;

/** An extended header's own name is of no use but to readers that know none. */
const EXTENDED: Fields = {
  path: Buffer.from('PaxHeader'),
  link: Buffer.alloc(0),
  mode: 0o644,
  uid: 0,
  gid: 0,
  sizeBytes: 0,
  device: [0, 0],
};

function block(type: string, { path, link, mode, uid, gid, sizeBytes, device: [major, minor] }: Fields): Buffer {
  const bytes = Buffer.alloc(BLOCK);
  const octal = (value: number, offset: number, digits: number): void => {
    bytes.write(value.toString(8).padStart(digits, '0'), offset, 'latin1');
  };
  path.copy(bytes, 0);
  octal(mode, 100, 7);
  octal(uid, 108, 7);
  octal(gid, 116, 7);
  octal(sizeBytes, 124, 11);
  octal(0, 136, 11);
  bytes.write(type, 156, 'latin1');
  link.copy(bytes, 157);
  bytes.write('ustar\u000000', 257, 'latin1');
  octal(major, 329, 7);
  octal(minor, 337, 7);
  bytes.fill(' ', 148, 156);
  octal(
    bytes.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  bytes[154] = 0;
  return bytes;
}

/** `LENGTH KEY=VALUE\n`; the length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key, 'latin1') + value.length + 3;
  let length = rest + String(rest).length;
  length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`, 'latin1'), value, Buffer.from('\n')]);
}

/** As GNU tar writes it. */
function escapeKey(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('=', '%3D');
}
