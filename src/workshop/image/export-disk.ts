/**
 * The measured disk of a stored image as a file for use elsewhere. What `personalise` changed lies in a file of its own, and
 * is never read here: no secret can get into an export.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { Digest } from '../../crypto/digest.ts';
import { FailedError } from '../../errors.ts';
import { type DiskFormat, flattenDisk, sameDisk } from '../machine/disks.ts';
import { hashFile } from './image-draft.ts';
import { alteredFile, measuredDiskOf } from './image-store.ts';
import type { StoredImage } from './image-types.ts';
import { COPY_BYTES, HOLE_BYTES } from './limits.ts';

export interface ExportedFile {
  readonly sizeBytes: number;
  readonly sha256: Digest;
}

export interface ExportDiskOptions {
  readonly imagesDir: string;
  readonly image: StoredImage;
  readonly format: 'raw' | 'qcow2';
  /** A path where nothing is yet. What is there after a rejection is for the caller to remove. */
  readonly to: string;
  readonly signal: AbortSignal;
  readonly onProgress?: (progress: ExportProgress) => void;
}

/** Bytes; `done` stays 0 where it is not known. */
export interface ExportProgress {
  readonly what: string;
  readonly done: number;
  readonly total: number;
}

/**
 * Resolves once it is on the disk. Raw: byte for byte, with holes where there are zeros. qcow2: on its own, and the same
 * bytes for the same disk by the same QEMU. Rejects with `image/altered` where the stored disk is not what was measured.
 */
export async function exportDisk(options: ExportDiskOptions): Promise<ExportedFile> {
  return options.format === 'raw' ? exportRaw(options) : exportQcow2(options);
}

async function exportRaw({ imagesDir, image, to, signal, onProgress }: ExportDiskOptions): Promise<ExportedFile> {
  const { file, sizeBytes, sha256 } = measuredDiskOf(image);
  const copied = await copyWithHoles(join(imagesDir, image.id, file), to, {
    signal,
    onBytes: (done) => onProgress?.({ what: 'copying', done, total: sizeBytes }),
  });
  if (copied.sha256 !== sha256) throw alteredFile(image.id, file, sha256, copied.sha256);
  return copied;
}

async function exportQcow2({ imagesDir, image, to, signal, onProgress }: ExportDiskOptions): Promise<ExportedFile> {
  const { file, sizeBytes } = measuredDiskOf(image);
  const source: DiskFormat = { path: join(imagesDir, image.id, file), format: 'raw' };
  onProgress?.({ what: 'hashing the image', done: 0, total: sizeBytes });
  await checkDisk(imagesDir, image, signal);
  const target: DiskFormat = { path: to, format: 'qcow2' };
  onProgress?.({ what: 'converting', done: 0, total: sizeBytes });
  await flattenDisk(source, target, signal);
  onProgress?.({ what: 'comparing', done: 0, total: sizeBytes });
  if (!(await sameDisk(source, target, signal))) {
    throw new FailedError('image/export-differs', `qemu-img wrote another disk than that of the image ${image.id}`, {
      hint: 'Run it again; if it happens again, export it as raw.',
    });
  }
  onProgress?.({ what: 'comparing', done: sizeBytes, total: sizeBytes });
  const handle = await open(to, 'r');
  try {
    await handle.sync();
    return { sizeBytes: (await handle.stat()).size, sha256: await hashFile(to, signal) };
  } finally {
    await handle.close();
  }
}

/** Rejects with `image/altered` where the measured disk is another one. */
export async function checkDisk(imagesDir: string, image: StoredImage, signal: AbortSignal): Promise<void> {
  const { file, sha256 } = measuredDiskOf(image);
  const found = await hashFile(join(imagesDir, image.id, file), signal);
  if (found !== sha256) throw alteredFile(image.id, file, sha256, found);
}

/** Copies a file, leaves out what is zero, and hashes what it reads. */
async function copyWithHoles(
  from: string,
  to: string,
  { signal, onBytes }: { readonly signal: AbortSignal; readonly onBytes: (done: number) => void },
): Promise<ExportedFile> {
  const source = await open(from, 'r');
  try {
    const target = await open(to, 'wx', 0o600);
    try {
      const hash = createHash('sha256');
      const buffer = Buffer.alloc(COPY_BYTES);
      let at = 0;
      for (;;) {
        signal.throwIfAborted();
        const { bytesRead } = await source.read(buffer, 0, buffer.length, at);
        if (bytesRead === 0) break;
        const piece = buffer.subarray(0, bytesRead);
        hash.update(piece);
        await writeWithHoles(target, piece, at);
        at += bytesRead;
        onBytes(at);
      }
      await target.truncate(at);
      await target.sync();
      return { sizeBytes: at, sha256: `sha256:${hash.digest('hex')}` };
    } finally {
      await target.close();
    }
  } finally {
    await source.close();
  }
}

/** Writes all but whole runs of zeros. The file must have none but holes behind its end, and be truncated to its length last. */
export async function writeWithHoles(file: FileHandle, bytes: Uint8Array, at: number): Promise<void> {
  const isHole = (from: number): boolean => {
    const piece = bytes.subarray(from, from + HOLE_BYTES);
    return ZEROS.subarray(0, piece.length).equals(piece);
  };
  let from = 0;
  while (from < bytes.length) {
    let end = from;
    while (end < bytes.length && !isHole(end)) end += HOLE_BYTES;
    const length = Math.min(end, bytes.length) - from;
    // One write may be a partial one.
    for (let done = 0; done < length;) {
      done += (await file.write(bytes, from + done, length - done, at + from + done)).bytesWritten;
    }
    from = end;
    while (from < bytes.length && isHole(from)) from += HOLE_BYTES;
  }
}

const ZEROS = Buffer.alloc(HOLE_BYTES);
