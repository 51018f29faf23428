/**
 * A suggestion for a step that failed: a prompt that was reworded or moved, a menu entry that was renamed. Nothing is
 * guessed but what stands on the screen.
 */
import type { Act, Condition, Operation, ResolvedRecipe, Step, TextPattern } from '../../recipe/types.ts';
import { stepDigest, valueDigest } from '../../recipe/digest.ts';
import type { TextReader } from './conditions.ts';
import { NEAREST_LINES, SUGGEST_SIMILARITY } from './limits.ts';
import type { RepairRequest, RepairSource } from './types.ts';

export interface Suggestion {
  /** What the step says, and what it would say. */
  readonly old: string;
  readonly text: string;
  /** Row of the screen, from 0. */
  readonly row: number;
  /** 0 to 1. */
  readonly similarity: number;
  readonly operations: readonly Operation[];
}

/** What the screen offers in place of the texts that were not found, best first. */
export function suggestions(request: RepairRequest, reader: TextReader): readonly Suggestion[] {
  const { resolved, failure } = request;
  const offered = wantedTexts(failure.phase, failure.expected).flatMap((old) =>
    reader.nearest(failure.seen, old, NEAREST_LINES).flatMap(({ line, row }) => {
      const { text, similarity } = closestPart(plain(line), old);
      if (text === '' || text === old) return [];
      const operations = rewording(resolved, failure.stepId, failure.phase, old, text);
      return operations.length === 0 ? [] : [{ old, text, row, similarity, operations }];
    }),
  );
  return offered.sort((a, b) => b.similarity - a.similarity).slice(0, NEAREST_LINES);
}

/** Answers with the best suggestion, if it is near enough. Only where policy lets a rewording be applied unasked. */
export function createSuggestionRepair(reader: TextReader, threshold = SUGGEST_SIMILARITY): RepairSource {
  return {
    name: 'suggestion',
    propose(request) {
      const best = suggestions(request, reader).filter(({ similarity }) => similarity >= threshold)[
        request.attempt - 1
      ];
      if (best === undefined) return Promise.resolve(undefined);
      const { operations, old, text } = best;
      return Promise.resolve({
        kind: 'patch',
        operations,
        origin: 'suggestion',
        summary: `"${old}" now reads "${text}"`,
      });
    },
  };
}

/** Texts that had to be there. What had to be gone has no new wording. */
function wantedTexts(phase: RepairRequest['failure']['phase'], condition: Condition): readonly string[] {
  if (phase === 'watch') return [];
  if ('text' in condition) {
    const { text } = condition;
    if (typeof text === 'string') return [text];
    return text.string === undefined ? [] : [text.string];
  }
  if ('any' in condition) return condition.any.flatMap((inner) => wantedTexts(phase, inner));
  if ('all' in condition) return condition.all.flatMap((inner) => wantedTexts(phase, inner));
  return [];
}

/** A line without the frame that is drawn around a dialog. */
function plain(line: string): string {
  return line.replaceAll(/[\u2500-\u259f\ufffd]|(?<=^|\s)[|+]+(?=\s|$)/gu, ' ').trim();
}

/** The run of words of `line` that is most like `wanted`. */
export function closestPart(line: string, wanted: string): { readonly text: string; readonly similarity: number } {
  const words = [...line.matchAll(/\S+/gu)].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
  let best = { text: '', similarity: 0 };
  for (const [from, first] of words.entries()) {
    for (const last of words.slice(from)) {
      const text = line.slice(first.start, last.end);
      if (text.length > 2 * wanted.length + 8) break;
      const similarity = 1 - editDistance(text, wanted) / Math.max(text.length, wanted.length);
      // Of two equal ones the longer says more.
      if (similarity > best.similarity || (similarity === best.similarity && text.length > best.text.length)) {
        best = { text, similarity };
      }
    }
  }
  return best;
}

/** Levenshtein: single characters put in, taken out or replaced. */
export function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i += 1) {
    const next = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}

/**
 * The step with the new wording where it failed. The step after it often begins with the very text that this one ends
 * with: it is reworded too.
 */
function rewording(
  resolved: ResolvedRecipe,
  stepId: string,
  phase: RepairRequest['failure']['phase'],
  old: string,
  text: string,
): readonly Operation[] {
  const { recipe } = resolved.of;
  const steps = recipe.steps.some((step) => step.id === stepId) ? recipe.steps : (recipe.personalise ?? []);
  const at = steps.findIndex((step) => step.id === stepId);
  const step = steps[at];
  if (step === undefined) return [];
  const next = phase === 'expect' ? steps[at + 1] : undefined;
  return [
    ...changingStep(resolved, step, rewordStep(step, phase, old, text)),
    ...(next === undefined ? [] : changingStep(resolved, next, rewordStep(next, 'when', old, text))),
  ];
}

/** The operations that make `changed` of `step` (as written in the recipe); none where they are the same. */
export function changingStep(resolved: ResolvedRecipe, step: Step, changed: Step): readonly Operation[] {
  const was = stepDigest(step);
  if (was === stepDigest(changed)) return [];
  const { steps } = resolved.of.recipe;
  if (steps.some(({ id }) => id === step.id)) return [{ op: 'replace-step', id: step.id, was, step: changed }];
  // A step of `personalise` is changed field by field: patches replace whole steps of `steps` only.
  const before = new Map<string, unknown>(Object.entries(step));
  const after = new Map<string, unknown>(Object.entries(changed));
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((field): Operation[] => {
    const [old, value] = [valueDigest(before.get(field)), valueDigest(after.get(field))];
    if (old === value) return [];
    return [{ op: 'set', path: ['personalise', step.id, field], was: old, value: after.get(field) ?? null }];
  });
}

function rewordStep(step: Step, phase: RepairRequest['failure']['phase'], old: string, text: string): Step {
  const reword = (condition: Condition) => rewordCondition(condition, old, text);
  const rewordAct = (act: Act): Act => ('menu' in act && act.menu === old ? { ...act, menu: text } : act);
  switch (phase) {
    case 'when':
      return {
        ...step,
        ...(step.when && { when: reword(step.when) }),
        ...(step.first_of && { first_of: step.first_of.map((branch) => ({ ...branch, when: reword(branch.when) })) }),
      };
    case 'expect':
      return step.expect === undefined ? step : { ...step, expect: reword(step.expect) };
    case 'act':
      return {
        ...step,
        ...(step.do && { do: step.do.map(rewordAct) }),
        ...(step.first_of && {
          first_of: step.first_of.map((branch) => ({ ...branch, ...(branch.do && { do: branch.do.map(rewordAct) }) })),
        }),
      };
    default:
      return step;
  }
}

function rewordCondition(condition: Condition, old: string, text: string): Condition {
  if ('text' in condition) {
    if (typeof condition.text === 'string') return condition.text === old ? { ...condition, text } : condition;
    return condition.text.string === old ? { ...condition, text: withString(condition.text, text) } : condition;
  }
  if ('any' in condition) return { ...condition, any: condition.any.map((inner) => rewordCondition(inner, old, text)) };
  if ('all' in condition) return { ...condition, all: condition.all.map((inner) => rewordCondition(inner, old, text)) };
  return condition;
}

/** The text may have moved: an area or a line that it was looked for in is not kept. */
function withString(pattern: TextPattern, string: string): TextPattern {
  return { string, ...(pattern.style && { style: pattern.style }) };
}
