/** What is most likely wrong in what a recipe does with keyboard and pointer. */
import {
  actsOf,
  conditionsOf,
  describeCondition,
  eachCondition,
  matchesAnything,
  placesOf,
  servedBy,
} from './conditions.ts';
import type { Finding } from './finding.ts';
import { untypableActs } from './typable.ts';
import type { Recipe, Step } from './types.ts';

export function handFindings(recipe: Recipe, part: 'steps' | 'personalise'): Finding[] {
  const steps = recipe[part] ?? [];
  return [
    ...untypableActs(recipe, part).map(({ step, index, why }): Finding => ({
      severity: 'error',
      path: [part, index, step.do ? 'do' : 'first_of'],
      step: step.id,
      message: `the step cannot be typed: ${why}`,
    })),
    ...heldFindings(steps, part),
    ...servedFindings(recipe, part),
    ...steps.flatMap((step, index) => [
      ...vagueEnds(step, [part, index]),
      ...blindClicks(step, steps[index - 1], [part, index]),
    ]),
  ];
}

/** A file that nobody waits for may not have been there; one that is waited for must have been served. */
function servedFindings(recipe: Recipe, part: 'steps' | 'personalise'): Finding[] {
  const steps = recipe[part] ?? [];
  const at = (index: number, step: Step, severity: Finding['severity'], message: string): Finding => ({
    severity,
    path: [part, index],
    step: step.id,
    message,
  });
  const waitsFor = (step: Step): string[] =>
    conditionsOf(step)
      .flatMap(({ condition }) => eachCondition(condition))
      .flatMap((condition) => ('fetched' in condition ? [condition.fetched] : []));
  const wanted = new Set(steps.flatMap(waitsFor));
  return steps.flatMap((step, index) => {
    const there = servedBy(steps.slice(0, index + 1)).map(({ file }) => file);
    return [
      ...(recipe.base ? [] : waitsFor(step).filter((file) => !there.includes(file))).map((file) =>
        at(index, step, 'error', `the step waits until ${file} is fetched, and no step up to it serves that file`),
      ),
      ...servedBy([step])
        .filter(({ file }) => !wanted.has(file))
        .map(({ file }) =>
          at(
            index,
            step,
            'warning',
            `the step serves ${file}, and nothing waits until the guest has fetched it (fetched)`,
          ),
        ),
    ];
  });
}

/** A key that stays down changes whatever is typed after it. */
function heldFindings(steps: readonly Step[], part: string): Finding[] {
  const released = new Set(steps.flatMap(actsOf).flatMap((act) => ('release' in act ? [act.release] : [])));
  return steps.flatMap((step, index) =>
    actsOf(step).flatMap((act): Finding[] =>
      'hold' in act && !released.has(act.hold)
        ? [
            {
              severity: 'warning',
              path: [part, index, step.do ? 'do' : 'first_of'],
              step: step.id,
              message: `the step holds ${act.hold} down, and nothing releases it`,
            },
          ]
        : [],
    ),
  );
}

function vagueEnds(step: Step, path: Finding['path']): Finding[] {
  return actsOf(step).flatMap((act): Finding[] =>
    'key' in act && act.until !== undefined && matchesAnything(act.until)
      ? [
          {
            severity: 'error',
            path: [...path, step.do ? 'do' : 'first_of'],
            step: step.id,
            message: `it presses ${act.key} until something that holds on almost any screen: ${describeCondition(act.until)}`,
          },
        ]
      : [],
  );
}

/** A point says nothing about what is there: somebody must have looked. */
function blindClicks(step: Step, before: Step | undefined, path: Finding['path']): Finding[] {
  if (step.when !== undefined || before?.expect !== undefined) return [];
  const blind = (step.do ?? []).some((act) => placesOf(act).some((place) => 'at' in place));
  return blind
    ? [
        {
          severity: 'warning',
          path: [...path, 'do'],
          step: step.id,
          message: 'the step points at a place of the screen before it looks what is there: add a when',
        },
      ]
    : [];
}
