/**
 * An archive of exported files as programs that people unpack with read it, in the words of a manifest: metadata from what
 * they list, content from what they unpack. Extended attributes are left to Python's tarfile (tar-entries.ts).
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { entriesOf, type Row, type TreeEntry } from './tar-entries.ts';

export type TarProgram = 'tar' | 'bsdtar';

/** GNU tar: `-rw-r--r-- 0/0  5 1970-01-01 00:00 NAME`; libarchive's: `-rw-r--r--  0 0  0  5 Jan  1  1970 NAME`. */
const LINES: Readonly<Record<TarProgram, RegExp>> = {
  tar: /^(?<mode>\S{10}) (?<uid>\d+)\/(?<gid>\d+) +(?<size>[\d,]+) \S+ \S+ (?<name>.*)$/s,
  bsdtar: /^(?<mode>\S{10}) +\d+ (?<uid>\d+) +(?<gid>\d+) +(?<size>[\d,]+) \w{3} [ \d]\d +[\d:]+ (?<name>.*)$/s,
};
/** GNU tar says that it does not know `hdrcharset`, in which a name's bytes are no UTF-8, and unpacks them as they are. */
const FLAGS: Readonly<Record<TarProgram, readonly string[]>> = {
  tar: ['--quoting-style=escape', '--warning=no-unknown-keyword'],
  bsdtar: [],
};
const KINDS: Readonly<Record<string, string>> = {
  '-': 'file',
  h: 'hardlink',
  l: 'symlink',
  c: 'character',
  b: 'block',
  d: 'directory',
  p: 'fifo',
};

/** By path. Without devices, which root alone can unpack, their content is none. Fails where the program complains. */
export function listedBy(program: TarProgram, archive: string): Map<string, TreeEntry> {
  const folder = mkdtempSync(`${archive}-${program}-`);
  try {
    const rows = lines(program, ['--numeric-owner', '-tvf', archive]).map((line) => rowOf(program, line));
    const devices = rows.filter(({ kind }) => kind === 'character' || kind === 'block');
    const excluded = devices.map((row) => `--exclude=${Buffer.from(row.path, 'hex').toString()}`);
    lines(program, ['-xf', archive, '-C', folder, '--no-same-owner', '--no-xattrs', '--no-acls', ...excluded]);
    return entriesOf(rows.map((row) => (row.kind === 'file' ? withContent(row, folder) : row)));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Latin-1, so that each byte is a character. */
function lines(program: TarProgram, args: readonly string[]): string[] {
  const environment = { ...process.env, LC_ALL: 'C.UTF-8' };
  const { stdout, stderr, status } = spawnSync(program, [...FLAGS[program], ...args], {
    env: environment,
    maxBuffer: 2 ** 26,
  });
  // Some complaints are no failure to it: something was skipped, or left out.
  assert.deepEqual([status, stderr.toString()], [0, '']);
  return stdout
    .toString('latin1')
    .split('\n')
    .filter((line) => line !== '');
}

function rowOf(program: TarProgram, line: string): Row {
  const { mode = '', uid, gid, size = '', name = '' } = LINES[program].exec(line)?.groups ?? assert.fail(line);
  const kind = KINDS[mode.charAt(0)] ?? assert.fail(line);
  const [own = '', link = ''] = kind === 'hardlink' ? name.split(' link to ') : name.split(' -> ');
  const [major, minor] = size.split(',').map(Number);
  const isDevice = kind === 'character' || kind === 'block';
  return {
    kind,
    path: unescaped(own.replace(/\/$/, '')),
    link: unescaped(link),
    mode: modeOf(mode),
    uid: Number(uid),
    gid: Number(gid),
    sizeBytes: isDevice ? 0 : Number(size),
    sha256: sha256(''),
    device: [isDevice ? (major ?? 0) : 0, isDevice ? (minor ?? 0) : 0],
    xattrs: null,
    mtime: 0,
    names: '',
  };
}

function withContent(row: Row, folder: string): Row {
  const content = readFileSync(Buffer.concat([Buffer.from(`${folder}${path.sep}`), Buffer.from(row.path, 'hex')]));
  assert.equal(content.length, row.sizeBytes);
  return { ...row, sha256: sha256(content) };
}

/** `-rwsr-xr-t` as a number. */
function modeOf(text: string): number {
  let mode = 0;
  for (let index = 0; index < 9; index += 1) {
    const letter = text.charAt(index + 1);
    if (/[rwxst]/.test(letter)) mode |= 0o400 >> index;
    // The execute bit's place has set-user-id, set-group-id and sticky too.
    if (/[sStT]/.test(letter)) mode |= 0o4000 >> Math.floor(index / 3);
  }
  return mode;
}

const LETTERS: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b', f: '\f', v: '\v' };

/** Hex digits of a name in which programs write some bytes as a backslash and a letter, or three octal digits. */
function unescaped(name: string): string {
  const raw = name.replaceAll(/\\([0-7]{3}|.)/gs, (_, escape: string) =>
    escape.length === 3 ? String.fromCharCode(Number.parseInt(escape, 8)) : (LETTERS[escape] ?? escape),
  );
  return Buffer.from(raw, 'latin1').toString('hex');
}
