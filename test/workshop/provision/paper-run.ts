/** Runs recipes on paper machines: what the engine's tests share. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { sha256 } from '../../../src/crypto/digest.ts';
import { parseRecipe } from '../../../src/recipe/parse.ts';
import { resolveRecipe } from '../../../src/recipe/resolve.ts';
import type { Recipe, ResolvedRecipe, Step } from '../../../src/recipe/types.ts';
import type { MachineConfig } from '../../../src/workshop/machine/types.ts';
import { openCheckpoints, type CheckpointStore } from '../../../src/workshop/provision/checkpoints.ts';
import type { TextReader } from '../../../src/workshop/provision/conditions.ts';
import { createPictureReaders } from '../../../src/workshop/screen/picture-reader.ts';
import { createRecogniser } from '../../../src/workshop/screen/recognise.ts';
import { runSteps, type RunOptions, type RunResult, type Senses } from '../../../src/workshop/provision/engine.ts';
import { createSerialTerminal } from '../../../src/workshop/provision/serial-terminal.ts';
import type { BuildEvent } from '../../../src/workshop/provision/types.ts';
import { findText } from '../../../src/workshop/screen/match.ts';
import { nearestLines } from '../../../src/workshop/screen/nearest.ts';
import { createWorkbench, type Workbench } from '../../../src/workshop/provision/workbench.ts';
import { paperEyes, paperTypist, startPaper, type PaperMachine, type Program } from './paper-machine.ts';

export const reader: TextReader = { find: findText, nearest: nearestLines };

export const CONFIG: MachineConfig = { arch: 'x86_64', cpus: 1, memoryMiB: 64, disks: [] };

export interface Paper {
  readonly machines: readonly PaperMachine[];
  readonly events: readonly BuildEvent[];
  readonly store: CheckpointStore;
  readonly folder: string;
  run(resolved: ResolvedRecipe, options?: Partial<RunOptions>): Promise<RunResult>;
  remove(): void;
}

export function paper<S>(program: Program<S>): Paper {
  const folder = mkdtempSync(join(tmpdir(), 'portalgun-paper-'));
  const machines: PaperMachine[] = [];
  const events: BuildEvent[] = [];
  const store = openCheckpoints(join(folder, 'checkpoints'));
  const workbench: Workbench = createWorkbench({
    start: startPaper(program, machines),
    config: CONFIG,
    media: sha256('paper'),
    accelerator: 'tcg',
    qemuVersion: '0.0.0',
    runtimeDir: join(folder, 'run'),
    disksDir: join(folder, 'disks'),
  });
  return {
    machines,
    events,
    store,
    folder,
    run: (resolved, options = {}) =>
      runSteps({
        resolved,
        workbench,
        senses: senses(),
        checkpoints: store,
        sources: [],
        emit: (event) => {
          events.push(event);
          if (process.env['PAPER_TRACE']) process.stderr.write(`${JSON.stringify(event)}\n`);
        },
        hostFactor: 1,
        signal: new AbortController().signal,
        ...options,
      }),
    remove: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export function senses(): Senses {
  return {
    eyes: paperEyes(),
    reader,
    pictures: createPictureReaders(createRecogniser()),
    learnFont: () => Promise.resolve(null),
    terminal: createSerialTerminal,
    typist: paperTypist,
  };
}

export function named(events: readonly BuildEvent[], name: BuildEvent['event']): BuildEvent[] {
  return events.filter((event) => event.event === name);
}

/** Steps as a resolved recipe, by the way that every recipe takes. */
export function recipe(steps: readonly Step[], rest: Partial<Recipe> = {}): ResolvedRecipe {
  const document: Recipe = {
    recipe: 1,
    name: 'paper',
    version: '1.0.0',
    machine: { arch: 'x86_64', memory: '64M' },
    steps,
    ...rest,
  };
  // JSON is YAML.
  return resolveRecipe(parseRecipe(JSON.stringify(document)), {});
}
