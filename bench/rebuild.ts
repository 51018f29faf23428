/**
 * What a change in the last step of a recipe costs, beside a build of the whole of it: the rest comes out of checkpoints.
 * Media are fetched and verified before the clock runs; each build verifies them again.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { ownJson } from '../src/node/own-json.ts';
import type { BuildEvent } from '../src/workshop/provision/types.ts';
import type { Figure } from './figure.ts';

const run = promisify(execFile);
const ROOT = path.resolve(import.meta.dirname, '..');
const PROGRAM = path.join(ROOT, 'portalgun');
/** A build's events, characters. */
const OUTPUT_MOST = 64 * 2 ** 20;

interface Change {
  readonly recipe: string;
  /** A text of its last step, and another one that does the same. */
  readonly text: string;
  readonly other: string;
  readonly aim?: Figure['aim'];
}

export const CHANGES: readonly Change[] = [
  { recipe: 'grub-rescue', text: '{ type: clear }', other: '{ type: "clear;clear" }' },
  { recipe: 'debian-12-minimal', text: 'sync; poweroff -f', other: 'sync; sync; poweroff -f', aim: { atMost: 0.1 } },
];

export async function benchRebuild(changes: readonly Change[] = CHANGES): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const change of changes) {
    const folder = await mkdtemp(path.join(tmpdir(), 'pg-rebuild-'));
    try {
      figures.push(...(await rebuilt(folder, change)));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }
  return figures;
}

async function rebuilt(folder: string, { recipe: name, text, other, aim }: Change): Promise<Figure[]> {
  const recipe = path.join(folder, `${name}.yaml`);
  const key = path.join(folder, 'key');
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'bench', '-f', key]);
  const source = await readFile(path.join(ROOT, 'recipes', `${name}.yaml`), 'utf8');
  if (!source.includes(text)) throw new Error(`${name} has no ${JSON.stringify(text)} any more`);
  const secrets = source.includes('ssh_key:') ? ['--secret', `ssh_key=${key}.pub`] : [];
  const env = { ...process.env, PORTALGUN_HOME: path.join(folder, 'home') };
  async function build(content: string): Promise<Built> {
    await writeFile(recipe, content);
    const startedAtMs = performance.now();
    const args = ['build', recipe, '--repair', 'never', '--json', ...secrets];
    const { stdout } = await run(PROGRAM, args, { env, maxBuffer: OUTPUT_MOST });
    return {
      tookMs: performance.now() - startedAtMs,
      events: stdout
        .trimEnd()
        .split('\n')
        .map(ownJson<BuildEvent>),
    };
  }
  await writeFile(recipe, source);
  await run(PROGRAM, ['media', 'fetch', recipe], { env });
  const whole = await build(source);
  const last = await build(source.replace(text, other));
  const resumed = last.events.some(({ event }) => event === 'resumed');
  if (!resumed) throw new Error(`${name} was built from nothing again`);
  return [
    { what: `${name}, built from nothing`, value: whole.tookMs / 1000, unit: 's' },
    { what: `${name}, last step changed`, value: last.tookMs / 1000, unit: 's' },
    ...phasesOf(last),
    { what: '  beside the whole build', value: last.tookMs / whole.tookMs, unit: 'ratio', ...(aim && { aim }) },
  ];
}

interface Built {
  readonly tookMs: number;
  readonly events: readonly BuildEvent[];
}

/** They share their time: `measure` is told right before. */
const AT_ONCE = 'measure and personalise at once';

/** From one phase to the next; before the first, and after the end of the last, is the program's own. */
function phasesOf({ events }: Built): Figure[] {
  const marks = events.flatMap((event): { readonly name: string | undefined; readonly atMs: number }[] =>
    event.event === 'phase'
      ? [
          {
            name: event.phase === 'personalise' && event.detail !== undefined ? AT_ONCE : event.phase,
            atMs: event.atMs,
          },
        ]
      : event.event === 'done'
        ? [{ name: undefined, atMs: event.atMs }]
        : [],
  );
  const spent = new Map<string, number>();
  for (const [index, { name, atMs }] of marks.entries()) {
    const next = marks[index + 1];
    if (name !== undefined && next) spent.set(name, (spent.get(name) ?? 0) + next.atMs - atMs);
  }
  return Array.from(spent, ([name, ms]): Figure => ({ what: `    ${name}`, value: ms / 1000, unit: 's' }));
}
