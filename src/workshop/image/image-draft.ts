/**
 * An image on its way into the store: a folder of its own beside the finished ones, renamed in one step when it is whole.
 * A build that dies leaves only such a folder, and the next one removes it.
 */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import type { Digest } from '../../crypto/digest.ts';
import { FailedError, UnavailableError, UsageError } from '../../errors.ts';
import { type DiskFormat, flattenDisk } from '../machine/disks.ts';
import { digestFile } from '../media/digest-file.ts';
import { formatImageJson, isImageId } from './image-json.ts';
import { IMAGE_VERSION, type ImageDisk, type ImageFacts, type ImageFile, type StoredImage } from './image-types.ts';
import type { Manifest } from './types.ts';

const DRAFT = /^\.draft-(\d+)-/;

export interface ImageDraft {
  /** Where each disk is now, by id: raw, read-only; measure these. */
  readonly disks: Readonly<Record<string, string>>;
  /**
   * Keeps what differs between a measured disk and `changed`: a qcow2 that lies right over it (or alone, and is kept whole).
   */
  addPersonal(diskId: string, changed: DiskFormat): Promise<void>;
  /** Puts the image into the store. Rejects with `image/exists`. */
  commit(facts: ImageFacts, measured: { readonly diskId: string; readonly manifest: Manifest }): Promise<StoredImage>;
  /** Removes the draft. Safe after `commit`, and twice. */
  discard(): Promise<void>;
}

/**
 * Copies the finished disks in. Each may be the top of a chain of overlays; none may be in use. Nobody writes to the copies: they
 * are brought to the disk and hashed beside whatever is done with them until `commit`.
 */
export async function draftImage(options: {
  readonly imagesDir: string;
  readonly id: string;
  readonly disks: readonly (DiskFormat & { readonly id: string })[];
  readonly signal?: AbortSignal;
}): Promise<ImageDraft> {
  const { imagesDir, id, signal } = options;
  for (const name of [id, ...options.disks.map((disk) => disk.id)]) {
    if (!isImageId(name))
      throw new UsageError('image/bad-id', `${JSON.stringify(name)} is no name for an image or disk`);
  }
  await mkdir(imagesDir, { recursive: true, mode: 0o700 });
  await removeAbandonedDrafts(imagesDir);
  const folder = resolve(imagesDir, `.draft-${process.pid}-${randomBytes(6).toString('hex')}`);
  const target = resolve(imagesDir, id);
  const disks: Record<string, string> = {};
  const sealing = new Map<string, Promise<ImageFile>>();
  const discarded = new AbortController();
  const personal = new Map<string, string>();
  const discard = (): Promise<void> => {
    discarded.abort();
    return rm(folder, { recursive: true, force: true });
  };
  const orDiscard = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (error) {
      await discard();
      throw withoutRoom(error, imagesDir);
    }
  };

  await orDiscard(async () => {
    await mkdir(folder, { mode: 0o700 });
    for (const { id: diskId, path, format } of options.disks) {
      const raw = join(folder, `${diskId}.raw`);
      await flattenDisk({ path, format }, { path: raw, format: 'raw' }, signal);
      await chmod(raw, 0o400);
      disks[diskId] = raw;
      const sealed = seal(folder, `${diskId}.raw`, discarded.signal);
      sealed.catch(() => undefined); // told by `commit`
      sealing.set(diskId, sealed);
    }
  });
  return {
    disks,
    addPersonal: (diskId, changed) =>
      orDiscard(async () => {
        const base = disks[diskId];
        if (base === undefined) throw new UsageError('image/no-such-disk', `the image ${id} has no disk "${diskId}"`);
        const file = `${diskId}-personal.qcow2`;
        await copyDifference(changed, base, join(folder, file), signal);
        personal.set(diskId, file);
      }),
    commit: (facts, { diskId, manifest }) =>
      orDiscard(async () => {
        if (disks[diskId] === undefined) {
          throw new UsageError('image/no-such-disk', `the image ${id} has no disk "${diskId}"`);
        }
        const kept = await Promise.all(
          Array.from(sealing, async ([each, sealed]): Promise<ImageDisk> => {
            const file = personal.get(each);
            const over = file === undefined ? {} : { personal: await seal(folder, file) };
            return { id: each, format: 'raw', ...(await sealed), ...over };
          }),
        );
        const image: StoredImage = {
          version: IMAGE_VERSION,
          id,
          ...facts,
          manifest: manifest.digest,
          measuredDisk: diskId,
          disks: kept,
        };
        await writeFile(join(folder, 'manifest.txt'), manifest.text, { mode: 0o400, flush: true });
        await writeFile(join(folder, 'image.json'), formatImageJson(image), { mode: 0o400, flush: true });
        await syncFolder(folder);
        await renameNew(folder, target, id);
        await syncFolder(imagesDir);
        return image;
      }),
    discard,
  };
}

/** Removes drafts whose process is gone. */
export async function removeAbandonedDrafts(imagesDir: string): Promise<void> {
  for (const name of await readdir(imagesDir)) {
    const [, pid] = DRAFT.exec(name) ?? [];
    if (pid !== undefined && !isAlive(Number(pid))) await rm(join(imagesDir, name), { recursive: true, force: true });
  }
}

/** Read-only and on the disk; its size and digest. */
async function seal(folder: string, file: string, signal?: AbortSignal): Promise<ImageFile> {
  const path = join(folder, file);
  await chmod(path, 0o400);
  const handle = await open(path, 'r');
  try {
    await handle.sync();
    const { size } = await handle.stat();
    return { file, sizeBytes: size, sha256: await hashFile(path, signal) };
  } finally {
    await handle.close();
  }
}

/** SHA-256 of a file of any size. */
export async function hashFile(path: string, signal?: AbortSignal): Promise<Digest> {
  return (await digestFile(path, { signal })).sha256;
}

/** The overlay names its base without a folder, so that the image can be moved. */
async function copyDifference(from: DiskFormat, base: string, to: string, signal?: AbortSignal): Promise<void> {
  const options = signal === undefined ? {} : { signal };
  const run = promisify(execFile);
  const name = base.slice(base.lastIndexOf('/') + 1);
  try {
    await run(
      'qemu-img',
      ['convert', '-q', '-f', from.format, '-O', 'qcow2', '-B', base, '-F', 'raw', from.path, to],
      options,
    );
    await run('qemu-img', ['rebase', '-q', '-u', '-f', 'qcow2', '-b', name, '-F', 'raw', to], options);
  } catch (cause) {
    throw new FailedError('image/personal', `qemu-img cannot keep the personalised disk ${from.path}`, { cause });
  }
}

async function renameNew(from: string, to: string, id: string): Promise<void> {
  try {
    // rename(2) replaces an empty folder only: an image that is there already is never lost.
    await rename(from, to);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    throw new FailedError('image/exists', `there is an image ${id} already`, { facts: { id }, cause: error });
  }
}

async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: somebody else's process has the number; the draft's was ours.
    return !(error instanceof Error && 'code' in error && (error.code === 'ESRCH' || error.code === 'EPERM'));
  }
}

function withoutRoom(error: unknown, path: string): unknown {
  const words = error instanceof Error ? `${error.message} ${'code' in error ? String(error.code) : ''}` : '';
  if (!/ENOSPC|EDQUOT|No space left|Disk quota/.test(words)) return error;
  return new UnavailableError('image/disk-full', `there is no room left in ${path} for the image`, {
    hint: 'free some space (checkpoints prune, images remove), then build again: it resumes',
    facts: { path },
    cause: error,
  });
}
