/** Reads a needle from the two files that openQA keeps it in. */
import { readFile, stat } from 'node:fs/promises';
import path from 'node:path';
import { errnoOf, UsageError } from '../../errors.ts';
import { decodePng } from '../../picture/png.ts';
import { PICTURE_FILE_BYTES } from '../../picture/limits.ts';
import type { Picture } from '../../picture/types.ts';
import { needleOf, parseNeedle, type NeedleDescription } from './openqa-needle.ts';
import { NEEDLE_JSON_BYTES } from './limits.ts';
import type { Needle } from './needle.ts';

export interface NeedleFile {
  readonly needle: Needle;
  readonly description: NeedleDescription;
  readonly picture: Picture;
}

/**
 * Throws `screen/bad-needle`, `screen/needle-without-picture`, `screen/not-found`, or what the picture is refused with. The
 * picture is the file of the same name, whatever the description says: that is where openQA looks.
 */
export async function readNeedle(file: string): Promise<NeedleFile> {
  const name = path.basename(file, '.json');
  const description = parseNeedle(await bytesOf(file, NEEDLE_JSON_BYTES), name);
  const pictureFile = path.join(path.dirname(file), `${name}.png`);
  const bytes = await bytesOf(pictureFile, PICTURE_FILE_BYTES).catch((error: unknown) => {
    if (!(error instanceof UsageError) || error.code !== 'screen/not-found') throw error;
    throw new UsageError(
      'screen/needle-without-picture',
      `the needle ${file} has no picture: ${pictureFile} is not there`,
      {
        hint: 'A needle is two files of one name, .json and .png, beside each other.',
        cause: error,
      },
    );
  });
  const picture = decodePng(bytes, pictureFile);
  return { needle: needleOf(description, picture), description, picture };
}

/** A whole file of at most `most` bytes; more is refused before it is read. */
export async function bytesOf(file: string, most: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(file);
    if (size > most) throw new UsageError('screen/too-large', `${file} has ${size} bytes, at most ${most} are read`);
    return await readFile(file);
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError('screen/not-found', `cannot read ${file} (${errnoOf(error) ?? 'no reason known'})`, {
      cause: error,
    });
  }
}
