/** What is allowed and yet most likely wrong in a recipe: checks that check nothing, and things nobody can know. */
import { actListsOf, actsOf, needlesUsed, textsMentioned } from './conditions.ts';
import { confirmationOf, ownConfirmations, satisfiedByEcho } from './echo.ts';
import { MAX_SOURCE_BYTES } from './limits.ts';
import { placeholdersIn } from './placeholders.ts';
import type { Path } from './problems.ts';
import type { Finding } from './finding.ts';
import { conditionFindings, watchFindings } from './lint-conditions.ts';
import { handFindings } from './lint-hands.ts';
import { randomFindings } from './lint-random.ts';
import { reachFindings } from './lint-reach.ts';
import { readYaml } from './yaml-reader.ts';
import type { CheckedRecipe, Condition, Recipe, Step } from './types.ts';

export interface LintFinding extends Omit<Finding, 'path'> {
  /** Counted from 1. */
  readonly line: number;
}

/** Findings in the order of the file. */
export function lintRecipe(checked: CheckedRecipe): LintFinding[] {
  const { recipe } = checked;
  const findings = [
    ...recipeFindings(recipe),
    ...watchFindings(recipe),
    ...randomFindings(recipe),
    ...listFindings(recipe.steps, 'steps', recipe),
    ...listFindings(recipe.personalise ?? [], 'personalise', recipe),
    ...(['steps', 'personalise'] as const).flatMap((part) => [
      ...neverRunFindings(recipe[part] ?? [], part),
      ...reachFindings(recipe[part] ?? [], part),
      ...handFindings(recipe, part),
    ]),
  ];
  return placed(checked, findings);
}

/** Findings with the lines of the file that they are about. */
export function placed({ source }: CheckedRecipe, findings: readonly Finding[]): LintFinding[] {
  const reading = readYaml(source, MAX_SOURCE_BYTES, () => true);
  const lineOf = (path: Path): number => (reading.ok ? reading.yaml.place({ path, message: '' }).line : 1);
  return findings
    .map(({ severity, path, step, message }) => ({
      severity,
      ...(step !== undefined && { step }),
      line: lineOf(path),
      message,
    }))
    .sort((a, b) => a.line - b.line);
}

function recipeFindings(recipe: Recipe): Finding[] {
  const findings: Finding[] = [];
  const warn = (path: Path, message: string): void => void findings.push({ severity: 'warning', path, message });
  if (recipe.summary === undefined) warn(['name'], 'the recipe has no summary; one line tells others what it builds');
  const used = new Set(placeholdersIn(JSON.stringify([recipe.steps, recipe.personalise ?? [], recipe.watch ?? []])));
  for (const [name, param] of Object.entries(recipe.params ?? {})) {
    if (param.summary === undefined)
      warn(['params', name], `the parameter ${name} has no summary; whoever builds is asked for it by that`);
    if (!used.has(name)) warn(['params', name], `the parameter ${name} is never used`);
  }
  for (const [name, medium] of Object.entries(recipe.media ?? {})) {
    if ('unverified' in medium)
      warn(['media', name], `the medium ${name} is used without verification, which every attestation will say`);
    if ('url' in medium && medium.signed_by === undefined)
      warn(['media', name], `the medium ${name} is vouched for by this recipe alone: no signature is asked for`);
  }
  const seen = needlesUsed(recipe);
  for (const name of Object.keys(recipe.needles ?? {}))
    if (!seen.has(name)) warn(['needles', name], `the needle ${name} is never used`);
  if ((recipe.machine?.disks ?? []).length > 0 && (recipe.outputs ?? []).length === 0) {
    warn(['machine', 'disks'], 'the machine has disks, but nothing is kept: there are no outputs');
  }
  return findings;
}

function listFindings(steps: readonly Step[], part: 'steps' | 'personalise', recipe: Recipe): Finding[] {
  return steps.flatMap((step, index) => {
    const path: Path = [part, index];
    const before = steps[index - 1];
    return [
      ...confirmationFindings(step, steps[index + 1], path),
      ...conditionFindings(step, path, recipe),
      ...stalenessFindings(step, before, path),
      ...(recipe.base ? [] : retryFindings(step, steps.slice(0, index), part, path)),
      ...unusedDefaults(recipe, part, index, steps),
    ];
  });
}

/** One finding for steps in a row that have the same reason. */
function neverRunFindings(steps: readonly Step[], part: 'steps' | 'personalise'): Finding[] {
  return steps.flatMap((step, index) => {
    const reason = step.not_run;
    if (reason === undefined || steps[index - 1]?.not_run === reason) return [];
    const end = steps.findIndex((later, at) => at > index && later.not_run !== reason);
    const count = (end < 0 ? steps.length : end) - index;
    const what = count === 1 ? 'this step was' : `${count} steps from here on were`;
    return [finding('warning', [part, index, 'not_run'], step, `${what} never run: ${reason}`)];
  });
}

function finding(severity: Finding['severity'], path: Path, step: Step, message: string): Finding {
  return { severity, path, step: step.id, message };
}

/** An acting step is confirmed by what it expects itself, or by what the next step waits for first. */
function confirmationFindings(step: Step, next: Step | undefined, path: Path): Finding[] {
  const [acting] = actListsOf(step);
  if (acting === undefined) return [];
  const confirmation = confirmationOf(step, next);
  const { enough } = ownConfirmations(step);
  if (confirmation === undefined || (!enough && confirmationOf({ id: step.id, do: acting.acts }, next) === undefined)) {
    const message = 'the step acts, but nothing confirms it: add an expect, or a when to the next step';
    return [finding('error', [...path, ...acting.path], step, message)];
  }
  const echoed = satisfiedByEcho(step, confirmation);
  if (echoed === undefined) return [];
  return [
    finding(
      'error',
      [...path, ...(step.expect ? ['expect'] : acting.path)],
      step,
      `the step confirms itself: what it types already shows ${echoed}; expect something that only the result shows`,
    ),
  ];
}

/** What was on the screen before the act may still be there after it. */
function stalenessFindings(step: Step, before: Step | undefined, path: Path): Finding[] {
  const findings: Finding[] = [];
  const expected = step.expect ? textsMentioned(step.expect) : [];
  if (actsOf(step).length > 0) {
    const seen = [
      ...(step.when ? textsMentioned(step.when) : []),
      ...(before?.expect ? textsMentioned(before.expect) : []),
    ];
    const stale = expected.find((text) => seen.includes(text));
    if (stale !== undefined && !asksForMore(step.expect)) {
      findings.push(
        finding(
          'warning',
          [...path, 'expect'],
          step,
          `${JSON.stringify(stale)} was seen before the step acts, and may still be there after it`,
        ),
      );
    }
  }
  if (step.expect && 'gone' in step.expect) {
    const goes = textsMentioned(step.expect.gone);
    const seen = [
      ...(step.when ? textsMentioned(step.when) : []),
      ...(before?.expect ? textsMentioned(before.expect) : []),
    ];
    if (goes.length > 0 && !goes.some((text) => seen.includes(text))) {
      findings.push(
        finding(
          'warning',
          [...path, 'expect'],
          step,
          `it expects ${JSON.stringify(goes[0])} to be gone, but never looks whether it was there: add it to when`,
        ),
      );
    }
  }
  return findings;
}

/** `all` may repeat what was there beside something new. */
function asksForMore(condition: Condition | undefined): boolean {
  return condition !== undefined && 'all' in condition && condition.all.length > 1;
}

function retryFindings(step: Step, earlier: readonly Step[], part: string, path: Path): Finding[] {
  if (part !== 'steps' || step.retries === undefined || step.retries === 0 || step.on_fail === 'fail') return [];
  if (earlier.some(({ checkpoint }) => checkpoint === true)) return [];
  return [
    finding(
      'warning',
      [...path, 'retries'],
      step,
      'the step is tried again, but no step before it is a checkpoint: every try starts from power-on',
    ),
  ];
}

/** Said once, at the first step that the default retries are for. */
function unusedDefaults(recipe: Recipe, part: string, index: number, steps: readonly Step[]): Finding[] {
  if (part !== 'steps' || index !== 0 || steps.length < 2 || (recipe.defaults?.retries ?? 0) === 0) return [];
  if (recipe.base || steps.some(({ checkpoint }) => checkpoint === true)) return [];
  return [
    {
      severity: 'warning',
      path: ['defaults', 'retries'],
      message: 'steps are tried again, but none is a checkpoint: every try starts from power-on',
    },
  ];
}
