/**
 * The finished disk is measured together with what it was after the steps that a checkpoint was kept of: so that a
 * difference can be laid to the step that made it. One VM reads them all.
 */
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { compileRules, formatManifest, measureBuild, type Manifest, type MeasureOptions } from '../image/index.ts';
import { createOverlay, isBlankDisk, sameDisk } from '../machine/index.ts';
import type { Checkpoint } from '../provision/index.ts';
import { keepStageManifest, keptStageManifest } from './stage-manifests.ts';

/** Disks that the VM has room for beside the finished one; of more, evenly spread ones are read. */
export const MAX_STAGES = 16;

/** What the disk held after a step. */
export interface BuildStage {
  readonly step: string;
  /** Text of the manifest. */
  readonly manifest: string;
}

export interface StagesOptions extends MeasureOptions {
  /** The finished disk, raw. */
  readonly disk: string;
  readonly diskId: string;
  /** In the order of the build. */
  readonly checkpoints: readonly Pick<Checkpoint, 'step' | 'disks' | 'folder'>[];
  /** Id of the last step. */
  readonly lastStep: string;
  /** For overlays; there already. */
  readonly folder: string;
  /** A stage that could not be read, and why. */
  readonly onUnread: (step: string, error: Error) => void;
}

/** The manifest, and the stages in order; the finished disk is the last of them. */
export async function measureWithStages(
  options: StagesOptions,
): Promise<{ readonly manifest: Manifest; readonly stages: readonly BuildStage[] }> {
  const finished = { path: options.disk, format: 'raw' } as const;
  const { diskId } = options;
  const { digest: rules } = compileRules(options.normalise);
  const states = await statesOf(options);
  const known = new Map<State, string | Error>();
  for (const state of states.filter(({ as }) => as === 'other')) {
    const kept = await keptStageManifest(state, diskId, rules);
    if (kept !== undefined) known.set(state, kept);
  }
  const read = spread(
    states.filter((state) => state.as === 'other' && !known.has(state)),
    MAX_STAGES,
  );
  const overlays = read.map((_, index) => path.join(options.folder, `stage-${index}.qcow2`));
  try {
    for (const [index, { disk }] of read.entries()) {
      await createOverlay(overlays[index] ?? '', { path: path.resolve(disk), format: 'qcow2' });
    }
    const disks = overlays.map((overlay) => ({ path: overlay, format: 'qcow2' as const }));
    const { manifest, stages: texts } = await measureBuild({ ...options, disk: finished, stages: disks });
    for (const [index, state] of read.entries()) {
      const text = texts[index];
      if (text === undefined) continue;
      known.set(state, text);
      if (typeof text === 'string') await keepStageManifest(state, diskId, rules, text);
    }
    const stages: BuildStage[] = [];
    let held: string | Error | undefined;
    for (const state of states) {
      const { step, as } = state;
      if (as === 'blank') held = formatManifest([], manifest.normaliser).text;
      else if (as === 'finished') held = manifest.text;
      else if (as === 'other') held = known.get(state);
      if (held instanceof Error && as !== 'same') options.onUnread(step, held);
      if (typeof held === 'string') stages.push({ step, manifest: held });
    }
    stages.push({ step: options.lastStep, manifest: manifest.text });
    return { manifest, stages };
  } finally {
    await Promise.all(overlays.map((overlay) => rm(overlay, { force: true })));
  }
}

interface State {
  readonly step: string;
  /** Of its checkpoint. */
  readonly folder: string;
  readonly disk: string;
  /** Nothing was written yet; it is as after the step before, or as the finished disk: all that need not be read. */
  readonly as: 'blank' | 'same' | 'finished' | 'other';
}

async function statesOf({ checkpoints, diskId, disk, signal }: StagesOptions): Promise<readonly State[]> {
  const finished = { path: disk, format: 'raw' } as const;
  const states: State[] = [];
  for (const { step, disks, folder } of checkpoints) {
    const file = disks[diskId];
    if (file === undefined) continue;
    const here = { path: file, format: 'qcow2' } as const;
    const before = states.at(-1);
    const as = async (): Promise<State['as']> => {
      if (before && (await sameDisk({ ...here, path: before.disk }, here, signal))) return 'same';
      if (await isBlankDisk(here, signal)) return 'blank';
      return (await sameDisk(here, finished, signal)) ? 'finished' : 'other';
    };
    states.push({ step, folder, disk: file, as: await as() });
  }
  return states;
}

/** At most `count` of them, the first and the last included. */
export function spread<T>(all: readonly T[], count: number): readonly T[] {
  if (all.length <= count) return all;
  return all.filter((_, index) => {
    const place = (at: number): number => Math.floor((at * (count - 1)) / (all.length - 1));
    return index === 0 || place(index) !== place(index - 1);
  });
}
