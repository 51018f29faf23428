/**
 * `npm run soak [-- RECIPE=COUNT …]`: builds the fixtures again and again, each from power-on, with nobody to ask. One
 * line a build, a summary at the end and in `.portalgun/soak.json`; exit code 1 where a build failed.
 */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { ownJson } from '../src/node/own-json.ts';

const ROOT = path.resolve(import.meta.dirname, '..');
const COUNTS: Readonly<Record<string, number>> = { 'grub-rescue': 50, 'debian-12-tiny': 5 };

interface Event {
  readonly event?: string;
  readonly step?: string;
  readonly reason?: string;
  readonly build?: { readonly manifest?: string };
  readonly error?: { readonly code: string; readonly message: string };
}

interface Built {
  readonly recipe: string;
  readonly ok: boolean;
  readonly tookMs: number;
  /** Steps that failed and were tried again: a build that ends well may still have them. */
  readonly failedTries: readonly string[];
  readonly manifest?: string;
  readonly error?: string;
}

async function build(home: string, recipe: string): Promise<Built> {
  const args = ['build', path.join(ROOT, 'recipes', `${recipe}.yaml`), '--fresh', '--repair', 'never', '--json'];
  if (recipe === 'debian-12-tiny') args.push('--secret', `root_password=${path.join(home, 'password')}`);
  const startedMs = performance.now();
  const child = spawn(path.join(ROOT, 'portalgun'), args, {
    env: { ...process.env, PORTALGUN_HOME: path.join(home, 'home') },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve));
  const failedTries: string[] = [];
  let last: Event = {};
  for await (const line of readline.createInterface({ input: child.stdout })) {
    last = ownJson<Event>(line);
    if (last.event === 'step-failed') failedTries.push(`${last.step}: ${last.reason}`);
  }
  const ok = (await exited) === 0;
  return {
    recipe,
    ok,
    tookMs: performance.now() - startedMs,
    failedTries,
    ...(last.build?.manifest !== undefined && { manifest: last.build.manifest }),
    ...(!ok && { error: last.error === undefined ? 'it ended without a word' : last.error.message }),
  };
}

function summary(recipe: string, all: readonly Built[]): string {
  const builds = all.filter((one) => one.recipe === recipe);
  const times = builds.map(({ tookMs }) => tookMs / 1000).sort((a, b) => a - b);
  const failed = builds.filter(({ ok }) => !ok).length;
  const tries = builds.reduce((sum, { failedTries }) => sum + failedTries.length, 0);
  const manifests = new Set(builds.map(({ manifest }) => manifest));
  const [fastest = 0, median = 0, slowest = 0] = [times[0], times[Math.floor(times.length / 2)], times.at(-1)];
  return [
    `${recipe}: ${builds.length - failed} of ${builds.length} done`,
    `${tries} steps tried again`,
    `${manifests.has(undefined) ? 'no' : manifests.size} manifest${manifests.size === 1 ? '' : 's'}`,
    `${fastest.toFixed(1)} / ${median.toFixed(1)} / ${slowest.toFixed(1)} s (fastest, median, slowest)`,
  ].join(', ');
}

function wantedCounts(args: readonly string[]): Readonly<Record<string, number>> {
  if (args.length === 0) return COUNTS;
  return Object.fromEntries(
    args.map((arg) => {
      const [recipe = '', count = ''] = arg.split('=');
      if (Object.hasOwn(COUNTS, recipe) && /^[1-9][0-9]{0,4}$/.test(count)) return [recipe, Number(count)];
      process.stderr.write(`soak: ${arg}: expected RECIPE=COUNT, of ${Object.keys(COUNTS).join(', ')}\n`);
      return process.exit(2);
    }),
  );
}

const counts = wantedCounts(process.argv.slice(2));
const home = await mkdtemp(path.join(tmpdir(), 'pg-soak-'));
const built: Built[] = [];
try {
  await writeFile(path.join(home, 'password'), 'Soak-for-days-1\n', { mode: 0o600 });
  for (const [recipe, count] of Object.entries(counts)) {
    for (let index = 1; index <= count; index += 1) {
      const one = await build(home, recipe);
      built.push(one);
      const seconds = (one.tookMs / 1000).toFixed(1).padStart(6);
      process.stdout.write(`${recipe} ${index}/${count} ${seconds} s ${one.ok ? 'done' : `FAILED: ${one.error}`}\n`);
      for (const failedTry of one.failedTries) process.stdout.write(`    tried again, ${failedTry}\n`);
    }
  }
} finally {
  await rm(home, { recursive: true, force: true });
}
for (const recipe of Object.keys(counts)) process.stdout.write(`${summary(recipe, built)}\n`);
await mkdir(path.join(ROOT, '.portalgun'), { recursive: true });
await writeFile(path.join(ROOT, '.portalgun/soak.json'), `${JSON.stringify(built, null, 2)}\n`);
process.exitCode = built.every(({ ok }) => ok) ? 0 : 1;
