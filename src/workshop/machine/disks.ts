/** Disk images on the host, made by `qemu-img`, each its owner's alone. Nothing here is seen by a guest. */
import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { promisify } from 'node:util';
import { FailedError } from '../../errors.ts';
import { QEMU_IMG_COPY_MS, QEMU_IMG_MS } from './limits.ts';
import { qemuMissing } from './qemu-missing.ts';
import { isObject } from './qmp.ts';

export interface DiskFormat {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
}

/** QEMU makes files as the umask has them. */
const OWN = 0o600;

/** An empty disk; both formats take room only for what is written. */
export async function createDisk(disk: DiskFormat, sizeBytes: number, signal?: AbortSignal): Promise<void> {
  await qemuImg(['create', '-q', '-f', disk.format, disk.path, String(sizeBytes)], signal);
  await chmod(disk.path, OWN);
}

/** A qcow2 that holds what differs from `backing`, which must never be written again. `backing.path` must be absolute. */
export async function createOverlay(path: string, backing: DiskFormat, signal?: AbortSignal): Promise<void> {
  await qemuImg(['create', '-q', '-f', 'qcow2', '-F', backing.format, '-b', backing.path, path], signal);
  await chmod(path, OWN);
}

/** One file with all that a chain of overlays says: a disk that stands alone. */
export async function flattenDisk(from: DiskFormat, to: DiskFormat, signal?: AbortSignal): Promise<void> {
  await qemuImg(['convert', '-q', '-f', from.format, '-O', to.format, from.path, to.path], signal, QEMU_IMG_COPY_MS);
  await chmod(to.path, OWN);
}

export interface DiskInfo {
  readonly format: string;
  /** What the guest sees. */
  readonly sizeBytes: number;
  /** The file itself, then each file that it rests on, as far as the bottom. */
  readonly chain: readonly string[];
}

/** `shared`: a running machine may have it open. */
export async function inspectDisk(path: string, signal?: AbortSignal): Promise<DiskInfo> {
  const text = await qemuImg(['info', '--force-share', '--output=json', '--backing-chain', path], signal);
  const parsed: unknown = JSON.parse(text);
  const layers = Array.isArray(parsed) ? parsed.filter(isObject) : [];
  return {
    format: String(layers[0]?.['format']),
    sizeBytes: Number(layers[0]?.['virtual-size']),
    chain: layers.map((layer) => String(layer['filename'])),
  };
}

/** Whether a guest would read the same from both. Nobody may write to either meanwhile. */
export async function sameDisk(a: DiskFormat, b: DiskFormat, signal?: AbortSignal): Promise<boolean> {
  try {
    await qemuImg(['compare', '-q', '-f', a.format, '-F', b.format, a.path, b.path], signal, QEMU_IMG_COPY_MS);
    return true;
  } catch (error) {
    // qemu-img(1): 1 is "they differ", 2 and more are failures.
    if (error instanceof FailedError && isObject(error.cause) && error.cause['code'] === 1) return false;
    throw error;
  }
}

/** Whether nothing has ever been written to it, or but zeros where the format can tell. */
export async function isBlankDisk({ path, format }: DiskFormat, signal?: AbortSignal): Promise<boolean> {
  const parts: unknown = JSON.parse(await qemuImg(['map', '--output=json', '-f', format, path], signal));
  return Array.isArray(parts) && parts.every((part) => isObject(part) && part['data'] === false);
}

async function qemuImg(args: readonly string[], signal?: AbortSignal, timeoutMs = QEMU_IMG_MS): Promise<string> {
  try {
    const options = { timeout: timeoutMs, ...(signal === undefined ? {} : { signal }) };
    const { stdout } = await promisify(execFile)('qemu-img', args, options);
    return stdout;
  } catch (error) {
    if (isObject(error) && error['code'] === 'ENOENT') throw qemuMissing('qemu-img');
    const words = isObject(error) && typeof error['stderr'] === 'string' ? error['stderr'].trim() : String(error);
    throw new FailedError('machine/disk', `qemu-img ${args[0]} failed: ${words}`, { facts: { args }, cause: error });
  }
}
