/** Files beside a build's record. */
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../crypto/digest.ts';
import { digestHex, sha256 } from '../crypto/digest.ts';
import { writeFileAtomic } from './atomic.ts';
import type { BuildRecord } from './build-records.ts';
import type { Home } from './home.ts';

const fileOf = (home: Home, id: string, name: string): string => path.join(home.buildsDir, id, name);

export function transcriptFile(home: Home, id: string): string {
  return fileOf(home, id, 'transcript.jsonl');
}

/** Every version of the recipe that the build went through, by digest: patches name them as their base. */
export async function keepRecipe(home: Home, id: string, digest: Digest, yaml: string): Promise<void> {
  await writeFileAtomic(fileOf(home, id, `recipe-${digestHex(digest)}.yaml`), yaml);
}

export async function readRecipeVersion(
  home: Home,
  build: BuildRecord,
  digest: Digest = build.finalRecipe,
): Promise<string> {
  return readFile(fileOf(home, build.id, `recipe-${digestHex(digest)}.yaml`), 'utf8');
}

/** A screen as text, by its digest. */
export async function keepScreen(home: Home, id: string, text: string): Promise<Digest> {
  const digest = sha256(Buffer.from(text));
  const file = screenFile(home, id, digest);
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
  await writeFileAtomic(file, text);
  return digest;
}

export async function readScreen(home: Home, build: BuildRecord, digest: Digest): Promise<string> {
  return readFile(screenFile(home, build.id, digest), 'utf8');
}

function screenFile(home: Home, id: string, digest: Digest): string {
  return fileOf(home, id, path.join('screens', `${digestHex(digest)}.txt`));
}

export async function keepManifest(home: Home, id: string, text: string): Promise<void> {
  await writeFileAtomic(fileOf(home, id, 'manifest.txt'), text);
}

export async function readManifest(home: Home, build: BuildRecord): Promise<string> {
  return readFile(fileOf(home, build.id, 'manifest.txt'), 'utf8');
}

export async function keepLock(home: Home, id: string, text: string): Promise<void> {
  await writeFileAtomic(fileOf(home, id, 'lock.yaml'), text);
}
