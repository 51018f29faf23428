/** Disks made on this host without root: partitions by sfdisk, file systems by mke2fs and mkfs.fat, in plain files. */
import { execFileSync } from 'node:child_process';
import { closeSync, copyFileSync, openSync, readSync, truncateSync, writeFileSync, writeSync } from 'node:fs';

const ENVIRONMENT = { ...process.env, PATH: `${process.env['PATH']}:/usr/sbin:/sbin`, LC_ALL: 'C' };

export function run(command: string, args: readonly string[], input?: string): string {
  const stdio = input === undefined ? undefined : { input };
  return execFileSync(command, args, { env: ENVIRONMENT, encoding: 'utf8', stdio: 'pipe', ...stdio });
}

export function emptyDisk(path: string, sizeBytes: number): string {
  writeFileSync(path, '');
  truncateSync(path, sizeBytes);
  return path;
}

/** Lines of sfdisk's script format. Disk and partition ids are drawn at random, as on any machine. */
export function partition(path: string, label: 'dos' | 'gpt', lines: readonly string[]): void {
  run('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', path], `label: ${label}\n${lines.join('\n')}\n`);
}

export function makeExt4(path: string, offset: number, sizeBytes: number, tree: string): void {
  const extended = `offset=${offset},lazy_itable_init=0`;
  run('mke2fs', ['-q', '-F', '-t', 'ext4', '-d', tree, '-E', extended, path, `${sizeBytes / 1024}k`]);
}

/** Runs debugfs' commands on a file system that begins at the start of the file. */
export function debugfs(path: string, commands: readonly string[]): void {
  run('debugfs', ['-w', '-f', '-', path], `${commands.join('\n')}\n`);
}

export function copyDisk(from: string, to: string): string {
  copyFileSync(from, to);
  return to;
}

/** Inverts one byte, and says where. */
export function flipByte(path: string, offset: number): void {
  const byte = readBytes(path, offset, 1);
  byte.writeUInt8(byte.readUInt8(0) ^ 0xff);
  const file = openSync(path, 'r+');
  writeSync(file, byte, 0, 1, offset);
  closeSync(file);
}

export function readBytes(path: string, offset: number, sizeBytes: number): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  const file = openSync(path, 'r');
  readSync(file, bytes, 0, sizeBytes, offset);
  closeSync(file);
  return bytes;
}
