/**
 * How quickly the engine acts once the screen says that it may: from the capture of the first frame that satisfies a
 * step's `when` (or the `expect` before it) to the step's first key, as the transcript tells both. Medium: GRUB's rescue
 * CD, a few runs.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KEYS_FOLDER } from '../src/node/keys-folder.ts';
import { buildImage } from '../src/workshop/build/index.ts';
import type { BuildEvent } from '../src/workshop/provision/types.ts';
import { parseRecipe } from '../src/recipe/index.ts';
import { median, quantile, type Figure } from './figure.ts';

const RUNS = 3;
const RECIPES = path.resolve(import.meta.dirname, '../recipes');

export async function benchReaction(): Promise<Figure[]> {
  const delays: number[] = [];
  const resumes: number[] = [];
  const home = await mkdtemp(path.join(tmpdir(), 'pg-react-'));
  try {
    for (let run = 0; run < RUNS; run += 1) {
      const events = await build(home, `run${run}`, false);
      delays.push(...reactions(events));
    }
    for (let run = 0; run < RUNS; run += 1) {
      const events = await build(home, `resume${run}`, true);
      const began = events.find((event) => event.event === 'phase' && event.phase === 'steps');
      const resumed = events.find((event) => event.event === 'resumed');
      if (began && resumed) resumes.push(resumed.atMs - began.atMs);
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
  return [
    { what: 'satisfying frame to first key, median', value: median(delays), unit: 'ms' },
    {
      what: 'satisfying frame to first key, p95',
      value: quantile(delays, 0.95),
      unit: 'ms',
      note: `${delays.length} steps`,
    },
    {
      what: 'resume from the last checkpoint, median',
      value: median(resumes),
      unit: 'ms',
      note: 'QEMU’s own load included',
    },
  ];
}

async function build(home: string, id: string, resume: boolean): Promise<BuildEvent[]> {
  const events: BuildEvent[] = [];
  const folder = (name: string): string => path.join(home, name);
  await buildImage({
    id,
    checked: parseRecipe(await readFile(path.join(RECIPES, 'grub-rescue.yaml'), 'utf8'), 'grub-rescue.yaml'),
    recipeDir: RECIPES,
    params: {},
    secrets: new Map(),
    lock: undefined,
    folders: {
      cache: folder('cache'),
      checkpoints: folder('checkpoints'),
      images: folder('images'),
      build: folder(id),
      runtime: folder('vm'),
    },
    keysDir: KEYS_FOLDER,
    sources: [],
    resume,
    emit: (event) => events.push(event),
    signal: AbortSignal.timeout(300_000),
    now: () => new Date(),
  });
  return events;
}

/** `seen` tells when the satisfying frame was captured, `key` and `typed` when the first key after it went out. */
function reactions(events: readonly BuildEvent[]): number[] {
  const delays: number[] = [];
  let seenAtMs: number | undefined;
  for (const event of events) {
    if (event.event === 'seen') seenAtMs = event.capturedAtMs;
    if (event.event !== 'key' && event.event !== 'typed') continue;
    if (seenAtMs !== undefined && event.sentAtMs !== undefined) delays.push(event.sentAtMs - seenAtMs);
    seenAtMs = undefined;
  }
  return delays;
}
