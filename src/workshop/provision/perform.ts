/**
 * One try of one step: wait for `when`, act, wait for `expect`. Everything around a try (retry, rollback, repair,
 * recording) is in decorators.ts.
 */
import type { Act, Branch, Condition, Prompts, Repeat, Step } from '../../recipe/types.ts';
import { describeCondition } from '../../recipe/conditions.ts';
import { perform } from './acts.ts';
import type { Bench, StepSettings } from './bench.ts';
import { actFailed, failed } from './failing.ts';
import { cameInRound, comesWhileMoving, until, type Met } from './waiting.ts';

/** Throws `StepFailed`; what is not the step's failure (`machine/died`, an abort) goes through as it is. */
export async function performStep(step: Step, bench: Bench, settings: StepSettings): Promise<void> {
  if (step.when !== undefined) await begin(step.when, (written) => written.when, step, bench, settings);
  let { expect } = step;
  let expected = (written: Step): Condition | undefined => written.expect;
  if (step.prompts) await answer(step, step.prompts, bench, settings);
  else if (step.first_of) {
    const taken = await choose(step, step.first_of, bench, settings);
    const branch = step.first_of[taken];
    await act(branch?.do ?? [], step, bench, settings);
    if (branch?.expect) {
      ({ expect } = branch);
      expected = (written) => written.first_of?.[taken]?.expect;
    }
  } else if (step.repeat) await repeat(step, step.repeat, bench, settings);
  else await act(step.do ?? [], step, bench, settings);
  if (expect !== undefined) {
    await until(expect, { phase: 'expect', asked: expected }, step, bench, settings);
    bench.unconfirmed = false;
  }
  bench.booting = false;
}

/** Waits for what must be there before anything is sent. */
async function begin(
  condition: Condition,
  asked: (written: Step) => Condition | undefined,
  step: Step,
  bench: Bench,
  settings: StepSettings,
): Promise<Met> {
  const met = await until(condition, { phase: 'when', asked }, step, bench, settings);
  bench.unconfirmed = false;
  return met;
}

/** Index of the first branch whose condition holds. */
async function choose(step: Step, branches: readonly Branch[], bench: Bench, settings: StepSettings): Promise<number> {
  const anyBranch = anyOf(branches);
  const met = await begin(anyBranch, (written) => anyOf(written.first_of ?? []), step, bench, settings);
  return branches.findIndex(({ when }) => met.holds(when));
}

async function act(acts: readonly Act[], step: Step, bench: Bench, settings: StepSettings): Promise<void> {
  for (const one of acts) {
    bench.unconfirmed = true;
    try {
      await perform(one, {
        ...settings,
        step: step.id,
        observer: bench.observer,
        typist: bench.typist,
        comes: (condition) => comesWhileMoving(condition, bench, settings),
        driveOf: settings.driveOf,
        needle: (name, frame) => bench.pictures(settings.needles).needle(name, frame),
      });
    } catch (error) {
      throw await actFailed(error, one, step, bench, settings);
    }
  }
}

/** Answers questions as they come. One that is not in the table is waited out like any condition that never comes. */
async function answer(step: Step, { table, until: end }: Prompts, bench: Bench, settings: StepSettings): Promise<void> {
  const anyQuestion = anyOf([{ when: end }, ...table]);
  const asked = ({ prompts }: Step) => prompts && anyOf([{ when: prompts.until }, ...prompts.table]);
  const answered = table.map(() => 0);
  for (;;) {
    const met = await begin(anyQuestion, asked, step, bench, settings);
    if (met.holds(end)) return;
    const index = table.findIndex(({ when }) => met.holds(when));
    const question = table[index];
    if (question === undefined) throw new TypeError('what was met is one of the questions');
    const times = answered[index] ?? 0;
    if (times === (question.at_most ?? 1)) {
      const often = times === 1 ? 'once' : `${times} times`;
      const reason = `${describeCondition(question.when)} was asked again, after it was answered ${often}`;
      throw failed({ step, phase: 'when', condition: anyQuestion, asked, reason, seen: met.seen, bench, settings });
    }
    answered[index] = times + 1;
    await act(question.do, step, bench, settings);
  }
}

/** What is looked for may have been there before: then nothing is done at all. */
async function repeat(
  step: Step,
  { until: end, at_most: rounds }: Repeat,
  bench: Bench,
  settings: StepSettings,
): Promise<void> {
  for (let round = 0; ; round += 1) {
    if (await cameInRound(end, round === 0, step, bench, settings)) break;
    if (round === rounds) {
      const often = rounds === 1 ? 'once' : `${rounds} times`;
      const reason = `${describeCondition(end)} was not seen after all was done ${often}`;
      const asked = (written: Step) => written.repeat?.until;
      const seen = await bench.observer.look(settings.signal);
      throw failed({ step, phase: 'expect', condition: end, asked, reason, seen, bench, settings });
    }
    await act(step.do ?? [], step, bench, settings);
  }
  bench.unconfirmed = false;
}

function anyOf(ways: readonly { readonly when: Condition }[]): Condition {
  return { any: ways.map(({ when }) => when) };
}
