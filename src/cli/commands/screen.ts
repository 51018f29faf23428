/** Looking at pictures of screens, many at a time: what the engine sees, for people who write recipes and for programs. */
import path from 'node:path';
import { asError, PortalgunError, UnavailableError, UsageError } from '../../errors.ts';
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
import { fontInFile } from '../../workshop/screen/font-file.ts';
import { FONTS_FOLDER, keptFonts } from '../../workshop/screen/font-store.ts';
import { createEyes } from '../../workshop/screen/index.ts';
import { UNPACKED_KERNEL_BYTES } from '../../workshop/screen/limits.ts';
import { bytesOf, readNeedle } from '../../workshop/screen/needle-file.ts';
import type { Font, ScreenText } from '../../workshop/screen/types.ts';
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

/**
 * The text of pictures of consoles, with the fonts that builds here have learned and those of `--font`. One line a picture.
 * Exit code 5 where most of a picture is in none of them.
 */
export async function read(
  context: Context,
  files: readonly string[],
  flags: { font?: readonly string[] },
): Promise<undefined> {
  const given: Font[] = [];
  for (const file of flags.font ?? [])
    given.push(await fontInFile(await bytesOf(file, UNPACKED_KERNEL_BYTES), path.basename(file)));
  const fonts = [...given, ...(await keptFonts(path.join(context.home.cacheDir, FONTS_FOLDER)))];
  if (fonts.length === 0)
    throw new UnavailableError('screen/no-font', 'no font has been learned yet to read with', { hint: FONT_HINT });
  const eyes = createEyes(fonts);
  await eachPicture(context, files, (file, picture) => {
    const screen = eyes.read({ ...picture, sequence: 0, capturedAtMs: 0 });
    const { columns, rows, font, unknownCells, cursor } = screen;
    const lines = screen.lines.map((line) => line.trimEnd());
    const highlighted = highlightedText(screen);
    const answer = { file, columns, rows, font, unknownCells, lines, highlighted, ...(cursor && { cursor }) };
    printResult(context, answer, () => [...(files.length > 1 ? [`${file}:`] : []), ...withoutBlankEnd(lines)]);
    const drawn = lines.join('').replaceAll(' ', '').length;
    if (unknownCells > drawn / 2) {
      throw new UnavailableError(
        'screen/no-font-fits',
        `${file} cannot be read: ${unknownCells} of ${drawn} characters are in no known font`,
        {
          hint: FONT_HINT,
          facts: { file, unknownCells, drawn },
        },
      );
    }
    if (unknownCells > 0) note(context, `${file}: ${unknownCells} of ${drawn} characters are in no known font`);
  });
  return undefined;
}

const FONT_HINT =
  'Build something that shows such a screen: its font is learned and kept. Or give one with --font: unifont.bgf of Debian’s ' +
  'installer, a kernel (vmlinuz), a VGA BIOS (/usr/share/seabios/vgabios-stdvga.bin).';

/** Runs of highlighted characters, as menus have them. */
function highlightedText(screen: ScreenText): { row: number; column: number; text: string }[] {
  const runs: { row: number; column: number; text: string }[] = [];
  for (const [row, line] of screen.lines.entries()) {
    for (let column = 0; column < screen.columns; column++) {
      let end = column;
      while (end < screen.columns && screen.isHighlighted(row, end)) end++;
      const text = line.slice(column, end).trim();
      if (text !== '') runs.push({ row, column, text });
      column = end;
    }
  }
  return runs;
}

function withoutBlankEnd(lines: readonly string[]): readonly string[] {
  return lines.slice(0, lines.findLastIndex((line) => line !== '') + 1);
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
  return bytesOf(file, PICTURE_FILE_BYTES).catch((error: unknown) => asError(error));
}
