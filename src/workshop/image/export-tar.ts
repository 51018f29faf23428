/** The files of an image as one archive: each file system below a folder of the name that its `v` line has (`p1/etc/fstab`). */
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import type { Digest } from '../../crypto/digest.ts';
import { FailedError } from '../../errors.ts';
import { type ExportedFile, writeWithHoles } from './export-disk.ts';
import { COPY_BYTES, MAX_NORMALISED_FILE_BYTES } from './limits.ts';
import { tarEnd, tarHeader, tarPadding } from './tar-writer.ts';
import type { TarEntry } from './tar-reader.ts';
import type { Manifest, ManifestEntry, TreeCopy } from './types.ts';

export interface TarFile extends TreeCopy {
  /** Ends the archive. Resolves once it is on the disk. */
  finish(): Promise<ExportedFile>;
  /** Safe after `finish`, and twice. */
  close(): Promise<void>;
}

/**
 * An archive that is written while the image is measured. No more goes into it than `manifest` says that there is, of
 * entries, attributes and content: beyond that it rejects with `image/export-too-large`, whatever a file system makes the
 * measuring VM send.
 */
export async function openTarFile(to: string, manifest: Pick<Manifest, 'entries'>): Promise<TarFile> {
  const file = await open(to, 'wx', 0o600);
  const hash = createHash('sha256');
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  let at = 0;
  let padding = 0;
  const named = new Map(manifest.entries.map((entry) => [entry.path, entry]));
  let bytesLeft = contentBytes(manifest.entries);
  const flush = async (): Promise<void> => {
    const bytes = Buffer.concat(held);
    held.length = 0;
    heldBytes = 0;
    hash.update(bytes);
    await writeWithHoles(file, bytes, at);
    at += bytes.length;
  };
  const write = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length === 0) return;
    // The stream's buffers are its own.
    held.push(Buffer.from(bytes));
    heldBytes += bytes.length;
    if (heldBytes >= COPY_BYTES) await flush();
  };
  const endEntry = async (): Promise<void> => {
    await write(Buffer.alloc(padding));
    padding = 0;
  };
  return {
    async entry(fileSystem, entry, stated) {
      await endEntry();
      const known = named.get(stated.path);
      named.delete(stated.path);
      bytesLeft -= entry.sizeBytes;
      // Of a file with several names the attributes may come with each name, or with the first alone.
      const hasOthers = stated.xattrs !== undefined && known !== undefined && stated.xattrs !== xattrsOf(known);
      if (known === undefined || hasOthers || bytesLeft < 0) throw tooLarge(stated.path);
      await write(tarHeader(below(fileSystem, entry)));
      padding = tarPadding(entry.sizeBytes);
    },
    content: write,
    async finish() {
      await endEntry();
      await write(Buffer.alloc(tarEnd(at + heldBytes)));
      await flush();
      await file.truncate(at);
      await file.sync();
      return { sizeBytes: at, sha256: `sha256:${hash.digest('hex')}` };
    },
    close: () => file.close(),
  };
}

/** Whether an archive of the image would hold anything. */
export function hasFileSystem(entries: readonly ManifestEntry[]): boolean {
  return entries.some(({ kind }) => kind === 'filesystem');
}

/** What no archive holds: sockets, which are nothing without a process, and all that lies outside of file systems. */
export function leftOutOfTar(entries: readonly ManifestEntry[]): readonly string[] {
  return entries.filter(({ kind }) => kind === 'socket' || kind === 'extent').map(({ path }) => path);
}

function below(fileSystem: string, entry: TarEntry): TarEntry {
  const placed = (path: Buffer): Buffer => Buffer.concat([Buffer.from(fileSystem), inside(path)]);
  const { kind, path, link } = entry;
  return { ...entry, path: placed(path), link: kind === 'hardlink' ? placed(link) : link };
}

/** `./etc/` → `/etc`, and `.` → nothing. Whoever reads the archive has checked the path. */
function inside(path: Buffer): Buffer {
  const end = path.length > 1 && path.at(-1) === SLASH ? -1 : path.length;
  return path.subarray(1, end);
}

const SLASH = 0x2f;

/** At most: what a rule has rewritten was a file that rules rewrite. */
function contentBytes(entries: readonly ManifestEntry[]): number {
  return entries.reduce((sum, entry) => {
    if (entry.kind !== 'file' || entry.hardLinkOf !== undefined) return sum;
    return sum + (entry.rule === undefined ? entry.sizeBytes : MAX_NORMALISED_FILE_BYTES);
  }, 0);
}

function xattrsOf(entry: ManifestEntry): Digest | undefined {
  return 'xattrs' in entry ? entry.xattrs : undefined;
}

function tooLarge(path: string): FailedError {
  return new FailedError('image/export-too-large', `the measuring VM sends more than the manifest names: ${path}`, {
    hint: 'The image is not what it was: portalgun images verify --measure says what differs.',
    facts: { path },
  });
}
