/** The flow of shell-flow.ts by this program, by Packer and by openQA's isotovideo, each as its documentation has it. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { furnish } from './drive.ts';
import { median, type Figure } from './figure.ts';
import { createIsotovideo } from './isotovideo.ts';
import { runPacker } from './packer.ts';
import { LINE, RESULT, type Flow } from './shell-flow.ts';

const RUNS = 3;
const RECIPE = `recipe: 1
name: shell-flow
version: 1.0.0
media:
  iso: { package: grub-rescue-pc, path: usr/lib/grub-rescue/grub-rescue-cdrom.iso }
machine: { arch: x86_64, memory: 128M }
steps:
  - { id: menu, when: { text: 'The highlighted entry will be executed' }, do: [{ key: c }], expect: { text: 'grub>' } }
  - { id: type, do: [{ type: ${JSON.stringify(LINE)} }, { key: enter }], expect: { text: '${RESULT}' } }
  - { id: off, do: [{ type: halt }, { key: enter }], expect: { event: shutdown } }
`;

export async function benchPeers(): Promise<Figure[]> {
  const home = await mkdtemp(path.join(tmpdir(), 'pg-flow-'));
  try {
    const figures: Figure[] = [];
    const recipe = path.join(home, 'shell-flow.yaml');
    await writeFile(recipe, RECIPE);
    const given = await prepared(home);
    await build(recipe, home);
    const ours = await timed('portalgun build', RUNS, () => build(recipe, home), figures);
    for (const [name, start] of await peers(home, given, figures)) {
      const theirs = await timed(name, 1, start, figures);
      figures.push({ what: `${name} beside portalgun build`, value: theirs / ours, unit: 'ratio' });
    }
    return figures;
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function timed(what: string, runs: number, run: () => Promise<void>, figures: Figure[]): Promise<number> {
  const times: number[] = [];
  for (let count = 0; count < runs; count += 1) {
    const startedAtMs = performance.now();
    await run();
    times.push(performance.now() - startedAtMs);
  }
  const tookMs = median(times);
  figures.push({ what, value: tookMs / 1000, unit: 's', ...(runs > 1 && { note: `median of ${runs}` }) });
  return tookMs;
}

async function prepared(home: string): Promise<Omit<Flow, 'folder'>> {
  const { media, host } = await furnish(RECIPE, home, AbortSignal.timeout(300_000));
  if (media.iso === undefined) throw new Error('unreachable: the recipe has an ISO');
  return { iso: media.iso.path, accelerator: host.accelerator };
}

/** The whole command, as a person runs it: media verified anew, a machine started, the result seen. */
async function build(recipe: string, home: string): Promise<void> {
  const program = path.resolve(import.meta.dirname, '../portalgun');
  const env = { ...process.env, PORTALGUN_HOME: path.join(home, 'home'), PORTALGUN_CACHE: path.join(home, 'cache') };
  await promisify(execFile)(program, ['build', recipe, '--fresh', '--repair', 'never'], { env });
}

/** Those that are installed, or can be; a word about each that cannot. */
async function peers(
  home: string,
  given: Omit<Flow, 'folder'>,
  figures: Figure[],
): Promise<(readonly [name: string, start: () => Promise<void>])[]> {
  const found: (readonly [string, () => Promise<void>])[] = [];
  const flow = async (name: string): Promise<Flow> => ({
    ...given,
    folder: await mkdtemp(path.join(home, `${name}-`)),
  });
  const tools = [
    ['packer', async () => runPacker.bind(null, await flow('packer'))],
    ['isotovideo', async () => createIsotovideo(await flow('isotovideo'))],
  ] as const;
  for (const [name, create] of tools) {
    try {
      await promisify(execFile)('sh', [path.resolve(import.meta.dirname, '../scripts/setup.sh'), name]);
      found.push([name, await create()]);
    } catch (error) {
      // A peer that is not to be had on this host is no fault of ours, and its ratio is simply not there.
      const words = error instanceof Error ? error.message : String(error);
      figures.push({ what: `${name} could not be had`, value: Number.NaN, unit: 'count', note: words.slice(0, 200) });
    }
  }
  return found;
}
