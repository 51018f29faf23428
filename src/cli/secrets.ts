/**
 * Secrets come from files, never from the command line, where others could read them. One that is not given is made up
 * and kept in the home for its owner alone, so that a recipe with a password builds by itself and nobody has to think of
 * a weak one.
 */
import { randomInt } from 'node:crypto';
import { mkdir, readFile, rename } from 'node:fs/promises';
import path from 'node:path';
import { digestHex, sha256 } from '../crypto/digest.ts';
import { errnoOf, UsageError } from '../errors.ts';
import { createFileAtomic } from '../node/atomic.ts';
import type { Home } from '../node/home.ts';
import type { RecipeSource } from '../node/recipe-source.ts';
import { valueProblem } from '../recipe/index.ts';
import type { Param } from '../recipe/types.ts';

export interface Secrets {
  readonly values: ReadonlyMap<string, string>;
  /** Those that nobody gave, and where they are kept. */
  readonly generated: readonly { readonly name: string; readonly file: string }[];
}

/** Some 142 bits. Letters and digits only: every keyboard layout has them, and no shell reads anything else into them. */
const LENGTH = 24;
const CHARACTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';

/** `files` are the given ones: a path by name. Throws `build/unreadable-secret` and `build/missing-secret`. */
export async function secretsFor(
  source: Pick<RecipeSource, 'checked' | 'origin'>,
  files: Readonly<Record<string, string>>,
  home: Pick<Home, 'data'>,
): Promise<Secrets> {
  const { name: recipe, params = {} } = source.checked.recipe;
  const folder = path.join(home.data, 'secrets');
  const values = new Map<string, string>();
  const generated: { name: string; file: string }[] = [];
  for (const [name, param] of Object.entries(params)) {
    if (param.type !== 'secret') continue;
    const given = files[name];
    if (given !== undefined) {
      values.set(name, await secretIn(given, name));
      continue;
    }
    const file = path.join(folder, `${recipe}-${originKey(source.origin)}.${name}`);
    if (source.origin.startsWith('file:')) await takeOverOlder(path.join(folder, `${recipe}.${name}`), file);
    values.set(name, await keptOrNew(file, name, param));
    generated.push({ name, file });
  }
  return { values, generated };
}

/** Two recipes of one name, of two authors or in two files, are two recipes: neither types what was made up for the other. */
function originKey(origin: string): string {
  return digestHex(sha256(origin)).slice(0, 16);
}

/**
 * Homes from before kept one for all recipes of a name. The first file of that name that is built goes on with it; what a
 * peer published never does.
 */
async function takeOverOlder(older: string, file: string): Promise<void> {
  try {
    await readFile(file);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await rename(older, file).catch((error: unknown) => {
      if (errnoOf(error) !== 'ENOENT') throw error;
    });
  }
}

/** The one that an earlier build made up is used again: the image that it personalised has it too. */
async function keptOrNew(file: string, name: string, param: Param): Promise<string> {
  try {
    return lineIn(await readFile(file, 'utf8'));
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const value = Array.from({ length: LENGTH }, () => CHARACTERS[randomInt(CHARACTERS.length)]).join('');
  if (valueProblem(param, value) !== undefined) {
    throw new UsageError('build/missing-secret', `the recipe needs the secret ${name}, which cannot be made up`, {
      hint: `Put it into a file that only you can read, and give: --secret ${name}=FILE`,
    });
  }
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  // Another build of the same recipe may have made one up meanwhile: that one is typed then, by both.
  return (await createFileAtomic(file, `${value}\n`)) ? value : lineIn(await readFile(file, 'utf8'));
}

async function secretIn(file: string, name: string): Promise<string> {
  try {
    return lineIn(await readFile(file, 'utf8'));
  } catch (cause) {
    throw new UsageError('build/unreadable-secret', `cannot read ${file}, which is to hold the secret ${name}`, {
      cause,
    });
  }
}

function lineIn(text: string): string {
  return text.replace(/\r?\n$/, '');
}
