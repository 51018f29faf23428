/** Conditions that say nothing: what holds on almost any screen, also with what its parameters are by default. */
import { conditionsOf, describeCondition, eachCondition, matchesAnything, partsOf } from './conditions.ts';
import type { Finding } from './finding.ts';
import { fillCondition } from './placeholders.ts';
import { regexMatchesAnything } from './regex.ts';
import type { Condition, Recipe, Step } from './types.ts';

export function watchFindings(recipe: Recipe): Finding[] {
  return (recipe.watch ?? []).flatMap(({ when }, index): Finding[] => {
    const path = ['watch', index, 'when'];
    if (holdsAnyway(when, recipe))
      return [{ severity: 'error', path, message: `the watch fires on almost anything: ${describeCondition(when)}` }];
    if (onlyAbsence(when))
      return [{ severity: 'error', path, message: `the watch fires on an empty screen: ${describeCondition(when)}` }];
    return [];
  });
}

export function conditionFindings(step: Step, path: Finding['path'], recipe: Recipe): Finding[] {
  return conditionsOf(step).flatMap(({ where, path: at, condition }): Finding[] => {
    const place = { path: [...path, ...at], step: step.id };
    const vague = eachCondition(condition).filter(({ progress }) => progress && regexMatchesAnything(progress.text));
    const stalls = vague.map(({ progress }): Finding => {
      const message = `${where} takes anything that moves for progress, also a clock: ${progress?.text ?? ''}`;
      return { severity: 'warning', ...place, message };
    });
    if (holdsAnyway(condition, recipe)) {
      // `still` and `changed` beside something telling (in `all`) are fine; alone they say that something, not what, happened.
      const severity = eachCondition(condition).some((part) => 'still' in part || 'changed' in part)
        ? 'warning'
        : 'error';
      const message = `${where} holds on almost any screen: ${describeCondition(condition)}`;
      return [{ severity, ...place, message }, ...stalls];
    }
    if (!onlyAbsence(condition)) return stalls;
    const message = `${where} holds on an empty screen: ${describeCondition(condition)}; say what shows instead, or gone`;
    return [{ severity: 'warning', ...place, message }, ...stalls];
  });
}

/** With the defaults of its parameters. A value that somebody gives is theirs to answer for. */
function holdsAnyway(condition: Condition, { params = {} }: Recipe): boolean {
  const byDefault = (name: string): string => String(params[name]?.default ?? `{{${name}}}`);
  return matchesAnything(condition) || matchesAnything(fillCondition(condition, byDefault));
}

/** Nothing has to show for it: `not`, also as one of `any`, and `all` of nothing else. `gone` has a finding of its own. */
function onlyAbsence(condition: Condition): boolean {
  if ('not' in condition) return true;
  if ('any' in condition) return partsOf(condition).some(onlyAbsence);
  return 'all' in condition && partsOf(condition).every(onlyAbsence);
}
