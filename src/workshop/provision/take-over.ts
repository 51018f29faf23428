/**
 * A patch from what a person did at a failing step. Where the step itself can go on afterwards, what was done comes
 * before it; otherwise it is done in the step's place: after its own acts if they had been sent, else instead of them.
 */
import { PortalgunError } from '../../errors.ts';
import type { Condition, Operation, ResolvedRecipe, Step, TextPattern } from '../../recipe/types.ts';
import { stepDigest } from '../../recipe/digest.ts';
import type { Bench } from './bench.ts';
import { evaluate, type TextReader } from './conditions.ts';
import { harvest } from './harvest.ts';
import type { Observation } from './observer.ts';
import { patience, type Recording } from './recording.ts';
import type { RepairRequest } from './types.ts';

export interface TakenOver {
  readonly operations: readonly Operation[];
  /** What the machine was left at: the step can begin · the step is done · the next one can begin · none of these. */
  readonly leadsTo: 'step' | 'expectation' | 'next-step' | 'elsewhere';
}

export interface TakeOver {
  readonly request: RepairRequest;
  readonly recording: Recording;
  /** Steps made of it (recording.ts). Not empty. */
  readonly steps: readonly Step[];
  /** How the person left the machine. */
  readonly last: Observation;
  readonly reader: TextReader;
  readonly pictures: Bench['pictures'];
  readonly durationMs: (duration: string) => number;
  readonly signal: AbortSignal;
}

export async function takenOver(done: TakeOver): Promise<TakenOver> {
  const { request } = done;
  const { resolved, failure } = request;
  const all = resolved.recipe.steps;
  const at = all.findIndex(({ id }) => id === failure.stepId);
  const [bound, next] = [all[at], all[at + 1]];
  const shows = await looksFor([bound?.when, bound?.expect, next?.when, next?.expect], done);
  const acted = failure.phase === 'expect';
  const steps = done.steps.map((step) => withPlaceholders(step, resolved));
  if (!acted && shows(bound?.when, false)) {
    const before = resolved.of.recipe.steps[at - 1]?.id ?? null;
    return { operations: inserted(steps, before), leadsTo: 'step' };
  }
  const met = shows(bound?.expect, true);
  const nextBegins = next !== undefined && shows(next.when ?? (next.do ? undefined : next.expect), false);
  const leadsTo = met ? 'expectation' : nextBegins ? 'next-step' : 'elsewhere';
  return { operations: finishing(done, steps, { acted, met }), leadsTo };
}

type Look = Pick<TakeOver, 'request' | 'last' | 'reader' | 'pictures' | 'durationMs' | 'signal'>;

/** Tells whether one of the conditions is met by the last look, pictures and recognised text as well. */
async function looksFor(
  conditions: readonly (Condition | undefined)[],
  { request, last, reader, pictures: picturesFor, durationMs, signal }: Look,
): Promise<(condition: Condition | undefined, fresh: boolean) => boolean> {
  const pictures = picturesFor(request.resolved.recipe.needles);
  const asked = conditions.filter((condition) => condition !== undefined);
  for (const frame of [last.frame, last.mark.frame]) {
    if (frame === null) continue;
    await pictures.recognise(asked, frame, signal).catch((error: unknown) => {
      // What was done by hand is not lost because text recognition is not installed: its conditions are not met then.
      if (!(error instanceof PortalgunError) || error.code !== 'screen/no-recognition') throw error;
    });
  }
  const how = { reader, pictures, durationMs, nowMs: last.frame.capturedAtMs };
  return (condition, fresh) => condition !== undefined && evaluate(condition, last, { ...how, fresh }).met;
}

/** Where nobody did anything and what the step expects came after all: the step with the time that it took. */
export async function outlasted(about: Look & { readonly hostFactor: number }): Promise<readonly Operation[]> {
  const { request, last, hostFactor } = about;
  const { step, failure, resolved } = request;
  const bound = resolved.recipe.steps.find(({ id }) => id === failure.stepId);
  if (failure.phase !== 'expect' || bound?.expect === undefined || step.expect === undefined) return [];
  const shows = await looksFor([bound.expect], about);
  if (!shows(bound.expect, true)) return [];
  const expect = { ...step.expect, timeout: patience(last.frame.capturedAtMs - last.mark.sentAtMs, hostFactor) };
  return [{ op: 'replace-step', id: step.id, was: stepDigest(step), step: { ...step, expect } }];
}

/** The step, and what was done, up to where the next step goes on. */
function finishing(
  { request, recording, reader }: TakeOver,
  recorded: readonly Step[],
  { acted, met }: { readonly acted: boolean; readonly met: boolean },
): Operation[] {
  const { step, failure } = request;
  const { checkpoint, expect, do: _do, first_of: _branches, prompts: _prompts, repeat: _repeat, ...kept } = step;
  const [first, ...rest] = recorded;
  if (first === undefined) return [];
  let steps: readonly Step[];
  if (acted) {
    const [seen] = harvest({ reader, before: failure.before ?? null, seen: recording.start, sent: step });
    const { when, ...begins } = first;
    // What the step's own acts led to is what the first recorded step was seen to begin with.
    const own = without(step, ['expect', 'checkpoint']);
    if (seen === undefined) steps = [own, when === undefined ? begins : first, ...rest];
    else {
      const { expect } = withPlaceholders({ id: step.id, expect: seen.condition }, request.resolved);
      steps = [{ ...own, ...(expect && { expect }) }, begins, ...rest];
    }
  } else {
    const { id: _id, when: seen, ...does } = first;
    const when = failure.phase === 'when' ? seen : (step.when ?? seen);
    steps = [{ ...without(kept, ['when']), ...(when && { when }), ...does }, ...rest];
  }
  const last = steps.at(-1);
  if (last === undefined) return [];
  const ending: Step = { ...last, ...(met && expect && { expect }), ...(checkpoint === true && { checkpoint }) };
  const [changed, ...added] = [...steps.slice(0, -1), ending];
  if (changed === undefined) return [];
  return [{ op: 'replace-step', id: step.id, was: stepDigest(step), step: changed }, ...inserted(added, step.id)];
}

function without(step: Step, fields: readonly (keyof Step)[]): Step {
  return {
    ...Object.fromEntries(Object.entries(step).filter(([field]) => !fields.some((one) => one === field))),
    id: step.id,
  };
}

function inserted(steps: readonly Step[], after: string | null): Operation[] {
  return steps.map((step, index) => ({ op: 'insert-step', after: steps[index - 1]?.id ?? after, step }));
}

/** A parameter's value that was typed or read stands for the parameter: others choose another. */
export function withPlaceholders(step: Step, { params }: ResolvedRecipe): Step {
  const values = Object.entries(params).flatMap(([name, value]): [string, string][] =>
    typeof value === 'string' && value.length >= SHORTEST_VALUE ? [[name, value]] : [],
  );
  const put = (text: string): string =>
    values.reduce((result, [name, value]) => result.replaceAll(wholeWord(value), `{{${name}}}`), text);
  const inCondition = (condition: Condition): Condition => {
    if ('text' in condition) return { ...condition, text: inPattern(condition.text) };
    if ('gone' in condition) return { ...condition, gone: inCondition(condition.gone) };
    return condition;
  };
  const inPattern = (text: string | TextPattern) =>
    typeof text === 'string' ? put(text) : { ...text, ...(text.string !== undefined && { string: put(text.string) }) };
  return {
    ...step,
    ...(step.when && { when: inCondition(step.when) }),
    ...(step.do && { do: step.do.map((act) => ('type' in act ? { ...act, type: put(act.type) } : act)) }),
    ...(step.expect && { expect: inCondition(step.expect) }),
  };
}

/** A shorter value is found in words that have nothing to do with it. */
const SHORTEST_VALUE = 4;

function wholeWord(value: string): RegExp {
  return new RegExp(`(?<![\\p{L}\\p{N}{])${RegExp.escape(value)}(?![\\p{L}\\p{N}}])`, 'gu');
}
