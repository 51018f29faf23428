/** The smallest real medium, GRUB's rescue CD, and recipes for it. Real builds need QEMU and a Debian archive. */
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { ROOT } from './cli.ts';
import { needPrograms, skip } from './skip.ts';
import type { TestHome } from './temp-home.ts';

export const GRUB_RECIPE = path.join(ROOT, 'recipes/grub-rescue.yaml');

/** The step `command-line` waits for these words now, and waited for the others before GRUB 1.98. */
export const PRESENT_WORDS = 'device or file completions';
export const OLDER_WORDS = 'device/file completions';

/** Skips, and says why, where a real build cannot be made here. */
export async function needBuilds(context: Mocha.Context): Promise<void> {
  needPrograms(context, 'qemu-system-x86_64', 'qemu-img');
  await needPackages(context);
}

/** Skips, and says why, where there are no media out of Debian's packages. */
export async function needPackages(context: Mocha.Context): Promise<void> {
  needPrograms(context, 'apt-get', 'dpkg-deb');
  try {
    await promisify(execFile)('apt-cache', ['show', 'grub-rescue-pc']);
  } catch {
    skip(context, 'apt does not know the package grub-rescue-pc (apt-get update?)');
  }
}

/** The shipped recipe with some of its text changed, in the home's folder. Fails where the text is not in it. */
export async function grubRecipe(
  { folder }: TestHome,
  changes: readonly (readonly [text: string, replacement: string])[] = [],
  name = 'grub-rescue.yaml',
): Promise<string> {
  let yaml = await readFile(GRUB_RECIPE, 'utf8');
  for (const [text, replacement] of changes) {
    if (!yaml.includes(text)) throw new Error(`the recipe has no ${JSON.stringify(text)}`);
    yaml = yaml.replace(text, () => replacement);
  }
  const file = path.join(folder, name);
  await writeFile(file, yaml);
  return file;
}

/** Nothing can be mended while the step waits for words that this GRUB does not say; it fails after a few seconds. */
export const STALE: readonly (readonly [string, string])[] = [
  [`text: '${PRESENT_WORDS}'`, `text: '${OLDER_WORDS}', timeout: 5s`],
  ['timeout: 30s, retries: 1', 'timeout: 30s, retries: 0'],
];
