/** Files beside a build's record. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import type { Digest } from '../crypto/digest.ts';
import { digestHex, sha256 } from '../crypto/digest.ts';
import { errnoOf } from '../errors.ts';
import { parseManifest } from '../workshop/image/manifest.ts';
import type { Manifest } from '../workshop/image/types.ts';
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

/** Files of `stages/`: `007-base-system.txt` is the manifest of the disk after that step, the seventh that has one. */
const STAGE_FILE = /^\d{3}-([a-z0-9][a-z0-9-]*)\.txt$/;

/** Stands for a manifest that is the one of the stage before: a large one is not kept twenty times. */
const SAME = 'as before\n';

/** What the disk held after some steps, in order, so that a difference can be laid to the step that made it. */
export async function keepStages(home: Home, id: string, stages: readonly Stage<string>[]): Promise<void> {
  const folder = path.join(home.buildsDir, id, 'stages');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [index, { step, manifest }] of stages.entries()) {
    const name = `${String(index + 1).padStart(3, '0')}-${step}.txt`;
    await writeFileAtomic(path.join(folder, name), manifest === stages[index - 1]?.manifest ? SAME : manifest);
  }
}

/** In the order of the build. Empty where none were kept. */
export async function readStages(home: Home, build: Pick<BuildRecord, 'id'>): Promise<Stage<Manifest>[]> {
  const folder = path.join(home.buildsDir, build.id, 'stages');
  const stages: Stage<Manifest>[] = [];
  for (const name of (await readdir(folder).catch(noneIfMissing)).sort()) {
    const step = STAGE_FILE.exec(name)?.[1];
    if (step === undefined) continue;
    const bytes = await readFile(path.join(folder, name));
    const before = stages.at(-1)?.manifest;
    const same = before !== undefined && bytes.toString('latin1') === SAME;
    stages.push({ step, manifest: same ? before : parseManifest(bytes) });
  }
  return stages;
}

interface Stage<M> {
  readonly step: string;
  readonly manifest: M;
}

function noneIfMissing(error: unknown): string[] {
  if (errnoOf(error) === 'ENOENT') return [];
  throw error;
}

/** Resolves with the digest of the file. */
export async function keepLock(home: Home, id: string, text: string): Promise<Digest> {
  await writeFileAtomic(fileOf(home, id, 'lock.yaml'), text);
  return sha256(text);
}

export async function readLock(home: Home, build: Pick<BuildRecord, 'id'>): Promise<string> {
  return readFile(fileOf(home, build.id, 'lock.yaml'), 'utf8');
}
