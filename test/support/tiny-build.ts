/**
 * debian-12-tiny, built for real: once a test run, whoever asks first. It is killed once on the way and built again, so
 * that whatever is looked at afterwards has come through a checkpoint. About three minutes on two quiet cores.
 */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { copyFile, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import readline from 'node:readline';
import { jsonLines, ROOT, startCli, type Answer } from './cli.ts';
import { tempHome, type TestHome } from './temp-home.ts';

export const TINY_RECIPE = path.join(ROOT, 'recipes/debian-12-tiny.yaml');
/** A canary: searched for in every byte that a build leaves or tells. No word is in it, so that no piece of it is found by chance. */
export const TINY_PASSWORD = 'Kw7-fQz2-Vx9-Jmb4';

/** After this step's checkpoint the first try is killed. */
export const KILLED_AFTER = 'grub-tools';

export interface TinyBuild {
  readonly home: TestHome;
  /** The recipe's copy in the home's folder, with no lock beside it before the build. */
  readonly recipe: string;
  /** `NAME=FILE` for `--secret`. */
  readonly secret: string;
  /** What the build that was killed told, and what the one after it did. */
  readonly killed: readonly Answer[];
  readonly events: readonly Answer[];
  /** The record of the build: its last event. */
  readonly record: Answer;
  readonly imageFolder: string;
  /** The manifest's text. */
  readonly manifest: string;
}

let building: Promise<TinyBuild> | undefined;

/** Removed when the test process ends. Rejects, for everybody who asks, where the build fails. */
export function tinyBuild(): Promise<TinyBuild> {
  building ??= build();
  return building;
}

/** For a root hook: removes what `tinyBuild` has made, if anybody asked for it. */
export async function removeTinyBuild(): Promise<void> {
  const made = await building?.catch(() => undefined); // whoever asked for it was told
  building = undefined;
  await made?.home.remove();
}

async function build(): Promise<TinyBuild> {
  const home = await tempHome();
  try {
    const recipe = path.join(home.folder, 'debian-12-tiny.yaml');
    await copyFile(TINY_RECIPE, recipe);
    const passwordFile = path.join(home.folder, 'password');
    await writeFile(passwordFile, `${TINY_PASSWORD}\n`, { mode: 0o600 });
    const secret = `root_password=${passwordFile}`;
    const args = ['build', recipe, '--repair', 'never', '--secret', secret];
    const killed = await killedAfter(home, args, KILLED_AFTER);
    const events = await jsonLines(home, args);
    const record: Answer = events.at(-1).build;
    const imageFolder = path.join(home.home.imagesDir, record.image);
    const manifest = await readFile(path.join(imageFolder, 'manifest.txt'), 'utf8');
    return { home, recipe, secret, killed, events, record, imageFolder, manifest };
  } catch (error) {
    await home.remove();
    throw error;
  }
}

/** Builds until the checkpoint of `step` is told, then kills the build as a power cut would: without a word. */
export async function killedAfter(home: TestHome, args: readonly string[], step: string): Promise<Answer[]> {
  const child = startCli(home, [...args, '--json']);
  let complaints = '';
  child.stderr!.on('data', (chunk: Buffer) => (complaints += String(chunk)));
  const told: Answer[] = [];
  for await (const line of readline.createInterface({ input: child.stdout! })) {
    const event: Answer = JSON.parse(line);
    told.push(event);
    if (event.event !== 'checkpoint' || event.step !== step) continue;
    child.kill('SIGKILL');
    if (child.signalCode === null) await once(child, 'exit');
    return told;
  }
  throw assert.fail(`the build ended before the checkpoint of ${step}: ${JSON.stringify(told.at(-1))} ${complaints}`);
}
