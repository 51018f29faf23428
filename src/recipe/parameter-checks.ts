/**
 * What a parameter's default is part of: where it changes, checks change as if they had been written anew, and so do the
 * steps that handle secrets.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Change } from './change.ts';
import { conditionChanges, watchConditionChanges } from './condition-changes.ts';
import { conditionsOf } from './conditions.ts';
import { fillCondition, fillStep, type Values } from './placeholders.ts';
import type { Condition, Recipe, Step } from './types.ts';

/** Only what reaches further than what a step sends: that a default changes is told besides. */
export function parameterCheckChanges(
  before: Recipe,
  after: Recipe,
  values: { readonly before: Values; readonly after: Values },
): Change[] {
  const filled = (was: Condition, is: Condition) =>
    [fillCondition(was, values.before), fillCondition(is, values.after)] as const;
  const steps = pairs(before.steps, after.steps).flatMap(([old, step]) => checks(old, step, filled));
  const watches = pairs(before.watch ?? [], after.watch ?? []).flatMap(([old, watch]) =>
    isDeepStrictEqual(old.when, watch.when)
      ? watchConditionChanges(...filled(old.when, watch.when), `watch ${watch.id}`)
      : [],
  );
  const secret = pairs(before.personalise ?? [], after.personalise ?? []).flatMap(([old, step]): Change[] =>
    isDeepStrictEqual(fillStep(old, values.before), fillStep(step, values.after))
      ? []
      : [{ class: 'authority', where: `step ${step.id}`, reason: 'a default is part of a step that handles secrets' }],
  );
  return [...steps, ...watches, ...secret].filter((change) => change.class === 'authority');
}

/** Those that are written as they were: what else changes is judged as it is written. */
function checks(
  old: Step,
  step: Step,
  filled: (was: Condition, is: Condition) => readonly [Condition, Condition],
): Change[] {
  const written = new Map(conditionsOf(old).map(({ where, condition }) => [where, condition]));
  return conditionsOf(step).flatMap(({ where, condition }) => {
    const was = written.get(where);
    if (was === undefined || !isDeepStrictEqual(was, condition)) return [];
    return conditionChanges(...filled(was, condition), `step ${step.id}`, where);
  });
}

function pairs<One extends { readonly id: string }>(before: readonly One[], after: readonly One[]): [One, One][] {
  const was = new Map(before.map((one) => [one.id, one]));
  return after.flatMap((one): [One, One][] => {
    const old = was.get(one.id);
    return old === undefined ? [] : [[old, one]];
  });
}
