/**
 * An image as files for use elsewhere: the disk, or the files in it, its manifest, and a signed attestation of both. The file
 * that was asked for appears last, and only where the others are whole.
 */
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../crypto/digest.ts';
import { errnoOf, FailedError, UsageError } from '../errors.ts';
import { isExportName, type ExportFormat } from '../exchange/record/index.ts';
import {
  checkDisk,
  diffManifests,
  exportDisk,
  hasFileSystem,
  leftOutOfTar,
  measuredDiskOf,
  openTarFile,
  readImageManifest,
  showImage,
  type ExportedFile,
  type ExportProgress,
  type Manifest,
  type StoredImage,
} from '../workshop/image/index.ts';
import type { BuildRecord } from './build-records.ts';
import { connect } from './connect.ts';
import type { Home } from './home.ts';
import { hasIdentity, identityMissing } from './identity-files.ts';
import { placeFiles } from './placed-files.ts';
import { buildOfImage } from './image-build.ts';
import { altered, measureImage, rulesOf } from './read-image.ts';

export interface ExportCommand {
  readonly image: string;
  readonly format: ExportFormat;
  /** A file, or a folder that is there. */
  readonly output: string;
  /** Replace what is there. */
  readonly force: boolean;
  /** Sign what goes with it. */
  readonly attest: boolean;
  readonly onProgress?: (progress: ExportProgress) => void;
  readonly signal: AbortSignal;
}

export interface ExportedImage extends ExportedFile {
  readonly image: string;
  readonly format: ExportFormat;
  readonly file: string;
  readonly manifest: { readonly file: string; readonly sha256: Digest };
  /** The signed file, or null where none was wanted. */
  readonly attestation: string | null;
  /** Entries of the manifest that are not in the file: such as boot sectors, of a tar. */
  readonly leftOut: readonly string[];
  /** Entries that a normaliser rule touches: in the file they are as on this disk, so each copy of it has the same. */
  readonly ruled: readonly string[];
  /** The image was personalised: what that changed is not in the file. */
  readonly personalised: boolean;
}

/** Beside a file of this name. */
export const manifestBeside = (name: string): string => `${name}.manifest`;
export const attestationBeside = (name: string): string => `${name}.attestation.json`;

/**
 * Rejects with `image/unknown`, `image/altered`, `export/exists`, `export/no-file`, `export/no-folder`, `export/bad-name`,
 * `export/no-build`, `export/no-files`, `export/disk-full`, `identity/missing`, and as the signing and the writing do. Nothing
 * new is there then.
 */
export async function exportImage(home: Home, command: ExportCommand): Promise<ExportedImage> {
  const { format, signal, onProgress } = command;
  const image = await showImage(home.imagesDir, command.image);
  const manifest = await readImageManifest(home.imagesDir, image);
  const build = command.attest ? await attestedBuild(home, image) : undefined;
  const target = await targetOf(command);
  const [folder, name] = [path.dirname(target), path.basename(target)];
  const [manifestName, attestationName] = [manifestBeside(name), attestationBeside(name)];
  const names = [manifestName, ...(build === undefined ? [] : [attestationName]), name];
  const files = await placeFiles(folder, names, command.force);
  try {
    const writing = { to: files.partial(name), signal, ...(onProgress && { onProgress }) };
    const written = await (format === 'tar'
      ? exportTar(home, image, manifest, writing)
      : exportDisk({ imagesDir: home.imagesDir, image, format, ...writing }));
    await writeFile(files.partial(manifestName), manifest.text, { mode: 0o600, flag: 'wx' });
    if (build !== undefined) {
      const { attestation } = await (
        await connect(home)
      ).call<{ attestation: string }>(
        'export.attest',
        { build: build.id, file: name, format, sha256: written.sha256 },
        signal,
      );
      await writeFile(files.partial(attestationName), attestation, { mode: 0o600, flag: 'wx' });
    }
    await files.place();
    return {
      image: image.id,
      format,
      file: target,
      ...written,
      manifest: { file: path.join(folder, manifestName), sha256: manifest.digest },
      attestation: build === undefined ? null : path.join(folder, attestationName),
      leftOut: format === 'tar' ? leftOutOfTar(manifest.entries) : [],
      ruled: manifest.entries.flatMap((entry) => ('rule' in entry && entry.rule !== undefined ? [entry.path] : [])),
      personalised: measuredDiskOf(image).personal !== undefined,
    };
  } catch (error) {
    throw withoutRoom(error, folder);
  } finally {
    await files.discard();
  }
}

/**
 * The files of the disk as the measuring VM reads them, and the same manifest again. The disk is hashed before that: what the
 * VM is given to mount has been measured once.
 */
async function exportTar(
  home: Home,
  image: StoredImage,
  manifest: Manifest,
  { to, signal, onProgress }: Pick<ExportCommand, 'signal' | 'onProgress'> & { readonly to: string },
): Promise<ExportedFile> {
  if (!hasFileSystem(manifest.entries)) {
    throw new UsageError('export/no-files', `the image ${image.id} has no file system that can be read`, {
      hint: 'Export it as qcow2 or raw.',
    });
  }
  const normalise = await rulesOf(home, image, manifest);
  onProgress?.({ what: 'hashing the image', done: 0, total: measuredDiskOf(image).sizeBytes });
  await checkDisk(home.imagesDir, image, signal);
  const tar = await openTarFile(to, manifest);
  try {
    const found = await measureImage(
      home,
      image,
      {
        as: 'export',
        normalise,
        copy: tar,
        onProgress: ({ doneBytes, diskBytes }) =>
          onProgress?.({ what: 'reading the files', done: doneBytes, total: diskBytes }),
      },
      signal,
    );
    if (found.digest !== manifest.digest) throw altered(image, found, diffManifests(manifest, found));
    return await tar.finish();
  } finally {
    await tar.close();
  }
}

/** A path that does not end in a folder, whose last part can stand in what is signed. */
async function targetOf({ output, image, format }: ExportCommand): Promise<string> {
  const found = await stat(output).catch((error: unknown) => {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR') return undefined;
    throw error;
  });
  const target = path.resolve(found?.isDirectory() ? path.join(output, `${image}.${format}`) : output);
  const name = path.basename(target);
  if (isExportName(name) && Buffer.byteLength(attestationBeside(name)) <= MAX_FILE_NAME_BYTES) return target;
  throw new UsageError('export/bad-name', `${JSON.stringify(name)} is no name for an exported file`, {
    hint: 'Give another one with --output: up to 200 characters, none of them invisible.',
  });
}

/** Linux' NAME_MAX. */
const MAX_FILE_NAME_BYTES = 255;

/** The build whose facts are signed. */
async function attestedBuild(home: Home, image: StoredImage): Promise<BuildRecord> {
  if (!(await hasIdentity(home))) throw identityMissing(home);
  const build = await buildOfImage(home, image);
  if (build?.attestation !== undefined) return build;
  throw new UsageError('export/no-build', `it is not kept here what the image ${image.id} was built from`, {
    hint: 'Build it again; or export it with --no-attestation.',
  });
}

function withoutRoom(error: unknown, folder: string): unknown {
  const isFull = (one: unknown): boolean =>
    one instanceof Error &&
    (['ENOSPC', 'EDQUOT'].includes(errnoOf(one) ?? '') || /No space left|quota exceeded/.test(one.message));
  if (!isFull(error)) return error;
  return new FailedError('export/disk-full', `there is no room left in ${folder} for the export`, {
    hint: 'Free some space, or name another folder with --output; nothing was left there.',
    facts: { folder },
    cause: error,
  });
}
