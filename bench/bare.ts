/**
 * What driving costs: the lines that debian-12-tiny types in the installer's shell, each confirmed on the screen before the
 * next, beside the same lines as one script that the guest runs by itself. The same machine, the same media but for that
 * script, both from the checkpoint at the shell's first prompt.
 */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { type Document, parseDocument } from 'yaml';
import type { Recipe, Step } from '../src/recipe/types.ts';
import { parseRecipe } from '../src/recipe/index.ts';
import type { BuildEvent } from '../src/workshop/provision/types.ts';
import { drive, RECIPES } from './drive.ts';
import type { Figure } from './figure.ts';

const TIMEOUT_MS = 1_200_000;
/** Its checkpoint is where both begin, and this step is where both end. */
const SHELL = 'shell';
const LAST = 'check';

export async function benchBare(): Promise<Figure[]> {
  const home = await mkdtemp(path.join(tmpdir(), 'pg-bare-'));
  try {
    const yaml = await readFile(path.join(RECIPES, 'debian-12-tiny.yaml'), 'utf8');
    const { recipe } = parseRecipe(yaml);
    const drivenMs = shellTime(
      await drive({ recipe: withSteps(yaml, upTo(recipe.steps, LAST)), home, timeoutMs: TIMEOUT_MS }),
    );
    const bareMs = shellTime(await drive({ recipe: asOneScript(yaml, recipe), home, timeoutMs: TIMEOUT_MS }));
    return [
      { what: 'debian-12-tiny in the shell, driven step by step', value: drivenMs / 1000, unit: 's' },
      { what: 'the same lines as one script, the bare guest', value: bareMs / 1000, unit: 's' },
      {
        what: 'driven beside bare',
        value: drivenMs / bareMs,
        unit: 'ratio',
        note: 'checkpoints of the driven one included',
      },
    ];
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function upTo(steps: readonly Step[], last: string): readonly Step[] {
  return steps.slice(0, steps.findIndex(({ id }) => id === last) + 1);
}

/** Milliseconds from the end of the step `shell` to the end of the run. */
function shellTime(events: readonly BuildEvent[]): number {
  const ends = events.filter((event) => event.event === 'step-done');
  const shell = ends.find(({ step }) => step === SHELL);
  const last = ends.at(-1);
  if (shell === undefined || last === undefined) throw new Error(`the run has no step ${SHELL}`);
  return last.atMs - shell.atMs;
}

/** Outputs and what comes after them are not looked at here. */
function withSteps(yaml: string, steps: readonly Step[], files?: Readonly<Record<string, string>>): string {
  const document: Document = parseDocument(yaml);
  document.set('steps', steps);
  for (const field of ['outputs', 'personalise', 'params']) document.delete(field);
  if (files !== undefined) document.setIn(['media', 'parts', 'files'], files);
  return document.toString();
}

/** The typed lines after the shell's first prompt, without what makes the prompt tell how each ended; any failure ends it. */
function asOneScript(yaml: string, recipe: Recipe): string {
  const steps = upTo(recipe.steps, LAST);
  const shell = steps.findIndex(({ id }) => id === SHELL) + 1;
  const lines = steps
    .slice(shell)
    .flatMap((step) => step.do ?? [])
    .flatMap((act) => ('type' in act ? [act.type.replace(/; answer [a-z-]+$/, ' || exit')] : []));
  const parts = recipe.media?.['parts'];
  const files = parts !== undefined && 'files' in parts ? parts.files : {};
  const script = [...lines.slice(1), 'echo bare-$((6 * 7))', ''].join('\n');
  const one: Step = {
    id: 'bare',
    do: [{ type: `${lines[0]?.replace(/ \|\| exit$/, '')} && . ./bare` }, { key: 'enter' }],
    expect: { text: 'bare-42', timeout: '15m' },
  };
  return withSteps(yaml, [...steps.slice(0, shell), one], { ...files, bare: script });
}
