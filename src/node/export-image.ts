/**
 * An image as files for use elsewhere: the disk, its manifest, and a signed attestation of both. The file
 * that was asked for appears last, and only where the others are whole.
 */
import { stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../crypto/digest.ts';
import { errnoOf, FailedError, RefusedError, UsageError } from '../errors.ts';
import { isExportName, type ExportFormat } from '../exchange/record/index.ts';
import {
  exportDisk,
  measuredDiskOf,
  readImageManifest,
  showImage,
  type ExportedFile,
  type ExportProgress,
  type StoredImage,
} from '../workshop/image/index.ts';
import { listBuilds, type BuildRecord } from './build-records.ts';
import { connect } from './connect.ts';
import type { Home } from './home.ts';
import { hasIdentity, identityMissing } from './identity-files.ts';
import { placeFiles } from './placed-files.ts';

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
  /** Entries that a normaliser rule touches: in the file they are as on this disk, so each copy of it has the same. */
  readonly ruled: readonly string[];
  /** The image was personalised: what that changed is not in the file. */
  readonly personalised: boolean;
}

/** Beside a file of this name. */
export const manifestBeside = (name: string): string => `${name}.manifest`;
export const attestationBeside = (name: string): string => `${name}.attestation.json`;

/**
 * Rejects with `image/unknown`, `image/altered`, `export/exists`, `export/no-folder`, `export/bad-name`, `export/no-build`,
 * `export/disk-full`, `identity/missing`, and as the signing and the writing do. Nothing new is there then.
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
    const written = await exportDisk({
      imagesDir: home.imagesDir,
      image,
      format,
      to: files.partial(name),
      signal,
      ...(onProgress && { onProgress }),
    });
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
      ruled: manifest.entries.flatMap((entry) => ('rule' in entry && entry.rule !== undefined ? [entry.path] : [])),
      personalised: measuredDiskOf(image).personal !== undefined,
    };
  } catch (error) {
    throw withoutRoom(error, folder);
  } finally {
    await files.discard();
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

/** The build that is attested, which must be about this image and no other. */
async function attestedBuild(home: Home, image: StoredImage): Promise<BuildRecord> {
  if (!(await hasIdentity(home))) throw identityMissing(home);
  const build = (await listBuilds(home)).find((one) => one.image === image.id);
  const facts = build?.attestation;
  if (build === undefined || facts === undefined) {
    throw new UsageError('export/no-build', `it is not kept here what the image ${image.id} was built from`, {
      hint: 'Build it again; or export it with --no-attestation.',
    });
  }
  const { file, sha256 } = measuredDiskOf(image);
  const { manifest, lock, files } = facts;
  if (manifest === image.manifest && lock === image.lock && files?.[file] === sha256) return build;
  throw new RefusedError(
    'image/altered',
    `build.json of the build ${build.id} tells of another image than ${image.id}`,
    {
      hint: 'do not use this image: build it again, and find out what changed it',
      facts: { image: image.id, build: build.id },
    },
  );
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
