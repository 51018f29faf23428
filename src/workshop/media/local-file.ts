/** A file beside the recipe, named by its digest, or said to be unverified. */
import { realpath, stat } from 'node:fs/promises';
import { isAbsolute, join, relative, sep } from 'node:path';
import { isDigest } from '../../crypto/digest.ts';
import { RefusedError, UnavailableError, UsageError } from '../../errors.ts';
import type { LocalFile } from '../../recipe/types.ts';
import { digestFile, digestMismatch } from './digest-file.ts';
import type { OnProgress, VerifiedFile } from './types.ts';
import { verifiedFile } from './verified.ts';

export interface LocalFileOptions {
  readonly recipeDir: string;
  readonly now: Date;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/**
 * Throws `media/local-path` (outside of the recipe's folder), `media/local-missing`, `media/local-digest-needed` or
 * `media/digest-mismatch`.
 */
export async function localFile(name: string, medium: LocalFile, options: LocalFileOptions): Promise<VerifiedFile> {
  const path = await insidePath(name, medium.file, options.recipeDir);
  const expected = medium.sha256 === undefined ? undefined : `sha256:${medium.sha256}`;
  if (expected !== undefined && !isDigest(expected)) {
    throw new UsageError(
      'media/local-digest-needed',
      `The SHA-256 of the medium ${name} is not 64 lower-case hex digits.`,
    );
  }
  if (expected === undefined && medium.unverified !== 'allow') {
    throw new UsageError('media/local-digest-needed', `The medium ${name} (${medium.file}) has no sha256.`, {
      hint: `add what \`sha256sum ${medium.file}\` says, or \`unverified: allow\`, which the attestation will show for ever`,
    });
  }
  const { size } = await stat(path);
  const found = await digestFile(path, {
    signal: options.signal,
    onBytes: (done) => options.onProgress?.({ what: `checking ${name}`, done, total: size }),
  });
  if (expected !== undefined && found.sha256 !== expected)
    throw digestMismatch(`The medium ${name}`, path, expected, found.sha256);
  const verifiedAt = options.now.toISOString();
  return verifiedFile({
    path,
    ...found,
    proof: { scheme: expected === undefined ? 'unverified' : 'digest', verifiedAt },
  });
}

/** A recipe may come from a peer: it must not reach for other files of this machine, not even through links. */
async function insidePath(name: string, file: string, recipeDir: string): Promise<string> {
  const outside = () =>
    new RefusedError(
      'media/local-path',
      `The medium ${name} is a file outside of the recipe's folder: ${JSON.stringify(file)}.`,
      {
        hint: 'put the file beside the recipe and name it by a relative path without ".."',
        facts: { medium: name, file },
      },
    );
  if (file === '' || isAbsolute(file) || file.includes('\\') || file.split('/').includes('..')) throw outside();
  let path: string;
  try {
    path = await realpath(join(recipeDir, file));
  } catch (cause) {
    throw new UnavailableError(
      'media/local-missing',
      `The medium ${name} needs the file ${join(recipeDir, file)}, which cannot be read.`,
      {
        hint: 'put it there: peers never send media',
        cause,
      },
    );
  }
  const inside = relative(await realpath(recipeDir), path);
  if (inside === '' || inside === '..' || inside.startsWith(`..${sep}`) || isAbsolute(inside)) throw outside();
  if (!(await stat(path)).isFile())
    throw new UsageError('media/local-missing', `The medium ${name} is not a file: ${path}.`);
  return path;
}
