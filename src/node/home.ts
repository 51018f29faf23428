/**
 * The home folder: where one identity, its records, builds and images live. `$PORTALGUN_HOME` puts everything in one
 * place; otherwise the XDG folders are used. Media, fonts and the accelerator probe may be shared between homes
 * (`$PORTALGUN_CACHE`): they are verified anew at each use.
 */
import { createHash } from 'node:crypto';
import { chmod, lstat, mkdir, readFile, stat } from 'node:fs/promises';
import { homedir, tmpdir, userInfo } from 'node:os';
import path from 'node:path';
import { errnoOf, FailedError, RefusedError, UnavailableError } from '../errors.ts';
import { writeFileAtomic } from './atomic.ts';
import { ownJson } from './own-json.ts';
import { passphraseFrom, type PassphraseSource } from './passphrase.ts';

export interface Home {
  /** What the person sees and may type: the root, or the data folder under XDG. */
  readonly root: string;
  readonly config: string;
  readonly data: string;
  /** Short path for unix sockets (their paths end at 107 bytes). */
  readonly runtime: string;
  readonly policyFile: string;
  readonly identityDir: string;
  readonly storeDir: string;
  readonly buildsDir: string;
  readonly checkpointsDir: string;
  readonly imagesDir: string;
  readonly recipesDir: string;
  readonly cacheDir: string;
  readonly controlSocket: string;
  /** Asked for where the identity is locked. */
  readonly passphrase: PassphraseSource;
}

/** Written in `home.json`. A newer number is refused, an older one would be migrated. */
export const HOME_VERSION = 1;

export type Environment = Readonly<Record<string, string | undefined>>;

export function homeAt(environment: Environment): Home {
  const single = environment['PORTALGUN_HOME'];
  if (single !== undefined && single !== '') {
    const root = path.resolve(single);
    return layout(root, root, root, path.join(root, 'cache'), environment);
  }
  const base = homedir();
  const xdg = (name: string, fallback: string): string =>
    path.join(environment[name] || path.join(base, fallback), 'portalgun');
  const data = xdg('XDG_DATA_HOME', '.local/share');
  return layout(data, xdg('XDG_CONFIG_HOME', '.config'), data, xdg('XDG_CACHE_HOME', '.cache'), environment);
}

function layout(root: string, config: string, data: string, cache: string, environment: Environment): Home {
  const name = createHash('sha256').update(data).digest('hex').slice(0, 12);
  const base = environment['XDG_RUNTIME_DIR'] || path.join(tmpdir(), `portalgun-${userInfo().uid}`);
  const runtime = path.join(base, name);
  return {
    root,
    config,
    data,
    runtime,
    policyFile: path.join(config, 'policy.yaml'),
    identityDir: path.join(data, 'identity'),
    storeDir: path.join(data, 'store'),
    buildsDir: path.join(data, 'builds'),
    checkpointsDir: path.join(data, 'checkpoints'),
    imagesDir: path.join(data, 'images'),
    recipesDir: path.join(data, 'recipes'),
    cacheDir: environment['PORTALGUN_CACHE'] || cache,
    controlSocket: path.join(runtime, 'control.sock'),
    passphrase: passphraseFrom(environment),
  };
}

/** Makes the folders (0700) and checks the version. Rejects with `home/newer` where a newer portalgun has been here. */
export async function openHome(home: Home): Promise<void> {
  const folders = [home.config, home.data, home.identityDir, home.buildsDir, home.checkpointsDir, home.imagesDir];
  try {
    for (const folder of [...folders, home.recipesDir, home.cacheDir]) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
    }
    await mkdir(home.runtime, { recursive: true, mode: 0o700 });
    await checkRuntime(home);
    await chmod(home.runtime, 0o700);
  } catch (cause) {
    if (cause instanceof RefusedError) throw cause;
    throw new UnavailableError('home/not-writable', `cannot make the home folder ${home.root}: ${reason(cause)}`, {
      hint: 'Set PORTALGUN_HOME to a folder that you may write to.',
      cause,
    });
  }
  await checkVersion(home);
}

/**
 * The runtime folder may lie below a folder that everybody can write to. Whoever made it first, or could put another one
 * in its place, could answer for the node: it must be ours, and so must what it lies in. Rejects with
 * `home/runtime-not-yours`; a folder that is not there yet is no harm.
 */
export async function checkRuntime(home: Home): Promise<void> {
  const own = process.getuid?.() ?? 0;
  for (const folder of [path.dirname(home.runtime), home.runtime]) {
    const [entry, target] = await Promise.all([lstat(folder), stat(folder)]).catch(unlessMissing);
    if (entry === undefined || target === undefined) return;
    // Nobody can take away what is not theirs out of a sticky folder (`/tmp`).
    const closed = (target.mode & 0o022) === 0 || (folder !== home.runtime && (target.mode & 0o1000) !== 0);
    const ours = [entry, target].every(({ uid }) => uid === own || (uid === 0 && folder !== home.runtime));
    if (ours && closed && target.isDirectory()) continue;
    throw new RefusedError('home/runtime-not-yours', `${folder} belongs to somebody else, or others may write to it.`, {
      hint: 'Somebody may want to answer in your node’s place. Remove it, or set XDG_RUNTIME_DIR to a folder of yours.',
      facts: { folder },
    });
  }
}

function unlessMissing(error: unknown): [] {
  if (errnoOf(error) === 'ENOENT') return [];
  throw error;
}

async function checkVersion(home: Home): Promise<void> {
  const file = path.join(home.data, 'home.json');
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
    await writeFileAtomic(file, `${JSON.stringify({ version: HOME_VERSION })}\n`);
    return;
  }
  const version = versionIn(text);
  if (version === undefined) {
    throw new FailedError('home/damaged', `${file} does not say which version of portalgun made this home.`, {
      hint: `If it is yours, write {"version": ${HOME_VERSION}} into it.`,
    });
  }
  if (version > HOME_VERSION) {
    throw new FailedError(
      'home/newer',
      `${home.root} was made by a newer portalgun (home version ${version}, this one knows ${HOME_VERSION}).`,
      { hint: 'Update portalgun, or use another home with PORTALGUN_HOME.', facts: { version, known: HOME_VERSION } },
    );
  }
}

function versionIn(text: string): number | undefined {
  try {
    const { version } = ownJson<{ version?: unknown }>(text);
    return typeof version === 'number' && Number.isSafeInteger(version) ? version : undefined;
  } catch {
    return undefined; // not JSON: as good as no version, and said so by the caller
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
