/**
 * The eyes, beside others on the same pictures in the same run: needles against tinycv (openQA's matcher, from Debian's
 * os-autoinst), text against text recognition. Pictures are consoles of 1024x768 and 1280x800 painted with the VGA BIOS's
 * font, and a screen of a real boot. tinycv's time leaves out reading files, as ours does.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { encodePng } from '../src/picture/index.ts';
import type { Picture, Rect } from '../src/picture/types.ts';
import { UnavailableError } from '../src/errors.ts';
import type { Frame } from '../src/workshop/machine/types.ts';
import { fontInFile } from '../src/workshop/screen/font-file.ts';
import { createEyes } from '../src/workshop/screen/index.ts';
import type { Font } from '../src/workshop/screen/types.ts';
import { createScene, matchNeedle, USUAL_SEARCH_RATIO, type Needle } from '../src/workshop/screen/needle.ts';
import { substringDistance } from '../src/workshop/screen/nearest.ts';
import { needleOf, parseNeedle } from '../src/workshop/screen/openqa-needle.ts';
import { createRecogniser } from '../src/workshop/screen/recognise.ts';
import { hasVgaBios, screenFixture, VGA_BIOS } from '../test/support/screen-fixtures.ts';
import { paint } from '../test/workshop/screen/painted.ts';
import { seeded } from '../test/support/random.ts';
import { median, type Figure } from './figure.ts';
import { askTinycv, hasTinycv, TINYCV_PACKAGES, type TinycvAnswer } from './needles/tinycv.ts';

const REPETITIONS = 9;

/** Parts of a console: a title, a row of a menu, a block of text, a button, a large part. */
const AREAS: readonly Rect[] = [
  { x: 480, y: 8, width: 300, height: 24 },
  { x: 296, y: 208, width: 400, height: 16 },
  { x: 100, y: 60, width: 320, height: 120 },
  { x: 40, y: 300, width: 90, height: 30 },
  { x: 500, y: 400, width: 200, height: 200 },
];

interface Named<T> {
  readonly file: string;
  readonly value: T;
}

export async function benchNeedles(): Promise<Figure[]> {
  if (!hasVgaBios()) {
    throw new UnavailableError('bench/no-font', `${VGA_BIOS} is missing`, { hint: 'apt-get install seabios' });
  }
  const font = await fontInFile(await readFile(VGA_BIOS), 'vgabios');
  const folder = await mkdtemp(path.join(tmpdir(), 'pg-needles-'));
  try {
    return [...(await needleFigures(folder, font)), ...(await textFigures(font))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function needleFigures(folder: string, font: Font): Promise<Figure[]> {
  if (!(await hasTinycv()) && !(await installTinycv()))
    process.stdout.write(`  tinycv is not to be had here (Debian: ${TINYCV_PACKAGES}): ours alone\n`);
  const compared = await hasTinycv();
  const { needles, inPlace, elsewhere } = await pictures(folder, font);
  const figures: Figure[] = [];
  for (const [what, scenes, ratio] of [
    ['in place', inPlace, USUAL_SEARCH_RATIO],
    ['not there', elsewhere, USUAL_SEARCH_RATIO],
    ['whole screen, moved or not there', elsewhere, 1],
  ] as const) {
    const ours = scenes.flatMap((scene) => needles.map((needle) => timed(scene, needle, ratio)));
    figures.push({ what: `needle ${what}, median`, value: median(ours.map(({ ms }) => ms)), unit: 'ms' });
    if (!compared) continue;
    const theirs = await askTinycv(
      needles.map(({ file }) => file),
      scenes.map(({ file }) => file),
      ratio,
      REPETITIONS,
    );
    figures.push(
      { what: `  tinycv, median`, value: median(theirs.map(({ ms }) => ms)), unit: 'ms' },
      {
        what: '  ours to tinycv’s, median of pairs',
        value: median(ours.map(({ ms }, index) => ms / (theirs[index]?.ms ?? Number.NaN))),
        unit: 'ratio',
        note: `${ours.length} pairs`,
      },
      agreement(ours, theirs),
    );
  }
  return figures;
}

interface Timed {
  readonly ms: number;
  readonly areas: TinycvAnswer['areas'];
}

function timed(scene: Named<Picture>, needle: Named<Needle>, ratio: number): Timed {
  let ms = Number.POSITIVE_INFINITY;
  let areas: Timed['areas'] = [];
  for (let round = 0; round < REPETITIONS; round += 1) {
    const startedAtMs = performance.now();
    ({ areas } = matchNeedle(createScene(scene.value), needle.value, ratio));
    ms = Math.min(ms, performance.now() - startedAtMs);
  }
  return { ms, areas };
}

function agreement(ours: readonly Timed[], theirs: readonly TinycvAnswer[]): Figure {
  const pairs = ours.flatMap(({ areas }, index) =>
    areas.map((area, at) => ({ area, other: theirs[index]?.areas[at] })),
  );
  const off = pairs.filter(({ area, other }) => Math.abs(area.similarity - (other?.similarity ?? -1)) > 1e-9);
  const moved = pairs.filter(({ area, other }) => area.x !== other?.x || area.y !== other.y);
  return {
    what: '  areas whose similarity differs from tinycv’s',
    value: off.length,
    unit: 'count',
    note: `of ${pairs.length}; ${moved.length} in another place`,
  };
}

async function installTinycv(): Promise<boolean> {
  if (process.getuid?.() !== 0) return false;
  process.stdout.write('  installing os-autoinst, once\n');
  const packages = TINYCV_PACKAGES.split(' ');
  try {
    await promisify(execFile)('apt-get', ['install', '-y', '--no-install-recommends', ...packages], {
      env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
    });
  } catch {
    return false; // said by the caller
  }
  return hasTinycv();
}

/** Scenes with every needle in its place (as it was, and with a little noise on it), and scenes of other screens. */
async function pictures(
  folder: string,
  font: Font,
): Promise<{ needles: Named<Needle>[]; inPlace: Named<Picture>[]; elsewhere: Named<Picture>[] }> {
  const one = await consoleOf('recipe.md', font, 128, 48);
  const other = await consoleOf('threats.md', font, 128, 48);
  const save = async (name: string, picture: Picture): Promise<Named<Picture>> => {
    const file = path.join(folder, `${name}.png`);
    await writeFile(file, encodePng(picture));
    return { file, value: picture };
  };
  const needles: Named<Needle>[] = [];
  for (const [index, { x, y, width, height }] of AREAS.entries()) {
    const json = JSON.stringify({ area: [{ xpos: x, ypos: y, width, height }] });
    const file = path.join(folder, `needle-${index}.json`);
    await writeFile(file, json);
    await save(`needle-${index}`, one);
    needles.push({ file, value: needleOf(parseNeedle(new TextEncoder().encode(json), `needle-${index}`), one) });
  }
  return {
    needles,
    inPlace: [await save('same', one), await save('noisy', noisy(one))],
    elsewhere: [await save('moved', moved(one, 96, 32)), await save('other', other)],
  };
}

/** A page of the documentation on a console, with a highlighted row and a dialog's background. */
async function consoleOf(page: string, font: Font, columns: number, rows: number): Promise<Frame> {
  const text = await readFile(path.resolve(import.meta.dirname, '../docs', page), 'utf8');
  const lines = text
    .replaceAll(/[^\n -~]/g, '?')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .slice(0, rows);
  return paint({
    lines: lines.map((line) => line.slice(0, columns).padEnd(columns)),
    font,
    colours: (row, column) =>
      row === 13
        ? { foreground: 0, background: 0xaaaaaa }
        : { foreground: 0xaaaaaa, background: column > 20 && column < 100 && row > 5 ? 0x0000aa : 0 },
  });
}

function moved({ width, height, rgb }: Picture, right: number, down: number): Picture {
  const out = new Uint8Array(rgb.length);
  for (let y = down; y < height; y += 1) {
    const from = (y - down) * width * 3;
    out.set(rgb.subarray(from, from + (width - right) * 3), (y * width + right) * 3);
  }
  return { width, height, rgb: out };
}

function noisy({ width, height, rgb }: Picture): Picture {
  const random = seeded(1);
  return {
    width,
    height,
    rgb: rgb.map((value) => Math.min(255, Math.max(0, value + Math.round((random() - 0.5) * 4)))),
  };
}

async function textFigures(font: Font): Promise<Figure[]> {
  const figures: Figure[] = [];
  const grub = await screenFixture('grub-menu');
  for (const picture of [grub, await consoleOf('recipe.md', font, 160, 50)]) {
    const eyes = createEyes([font]);
    const times: number[] = [];
    let screen = eyes.read({ ...picture, sequence: 0, capturedAtMs: 0 });
    for (let round = 0; round < 40; round += 1) {
      // A copy: the same pixels would not be read again.
      const frame = { ...picture, rgb: Uint8Array.from(picture.rgb), sequence: round, capturedAtMs: 0 };
      const startedAtMs = performance.now();
      screen = eyes.read(frame);
      times.push(performance.now() - startedAtMs);
    }
    const size = `${screen.columns}x${screen.rows}`;
    const note = `${screen.unknownCells} cells unknown`;
    figures.push({ what: `text of ${size}, median`, value: median(times), unit: 'ms', note });
    figures.push(...(await recognitionFigures(picture, screen.lines, size)));
  }
  return figures;
}

async function recognitionFigures(picture: Picture, lines: readonly string[], size: string): Promise<Figure[]> {
  const recogniser = createRecogniser();
  try {
    const signal = AbortSignal.timeout(300_000);
    await recogniser.recognise(picture, [0, 0, 8, 8], signal); // loads it
    const startedAtMs = performance.now();
    const text = await recogniser.recognise(picture, [0, 0, picture.width, picture.height], signal);
    const tookMs = performance.now() - startedAtMs;
    const written = lines
      .map((line) =>
        line
          .replaceAll(/[^\u0020-\u007e]+/g, ' ')
          .replace(/\s+/g, ' ')
          .trim(),
      )
      .filter((line) => line.length > 3);
    const letters = written.reduce((sum, line) => sum + line.length, 0);
    const wrong = written.reduce((sum, line) => sum + substringDistance(line, text), 0);
    return [
      { what: `  tesseract.js on ${size}`, value: tookMs, unit: 'ms' },
      { what: '  characters that it has wrong', value: wrong / letters, unit: 'ratio', note: `of ${letters} in ASCII` },
    ];
  } finally {
    await recogniser.close();
  }
}
