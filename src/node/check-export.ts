/** Whether the files that lie beside an export's attestation are those that it is about. */
import { stat } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../crypto/digest.ts';
import { errnoOf, RefusedError } from '../errors.ts';
import type { VerifiedExport } from '../exchange/record/index.ts';
import { hashFile } from '../workshop/image/index.ts';
import { manifestBeside } from './export-image.ts';

export interface CheckedFile {
  readonly file: string;
  readonly state: 'holds' | 'missing';
}

/**
 * `exported`: the file that somebody means, under whatever name it lies there now; the name that was signed never leads to
 * another one. Rejects with `export/other-file` (exit code 3), naming the first that is another one.
 */
export async function checkBeside(
  exported: string,
  { file, meaning }: VerifiedExport,
  options: { readonly signal: AbortSignal; readonly onFile?: (name: string) => void },
): Promise<readonly CheckedFile[]> {
  const checked: CheckedFile[] = [];
  for (const [at, stated] of [
    [manifestBeside(exported), meaning.manifest],
    [exported, file.sha256],
  ] as const) {
    const name = path.basename(at);
    const found = await digestOf(at, () => options.onFile?.(name), options.signal);
    if (found !== undefined && found !== stated) throw other(at, stated, found);
    checked.push({ file: name, state: found === undefined ? 'missing' : 'holds' });
  }
  return checked;
}

async function digestOf(file: string, onFile: () => void, signal: AbortSignal): Promise<Digest | undefined> {
  try {
    // What is no file, a pipe say, could be read for ever.
    if (!(await stat(file)).isFile()) return undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  onFile();
  return hashFile(file, signal);
}

function other(file: string, stated: Digest, found: Digest): RefusedError {
  return new RefusedError('export/other-file', `${file} is not the file that its attestation is about`, {
    hint: 'Do not use it: it was damaged or changed, or belongs to another export.',
    facts: { file, stated, found },
  });
}
