/** A tree with everything that a Linux file system can name, and what a manifest must say about it, found independently. */
import { createHash } from 'node:crypto';
import {
  chmodSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { run } from './disks.fixture.ts';

const slash = Buffer.from('/');

/** Names as bytes: line feed, not UTF-8, backslash, escape sequence, leading dash, 255 bytes. */
export const ODD_NAMES = [
  Buffer.from('line\nfeed'),
  Buffer.from([0x6e, 0xff, 0xfe]),
  Buffer.from('back\\slash'),
  Buffer.from('\u001b[31mred'),
  Buffer.from('-rf'),
  Buffer.from(' space '),
  Buffer.from('carriage\rreturn'),
  Buffer.from('caf\u00e9'),
  Buffer.from('x'.repeat(255)),
];

/** The same tree whatever the `order` and `time`: only what a manifest leaves out differs. */
export function makeTree(root: string, order: 'forwards' | 'backwards', time: number): string {
  const at = (name: string | Buffer): Buffer => Buffer.concat([Buffer.from(root), slash, Buffer.from(name)]);
  const deep = Array.from({ length: 12 }, (_, level) => `level-${level}-${'d'.repeat(30)}`).join('/');
  mkdirSync(root);
  for (const folder of ['etc', 'bin', 'dir', deep, 'empty']) mkdirSync(at(folder), { recursive: true });
  const works = [
    () => writeFileSync(at('etc/hostname'), 'fixture\n'),
    () => writeFileSync(at('etc/machine-id'), `${createHash('md5').update(String(time)).digest('hex')}\n`),
    () => writeFileSync(at('bin/true'), '\u007fELF not really', { mode: 0o755 }),
    () => writeFileSync(at(`${deep}/deep`), 'deep'),
    () => {
      writeFileSync(at('sparse'), 'begin');
      truncateSync(at('sparse'), 3_000_001);
    },
    () => symlinkSync('../etc/hostname', at('dir/link')),
    () => symlinkSync(Buffer.from([0x74, 0x0a, 0xff]), at('dir/odd-link')),
    () => run('mkfifo', [at('pipe').toString()]),
    ...ODD_NAMES.map((name, index) => () => writeFileSync(at(name), `odd ${index}`)),
  ];
  for (const work of order === 'forwards' ? works : works.toReversed()) work();
  // `dir.c` < `dir/a.c` bytewise, but an archive that is sorted folder by folder has `dir` first.
  const [first, second] = order === 'forwards' ? ['dir/a.c', 'dir.c'] : ['dir.c', 'dir/a.c'];
  writeFileSync(at(first ?? ''), 'two names');
  linkSync(at(first ?? ''), at(second ?? ''));
  chmodSync(at('bin/true'), 0o4755);
  chmodSync(at('empty'), 0o1777);
  utimesSync(at('etc/hostname'), time, time);
  return root;
}

export interface Expected {
  readonly mode: number;
  readonly sizeBytes: number;
  readonly sha256?: string;
  readonly linkTarget?: Buffer;
}

/** By raw path from the root, as bytes in Latin-1. */
export function walk(
  root: string,
  at: Buffer = Buffer.from(root),
  into = new Map<string, Expected>(),
): Map<string, Expected> {
  const stat = lstatSync(at);
  const path = at.subarray(Buffer.byteLength(root)).toString('latin1') || '/';
  const mode = stat.mode & 0o7777;
  if (stat.isFile()) {
    const sha256 = `sha256:${createHash('sha256').update(readFileSync(at)).digest('hex')}`;
    into.set(path, { mode, sizeBytes: stat.size, sha256 });
  } else if (stat.isSymbolicLink()) {
    into.set(path, { mode, sizeBytes: 0, linkTarget: readlinkSync(at, { encoding: 'buffer' }) });
  } else into.set(path, { mode, sizeBytes: 0 });
  if (!stat.isDirectory()) return into;
  for (const name of readdirSync(at, { encoding: 'buffer' })) walk(root, Buffer.concat([at, slash, name]), into);
  return into;
}
