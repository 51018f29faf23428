/**
 * Placeholders that a recipe does not declare itself stand for parameters of its base. A patch is judged without the base:
 * what such a name holds, a command or the very text that a step waits for, nobody can tell here.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Change } from './change.ts';
import { actsOf, conditionsOf } from './conditions.ts';
import { isFixedName } from './fixed.ts';
import { placeholdersIn } from './placeholders.ts';
import type { Recipe, Step } from './types.ts';

/** Steps and watches that use such a name where they did not. */
export function inheritedNameChanges(before: Recipe, after: Recipe): Change[] {
  const own = new Set(Object.keys(after.params ?? {}));
  const changes: Change[] = [];
  const compare = (where: string, use: string, was: unknown, is: unknown): void => {
    if (isDeepStrictEqual(was, is)) return;
    const old = namesIn(was);
    for (const name of namesIn(is)) {
      if (own.has(name) || old.has(name) || isFixedName(name)) continue;
      const reason = `it ${use} {{${name}}}, a parameter of the base, whose value is not known here`;
      changes.push({ class: 'authority', where, reason });
    }
  };
  const steps = new Map(before.steps.map((step) => [step.id, step]));
  for (const step of after.steps) {
    const old = steps.get(step.id);
    compare(`step ${step.id}`, 'sends', old && actsOf(old), actsOf(step));
    compare(`step ${step.id}`, 'looks for', old && conditionsIn(old), conditionsIn(step));
  }
  const watches = new Map((before.watch ?? []).map((watch) => [watch.id, watch]));
  for (const watch of after.watch ?? []) {
    compare(`watch ${watch.id}`, 'looks for', watches.get(watch.id)?.when, watch.when);
  }
  return changes;
}

function conditionsIn(step: Step): unknown {
  return conditionsOf(step).map(({ condition }) => condition);
}

function namesIn(part: unknown): ReadonlySet<string> {
  return new Set(part === undefined ? [] : placeholdersIn(JSON.stringify(part)));
}
