/**
 * The transcript of a build: one event a line (JSON Lines), enough to explain a failure without running it again; and
 * the bundle that is kept of a failure. Secrets are masked here, where things are written.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { encodePng } from '../../picture/index.ts';
import type { Frame } from '../machine/types.ts';
import { describeCondition } from '../../recipe/conditions.ts';
import { BUNDLE_STEPS } from './limits.ts';
import { MASK, type Masker } from './mask.ts';
import { textOf } from './step-failed.ts';
import type { BuildEvent, StepFailure } from './types.ts';

export interface Transcript {
  write(event: BuildEvent): void;
  /** The last events, masked: those of the last `BUNDLE_STEPS` steps. */
  recent(): readonly BuildEvent[];
  /** Resolves when all of it is in the file; rejects with what went wrong while writing. */
  close(): Promise<void>;
}

/** Appends to `path` (0600): a resumed build goes on in the same transcript. */
export async function openTranscript(path: string, masker: Masker): Promise<Transcript> {
  const stream = createWriteStream(path, { flags: 'a', mode: 0o600 });
  await once(stream, 'open');
  let problem: Error | undefined;
  stream.on('error', (error) => {
    problem ??= error;
  });
  const recent: BuildEvent[] = [];
  return {
    write(event) {
      const masked = masker.value(event);
      recent.push(masked);
      forgetOldSteps(recent);
      stream.write(`${JSON.stringify(masked)}\n`);
    },
    recent: () => recent,
    async close() {
      if (problem) throw problem;
      stream.end();
      await finished(stream);
    },
  };
}

function forgetOldSteps(events: BuildEvent[]): void {
  const starts = events.flatMap((event, index) => (event.event === 'step-start' ? [index] : []));
  const first = starts.at(-BUNDLE_STEPS);
  if (first !== undefined) events.splice(0, first);
}

/** The engine masks what it tells of a failure: dots of its making count as well. */
function showsSecret({ seen }: StepFailure, masker: Masker): boolean {
  const lines = textOf(seen.lines);
  return masker.lines(lines).some((line, row) => line !== lines[row] || line.includes(MASK));
}

/**
 * Keeps pictures of failing steps in `folder` (made, 0700; files 0600), each under a name of its own. A picture cannot be
 * masked: one that shows a secret is not kept.
 */
export function pictureKeeper(folder: string, masker: Masker) {
  let count = 0;
  return async (failure: StepFailure, frame: Frame) => {
    if (showsSecret(failure, masker)) return undefined;
    count += 1;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(folder, `${count}-${failure.stepId}.png`);
    await writeFile(path, encodePng(frame), { mode: 0o600 });
    return { name: join(basename(folder), basename(path)), path };
  };
}

/**
 * What is kept of a failure: `failure.json`, `screen.txt`, `screen.png` and `steps.jsonl`, in `folder` (made, 0700).
 * `frame` is null where the picture may show a secret that cannot be read as text.
 */
export async function writeFailureBundle(
  folder: string,
  what: { readonly failure: StepFailure; readonly frame: Frame | null; readonly events: readonly BuildEvent[] },
  masker: Masker,
): Promise<void> {
  const { failure, frame, events } = what;
  const screen = masker.lines(textOf(failure.seen.lines));
  const secretShown = showsSecret(failure, masker);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const save = (name: string, data: string | Uint8Array) => writeFile(join(folder, name), data, { mode: 0o600 });
  const { seen, before: _before, ...rest } = failure;
  const summary = {
    ...masker.value(rest),
    expectedInWords: describeCondition(failure.expected),
    screen,
    font: seen.font,
    unknownCells: seen.unknownCells,
  };
  await save('failure.json', `${JSON.stringify(summary, null, 2)}\n`);
  await save('screen.txt', `${screen.join('\n')}\n`);
  await save('steps.jsonl', events.map((event) => `${JSON.stringify(masker.value(event))}\n`).join(''));
  // A picture cannot be masked: where a secret stands on the screen, it is not kept.
  if (frame !== null && !secretShown) await save('screen.png', encodePng(frame));
}
