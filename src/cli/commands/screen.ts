/** Looking at pictures of screens, many at a time: what the engine sees, for people who write recipes and for programs. */
import path from 'node:path';
import { PortalgunError, UsageError } from '../../errors.ts';
import { decodePicture } from '../../picture/index.ts';
import { PICTURE_FILE_BYTES } from '../../picture/limits.ts';
import type { Picture } from '../../picture/types.ts';
import {
  createScene,
  matchNeedle,
  rankMatches,
  USUAL_SEARCH_RATIO,
  type NeedleMatch,
} from '../../workshop/screen/needle.ts';
import { bytesOf, readNeedle } from '../../workshop/screen/needle-file.ts';
import type { Context } from '../context.ts';
import { note, printResult } from '../output.ts';

/**
 * One line a pair of picture and needle, in the order given. Needles are checked before the first picture is read; a
 * picture that cannot be read is told, the others are still done, and its exit code counts. A needle that matches nowhere
 * is an answer, not a failure.
 */
export async function match(
  context: Context,
  files: readonly string[],
  flags: { needle: readonly string[]; searchRatio?: string },
): Promise<undefined> {
  // The shell's `--needle *.json shot.png` gives the further needles as files.
  const needleFiles = [...flags.needle, ...files.filter((file) => file.endsWith('.json'))];
  const pictures = files.filter((file) => !file.endsWith('.json'));
  if (pictures.length === 0)
    throw new UsageError('screen/no-picture', 'no picture was given to look at', { hint: HINT });
  const ratio = ratioOf(flags.searchRatio);
  const names = new Map<NeedleMatch['needle'], string>();
  for (const file of needleFiles) {
    const { needle, description } = await readNeedle(file);
    for (const warning of description.warnings) note(context, `${file}: ${warning}`);
    names.set(needle, file);
  }
  await eachPicture(context, pictures, (file, picture) => {
    const scene = createScene(picture);
    const matches = [...names.keys()].map((needle) => matchNeedle(scene, needle, ratio));
    const ranked = rankMatches(matches);
    for (const one of context.json ? matches : ranked) {
      const { ok, error, areas } = one;
      const needle = names.get(one.needle);
      const pair = { file, needle, match: ok, error, rank: ranked.indexOf(one) + 1, areas };
      printResult(context, pair, () => inWords(file, path.basename(needle ?? ''), one));
    }
  });
  return undefined;
}

const HINT = 'portalgun screen match --needle NEEDLE.json SCREENSHOT.png';

function ratioOf(text: string | undefined): number {
  if (text === undefined) return USUAL_SEARCH_RATIO;
  const ratio = /^(0|1|[01]?\.[0-9]{1,6}|1\.0+)$/.test(text) ? Number(text) : Number.NaN;
  if (ratio >= 0 && ratio <= 1) return ratio;
  throw new UsageError(
    'screen/bad-ratio',
    `the search ratio is ${JSON.stringify(text)}, expected a number from 0 to 1`,
  );
}

function inWords(file: string, needle: string, { ok, areas }: NeedleMatch): string {
  const where = areas.map(({ x, y, similarity }) => `${(similarity * 100).toFixed(1)} % at ${x},${y}`).join('; ');
  return `${file}: ${ok ? 'matches' : 'no match for'} ${needle}: ${where}`;
}

/** Pictures one by one, each in memory only while it is looked at. Throws the first failure once all have been tried. */
async function eachPicture(
  context: Context,
  files: readonly string[],
  look: (file: string, picture: Picture) => void | Promise<void>,
): Promise<void> {
  const failures: { readonly file: string; readonly error: PortalgunError }[] = [];
  let next = bytesOrError(files[0]);
  for (const [index, file] of files.entries()) {
    context.signal.throwIfAborted();
    const bytes = await next;
    next = bytesOrError(files[index + 1]);
    try {
      if (bytes instanceof Error) throw bytes;
      await look(file, decodePicture(bytes, file));
    } catch (error) {
      if (!(error instanceof PortalgunError)) throw error;
      failures.push({ file, error });
    }
  }
  const [first] = failures;
  if (first === undefined) return;
  if (failures.length === 1) throw first.error;
  for (const { error } of failures) note(context, error.message);
  const { exitCode, code, message, hint } = first.error;
  throw new PortalgunError(
    exitCode,
    code,
    `${failures.length} of ${files.length} pictures cannot be read. The first: ${message}`,
    {
      ...(hint !== undefined && { hint }),
      facts: { files: failures.map(({ file, error }) => ({ file, code: error.code, message: error.message })) },
    },
  );
}

/** Read ahead while the one before is looked at: a failure is kept until its turn. */
async function bytesOrError(file: string | undefined): Promise<Uint8Array | Error> {
  if (file === undefined) return new Uint8Array();
  return bytesOf(file, PICTURE_FILE_BYTES).catch((error: unknown) =>
    error instanceof Error ? error : new Error(String(error)),
  );
}
