/**
 * A finished build once more, from the same inputs and from power-on, at another time of day and on another host as far as
 * one host can be two: is it the same image?
 */
import { readFile } from 'node:fs/promises';
import os from 'node:os';
import { FailedError, UsageError } from '../errors.ts';
import { parseRecipe } from '../recipe/parse.ts';
import type { Variation } from '../workshop/build/index.ts';
import { removeImage } from '../workshop/image/index.ts';
import { canSurround } from '../workshop/machine/index.ts';
import { writeBuildRecord, type BuildRecord } from './build-records.ts';
import { explainDifference, type ExplainedDifference } from './explain.ts';
import type { RecipeSource } from './recipe-source.ts';
import { runBuild, type BuildCommand, type FinishedBuild } from './run-build.ts';

/** Another day, another hour, another minute. */
const CLOCK_SHIFT_SECONDS = (30 * 60 + 17) * 60 + 23;

/** No host is called that. */
const OTHER_HOST = 'portalgun-again';

export interface OtherConditions {
  readonly variation: Variation;
  /** What is another, for people. */
  readonly varied: readonly string[];
  /** What is not, and why. */
  readonly kept: readonly string[];
}

export interface Comparison {
  readonly first: string;
  readonly second: string;
  readonly equal: boolean;
  readonly varied: readonly string[];
  readonly kept: readonly string[];
  readonly differences: readonly ExplainedDifference[];
}

/** Rejects with `build/nothing-to-compare`, before anything is built, where the recipe makes no image. */
export function refuseWithoutImage({ checked }: RecipeSource): void {
  if ((checked.recipe.outputs ?? []).length > 0) return;
  throw new UsageError(
    'build/nothing-to-compare',
    `${checked.recipe.name} makes no image: there is nothing to compare`,
    {
      hint: 'Build it without --twice, or give it outputs.',
    },
  );
}

/**
 * Builds again what `finished` has built, and compares. The second image is kept where it differs, so that one can look into
 * it. `told`: what is another this time, before it begins.
 */
export async function buildAgain(
  command: BuildCommand,
  finished: FinishedBuild,
  told: (conditions: OtherConditions) => void,
): Promise<Comparison> {
  const { home, signal } = command;
  const conditions = await otherConditions(command);
  told(conditions);
  const { record } = await runBuild({
    ...command,
    ...sameInputs(command, finished),
    repair: 'never',
    person: () => [],
    resume: false,
    again: { of: finished.record.id, variation: conditions.variation },
  });
  refuseOtherInputs(finished.record, record);
  const { varied, kept } = conditions;
  const [a, b] = [imageOf(finished.record), imageOf(record)];
  const compared = { first: finished.record.id, second: record.id, varied, kept };
  if (record.manifest === finished.record.manifest) {
    await removeImage(home.imagesDir, b);
    const { image: _, ...withoutImage } = record;
    await writeBuildRecord(home, withoutImage);
    return { ...compared, equal: true, differences: [] };
  }
  const differences = await explainDifference(home, a, b, { causes: true, signal });
  return { ...compared, equal: false, differences };
}

/** Throws `build/other-inputs`: what differs then says nothing about the recipe. */
export function refuseOtherInputs(first: BuildRecord, second: BuildRecord): void {
  if (second.buildKey === first.buildKey) return;
  throw new FailedError('build/other-inputs', `${second.id} was not built from the same inputs`, {
    hint: 'Something was updated meanwhile (QEMU, a medium): run the same command again.',
    facts: { first: first.buildKey, second: second.buildKey },
  });
}

function imageOf({ id, image }: BuildRecord): string {
  if (image !== undefined) return image;
  throw new TypeError(`${id} has an image`);
}

/** The recipes as they passed, with the locks that were used: nothing is resolved anew. */
function sameInputs(
  { source, bases }: BuildCommand,
  { outcome }: FinishedBuild,
): Pick<BuildCommand, 'source' | 'bases'> {
  const { of } = outcome.final;
  return {
    source: { ...source, checked: parseRecipe(of.source), lock: outcome.media.lock },
    bases: bases.map((base, index) => ({ ...base, lock: outcome.bases[index]?.media.lock })),
  };
}

async function otherConditions({ source, bases }: BuildCommand): Promise<OtherConditions> {
  const can = await canSurround();
  const varied: string[] = [];
  const kept: string[] = [];
  const fixed = [source, ...bases].some(({ checked }) => checked.recipe.reproducible?.clock === 'fixed');
  if (fixed) kept.push('the time of day in the guest: the recipe fixes its clock');
  else varied.push('the time of day: 30 hours and 17 minutes later');
  const cpus = os.availableParallelism();
  const cpu = can.cpu && cpus > 1 ? await firstCpu() : undefined;
  if (cpu === undefined) kept.push(`the host's cpus: ${cpus === 1 ? 'there is but one' : 'taskset is not here'}`);
  else varied.push(`the host's cpus: 1 instead of ${cpus}`);
  if (can.hostName) varied.push(`the host's name: ${OTHER_HOST}`);
  else kept.push('the host’s name: only root may give another');
  const surroundings = { ...(cpu !== undefined && { cpu }), ...(can.hostName && { hostName: OTHER_HOST }) };
  return { variation: { clockShiftSeconds: CLOCK_SHIFT_SECONDS, surroundings }, varied, kept };
}

/** In a container it need not be the one with number 0 (proc_pid_status(5)). */
async function firstCpu(): Promise<number | undefined> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const first = /^Cpus_allowed_list:\s*(\d+)/m.exec(status)?.[1];
  return first === undefined ? undefined : Number(first);
}
