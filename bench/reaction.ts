/**
 * How quickly the engine acts once the screen says that it may: from the capture of the first frame that satisfies what a
 * step waits for, to the step's first key. Every frame that differs from the one before is kept and read again afterwards;
 * the engine's own word is not taken for it. Medium: GRUB's rescue CD.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Condition } from '../src/recipe/types.ts';
import { startMachine } from '../src/workshop/machine/index.ts';
import type { Frame, Machine, StartOptions } from '../src/workshop/machine/types.ts';
import type { BuildEvent } from '../src/workshop/provision/types.ts';
import { createEyes, learnVgaFont } from '../src/workshop/screen/index.ts';
import { findText } from '../src/workshop/screen/match.ts';
import type { Eyes } from '../src/workshop/screen/types.ts';
import { drive, RECIPES } from './drive.ts';
import { median, quantile, type Figure } from './figure.ts';

const RUNS = 3;

export async function benchReaction(): Promise<Figure[]> {
  const delays: number[] = [];
  const resumes: number[] = [];
  const home = await mkdtemp(path.join(tmpdir(), 'pg-react-'));
  try {
    for (let run = 0; run < RUNS; run += 1) {
      delays.push(...reactions(await followed(home, { step: null })));
      const { events } = await followed(home);
      const resumed = events.find((event) => event.event === 'resumed');
      if (resumed) resumes.push(resumed.atMs);
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
      note: `${delays.length} reactions`,
    },
    {
      what: 'resume from the last checkpoint, median',
      value: median(resumes),
      unit: 'ms',
      note: 'QEMU’s own load included',
    },
  ];
}

interface Followed {
  readonly events: readonly BuildEvent[];
  readonly frames: readonly Frame[];
  readonly eyes: Eyes;
}

async function followed(home: string, from?: { readonly step: null }): Promise<Followed> {
  const frames: Frame[] = [];
  const eyes = createEyes();
  const events = await drive({
    recipe: await readFile(path.join(RECIPES, 'grub-rescue.yaml'), 'utf8'),
    home,
    timeoutMs: 300_000,
    ...(from && { from }),
    start: async (options: StartOptions) => keepingFrames(await startMachine(options), frames),
    learnFont: (machine) => learnBoth(machine, eyes),
  });
  return { events, frames, eyes };
}

/** The font that the engine learns is learned for the second reading too. */
async function learnBoth(machine: Machine, eyes: Eyes) {
  const font = await learnVgaFont(machine);
  if (font) eyes.learn(font);
  return font;
}

function keepingFrames(machine: Machine, frames: Frame[]): Machine {
  return new Proxy(machine, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name, target);
      if (name === 'frame') {
        return async (signal?: AbortSignal) => {
          const frame = await target.frame(signal);
          if (frames.at(-1)?.sequence !== frame.sequence) frames.push(frame);
          return frame;
        };
      }
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** For each first key after something was seen: how long the first kept frame that shows it had been there. */
function reactions({ events, frames, eyes }: Followed): number[] {
  const delays: number[] = [];
  let waitedFor: Condition | undefined;
  let lastInputAtMs = 0;
  for (const event of events) {
    if (event.event === 'seen') waitedFor = event.condition;
    if ((event.event !== 'key' && event.event !== 'typed') || event.sentAtMs === undefined) continue;
    const { sentAtMs } = event;
    const shown = waitedFor && firstShowing(waitedFor, frames, eyes, lastInputAtMs, sentAtMs);
    if (shown !== undefined) delays.push(sentAtMs - shown);
    waitedFor = undefined;
    lastInputAtMs = sentAtMs;
  }
  return delays;
}

function firstShowing(
  condition: Condition,
  frames: readonly Frame[],
  eyes: Eyes,
  afterMs: number,
  beforeMs: number,
): number | undefined {
  if (!('text' in condition)) return undefined; // `gone` and the like have no first frame that can be found this way
  const { text } = condition;
  const showing = frames.find(
    (frame) =>
      frame.capturedAtMs > afterMs && frame.capturedAtMs <= beforeMs && findText(eyes.read(frame), text).length > 0,
  );
  return showing?.capturedAtMs;
}
