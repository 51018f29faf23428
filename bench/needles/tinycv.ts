/** Asks tinycv, openQA's matcher, as an outside oracle: for speed, and for what is right. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { encodePng } from '../../src/picture/write-png.ts';
import type { paintNeedles } from '../../test/support/needle-screens.ts';

const run = promisify(execFile);
const SCRIPT = path.join(import.meta.dirname, 'tinycv.pl');
/** The package forgets to depend on the last four. */
export const TINYCV_PACKAGES =
  'os-autoinst libcpanel-json-xs-perl libtime-moment-perl libjson-validator-perl libmojo-ioloop-readwriteprocess-perl';

export interface TinycvAnswer {
  readonly file: string;
  readonly needle: string;
  readonly ms: number;
  readonly areas: readonly { readonly similarity: number; readonly x: number; readonly y: number }[];
}

export async function hasTinycv(): Promise<boolean> {
  try {
    await run('perl', ['-I/usr/lib/os-autoinst', '-Mtinycv', '-e', '1']);
    return true;
  } catch {
    return false; // said by whoever asks
  }
}

export async function askTinycv(
  needles: readonly string[],
  pictures: readonly string[],
  ratio: number,
  repetitions: number,
): Promise<TinycvAnswer[]> {
  const args = [SCRIPT, String(ratio), String(repetitions), ...needles, '--', ...pictures];
  const { stdout } = await run('perl', args, { maxBuffer: 64 * 1024 * 1024 });
  return stdout
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as TinycvAnswer);
}

/** Painted needles and screens as files; gives their names. */
export async function writePainted(
  { needles, screens }: ReturnType<typeof paintNeedles>,
  folder: string,
): Promise<{ needles: string[]; screens: string[] }> {
  for (const { name, json, picture } of needles) {
    await writeFile(path.join(folder, `${name}.json`), JSON.stringify(json));
    await writeFile(path.join(folder, `${name}.png`), encodePng(picture));
  }
  for (const { name, picture } of screens) await writeFile(path.join(folder, `${name}.png`), encodePng(picture));
  return {
    needles: needles.map(({ name }) => path.join(folder, `${name}.json`)),
    screens: screens.map(({ name }) => path.join(folder, `${name}.png`)),
  };
}
