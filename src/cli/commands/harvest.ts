import path from 'node:path';
import { FailedError, UsageError } from '../../errors.ts';
import { writeFileAtomic } from '../../node/atomic.ts';
import { recordRecipe } from '../../node/record-recipe.ts';
import { harvestPlan, withHarvest } from '../../recipe/harvested.ts';
import { lintRecipe } from '../../recipe/lint.ts';
import { parseRecipe } from '../../recipe/parse.ts';
import { resolveRecipe } from '../../recipe/resolve.ts';
import type { CheckedRecipe, Output, Step } from '../../recipe/types.ts';
import { isBlind, playBlind } from '../../workshop/provision/play.ts';
import { recordedSteps, recordingFor } from '../../workshop/provision/recording.ts';
import { withPlaceholders } from '../../workshop/provision/take-over.ts';
import { findText } from '../../workshop/screen/match.ts';
import { nearestLines } from '../../workshop/screen/nearest.ts';
import { buildProgress } from '../build-progress.ts';
import type { Context } from '../context.ts';
import { note, printLine, printResult } from '../output.ts';
import { pairs } from '../pairs.ts';
import { lockBeside, readRecipeFile } from '../recipe-file.ts';
import { readLines } from '../repair/lines.ts';
import { editorFor } from '../repair/editor.ts';
import { doubts, reviewSteps } from '../take-over/review.ts';

export interface HarvestFlags {
  readonly out?: string;
  readonly param?: string[];
  readonly yes?: boolean;
}

const READER = { find: findText, nearest: nearestLines };

/**
 * Does the first steps that wait blindly, and writes steps in their place that expect what showed. Exit code 1 where the
 * last of them showed nothing that could be expected: the file says `changed` there, for a person to put right.
 */
export async function harvest(context: Context, file: string, flags: HarvestFlags): Promise<number> {
  const checked = parseRecipe(await readRecipeFile(file), file);
  const plan = harvestPlan(checked, isBlind);
  if (plan === undefined) {
    throw new UsageError('harvest/nothing-blind', `${file}: no step waits blindly`, {
      hint: 'A step is blind that has no when, and expects nothing but still.',
    });
  }
  const params = pairs(flags.param ?? [], '--param');
  const resolved = resolveRecipe(checked, params);
  const blind = resolved.recipe.steps.slice(plan.from, plan.to);
  const { result } = await recordRecipe({
    home: context.home,
    skeleton: { checked: plan.leading ?? checked, hasSteps: plan.leading !== undefined },
    folder: path.dirname(path.resolve(file)),
    lock: await lockBeside(file),
    params,
    drive: async (live) => {
      const tell = (step: Step): void => note(context, `  … ${step.id}: ${step.do?.length ?? 0} acts`);
      return { played: await playBlind(live, blind, tell, context.signal), hostFactor: live.hostFactor };
    },
    emit: buildProgress(context, false),
    signal: context.signal,
    now: () => new Date(),
  });
  const { played, hostFactor } = result;
  if (played.done < blind.length) {
    throw new FailedError(
      'harvest/switched-off',
      `the machine went off after ${blind[played.done - 1]?.id ?? 'power-on'}`,
      {
        hint: `Nothing is written. Take the steps after it out of ${file}, or change what it does.`,
      },
    );
  }
  const { off } = played.recording;
  const options = { ...recordingFor({ ...checked.recipe, steps: plan.kept }, READER, hostFactor), published: true };
  const recorded = recordedSteps(played.recording, options);
  const steps = recorded.steps.map((step) => withPlaceholders(step, resolved));
  const agreed = await agreedSteps(context, { ...recorded, steps }, flags);
  if (agreed === undefined) {
    note(context, 'Nothing is written.');
    return 1;
  }
  const [disk] = checked.recipe.machine?.disks ?? [];
  const outputs: Output[] = off && disk ? [{ disk: disk.id, as: 'image' }] : [];
  const harvested = withHarvest(checked, plan, agreed, outputs);
  const out = flags.out ?? file;
  await writeFileAtomic(out, harvested.source, 0o644);
  return report(context, out, harvested, { steps: agreed, doubts: doubts(recorded, agreed) });
}

async function agreedSteps(
  context: Context,
  recorded: ReturnType<typeof recordedSteps>,
  { yes }: HarvestFlags,
): Promise<readonly Step[] | undefined> {
  const person = context.stdin.isTTY === true && context.stdout.isTTY === true;
  if (yes === true || !person || context.json) return recorded.steps;
  const lines = readLines(context.stdin, context.stdout);
  try {
    const talk = {
      lines,
      show: (...shown: string[]) => printLine(context, shown.join('\n')),
      editor: editorFor(context.environment),
      signal: context.signal,
    };
    return await reviewSteps(talk, recorded);
  } finally {
    lines.close();
  }
}

interface Agreed {
  readonly steps: readonly Step[];
  readonly doubts: readonly string[];
}

function report(context: Context, file: string, harvested: CheckedRecipe, { steps, doubts }: Agreed): number {
  const ids = new Set(steps.map(({ id }) => id));
  const findings = lintRecipe(harvested).filter(({ step }) => step !== undefined && ids.has(step));
  const blind = harvested.recipe.steps.filter(isBlind).length;
  // What is served and not waited for by name is the template's own way; what nothing confirms is to be put right.
  const unsure =
    steps.some(({ expect }) => expect !== undefined && 'changed' in expect) ||
    findings.some(({ severity }) => severity === 'error');
  const count = steps.length === 1 ? '1 step that waits' : `${steps.length} steps that wait`;
  const result = { file, digest: harvested.digest, harvested: steps.map(({ id }) => id), blind, findings, doubts };
  printResult(context, result, () => [
    `${file}: ${count} for what was seen${blind > 0 ? `, ${blind} still blind` : ''}.`,
    ...findings.map(({ line, severity, message, step }) => `${file}:${line}: ${severity} in ${step}: ${message}`),
    ...doubts,
    ...(unsure
      ? ['Put these right, then:']
      : blind > 0
        ? [
            'Harvest again, for those that are left:',
            `  portalgun recipe harvest ${file}`,
            'or build as far as it goes:',
          ]
        : ['Next, by itself:']),
    `  portalgun build ${file}`,
  ]);
  return unsure ? 1 : 0;
}
