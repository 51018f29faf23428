/**
 * A suggestion for a step that failed: a prompt that was reworded or moved, a menu entry that was renamed, a question
 * that is new. Nothing is guessed but what stands on the screen.
 */
import { eachCondition, mapStep } from '../../recipe/conditions.ts';
import { satisfiedByEcho } from '../../recipe/echo.ts';
import type { Act, Condition, Operation, Place, ResolvedRecipe, Step, TextPattern } from '../../recipe/types.ts';
import { stepDigest, valueDigest } from '../../recipe/digest.ts';
import type { TextReader } from './conditions.ts';
import { freshSpots } from './freshness.ts';
import { harvest } from './harvest.ts';
import { NEAREST_LINES, SUGGEST_SIMILARITY } from './limits.ts';
import { freshId, idsOf } from './recording.ts';
import type { RepairRequest, RepairSource } from './types.ts';

/** The text is another one now · the same, elsewhere · an entry's · something that the recipe does not know. */
export type SuggestionKind = 'reworded' | 'moved' | 'menu' | 'new-question';

export interface Suggestion {
  readonly kind: SuggestionKind;
  /** What the step says, and what it would say. */
  readonly old: string;
  readonly text: string;
  /** Row of the screen, from 0. */
  readonly row: number;
  /** 0 to 1. */
  readonly similarity: number;
  readonly operations: readonly Operation[];
  /** Why it may be met too early, or never: a person decides about such a one. */
  readonly warning?: string;
}

/** What the screen offers in place of what was not found, best first; those with a warning after those without. */
export function suggestions(request: RepairRequest, reader: TextReader): readonly Suggestion[] {
  const offered = [...movedTexts(request, reader), ...rewordings(request, reader)]
    .sort((a, b) => merit(b) - merit(a))
    .slice(0, NEAREST_LINES);
  const known = offered.some(({ similarity, warning }) => similarity >= KNOWN_QUESTION && warning === undefined);
  return known ? offered : [...offered.slice(0, NEAREST_LINES - 1), ...newQuestion(request, reader)];
}

function merit({ similarity, warning }: Suggestion): number {
  return warning === undefined ? similarity : similarity - 1;
}

/** With a text this near to what was expected, the question is not taken for a new one. */
const KNOWN_QUESTION = 0.7;

/** Answers with the best suggestion, if it is near enough. Only where policy lets a rewording be applied unasked. */
export function createSuggestionRepair(reader: TextReader, threshold = SUGGEST_SIMILARITY): RepairSource {
  return {
    name: 'suggestion',
    propose(request) {
      const best = suggestions(request, reader).filter(
        ({ kind, similarity, warning }) => kind !== 'new-question' && warning === undefined && similarity >= threshold,
      )[request.attempt - 1];
      if (best === undefined) return Promise.resolve(undefined);
      const { operations } = best;
      return Promise.resolve({ kind: 'patch', operations, origin: 'suggestion', summary: suggestionInWords(best) });
    },
  };
}

export function suggestionInWords({ kind, old, text }: Suggestion): string {
  if (kind === 'moved') return `"${old}" is looked for anywhere on the screen`;
  if (kind === 'new-question') return `"${text}" is answered with Enter`;
  return `"${old}" now reads "${text}"`;
}

function rewordings(request: RepairRequest, reader: TextReader): Suggestion[] {
  const { failure } = request;
  const kind = failure.phase === 'act' ? 'menu' : 'reworded';
  return wantedTexts(failure.phase, failure.expected).flatMap((old) =>
    reader.nearest(failure.seen, old, NEAREST_LINES).flatMap(({ line, row }): Suggestion[] => {
      const { text, similarity } = closestPart(plain(line), old);
      if (text === '' || text === old) return [];
      const operations = rewording(request, old, text);
      if (operations.length === 0) return [];
      return [{ kind, old, text, row, similarity, operations, ...careful(request, reader, text, operations) }];
    }),
  );
}

/** The very text, but not in the area or on the line that it is looked for in. */
function movedTexts(request: RepairRequest, reader: TextReader): Suggestion[] {
  const { failure } = request;
  if (failure.phase !== 'when' && failure.phase !== 'expect') return [];
  return eachCondition(failure.expected).flatMap((condition): Suggestion[] => {
    if (!('text' in condition) || typeof condition.text === 'string') return [];
    const { string, area, line } = condition.text;
    if (string === undefined || (area === undefined && line === undefined)) return [];
    const [spot] = reader.find(failure.seen, string);
    const operations = rewording(request, string, string);
    if (spot === undefined || operations.length === 0) return [];
    const warning = careful(request, reader, string, operations);
    return [{ kind: 'moved', old: string, text: string, row: spot.row, similarity: 1, operations, ...warning }];
  });
}

/** Something is asked that the recipe has no step for: Enter takes what is highlighted, or the default. */
function newQuestion(request: RepairRequest, reader: TextReader): Suggestion[] {
  const { step, failure, resolved } = request;
  const { phase, seen } = failure;
  const { steps } = resolved.of.recipe;
  const at = steps.findIndex(({ id }) => id === step.id);
  if (at < 0 || (phase !== 'when' && phase !== 'expect')) return [];
  const sighting = { screen: seen, fromMs: 0, untilMs: 0 };
  const found = harvest({
    reader,
    before: phase === 'expect' ? (failure.before ?? null) : null,
    seen: [sighting],
    sent: step,
  });
  const asked = found.find(({ text, row }) => /[?:]$/u.test(seen.lines[row]?.trimEnd() ?? '') || /[?:]$/u.test(text));
  if (asked === undefined) return [];
  const ids = new Set(idsOf(resolved.of.recipe));
  const answer: Step = {
    id: freshId(asked.text, ids),
    when: asked.condition,
    do: [{ key: 'enter' }],
    expect: { gone: asked.condition },
  };
  const before = steps[at - 1]?.id ?? null;
  const operations: readonly Operation[] =
    phase === 'when'
      ? [{ op: 'insert-step', after: before, step: answer }]
      : [
          ...changingStep(resolved, step, { ...step, expect: asked.condition }),
          { op: 'insert-step', after: step.id, step: { ...answer, ...(step.expect && { expect: step.expect }) } },
        ];
  return [{ kind: 'new-question', old: '', text: asked.text, row: asked.row, similarity: 0, operations }];
}

/** A text that is there before the work is done would let the build run ahead of it. */
function careful(
  { step, failure }: RepairRequest,
  reader: TextReader,
  text: string,
  operations: readonly Operation[],
): { readonly warning?: string } {
  if (failure.phase !== 'expect') return {};
  const changed = operations.find((one) => one.op === 'replace-step' && one.id === step.id);
  if (changed?.op === 'replace-step' && satisfiedByEcho(changed.step) !== undefined)
    return { warning: 'what the step types shows it already' };
  const { before, seen } = failure;
  if (before && freshSpots(before, reader.find(before, text), seen, reader.find(seen, text)).length === 0)
    return { warning: 'it stood there before the step acted, so it says nothing about what came of it' };
  if (/(\.\.\.|…|\d ?%)$/u.test(text.trim())) return { warning: 'it seems to show while work is still going on' };
  return {};
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
function rewording({ resolved, failure }: RepairRequest, old: string, text: string): readonly Operation[] {
  const { stepId, phase } = failure;
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
  const same = <T>(part: T): T => part;
  const reworded = mapStep(step, { condition: (one) => rewordCondition(one, old, text), act: same });
  const { when, expect, repeat, prompts, first_of: branches } = step;
  switch (phase) {
    case 'when':
      return { ...reworded, ...(expect && { expect }), ...(repeat && { repeat }) };
    case 'expect':
      return {
        ...reworded,
        ...(when && { when }),
        ...(prompts && { prompts }),
        ...(branches && {
          first_of: branches.map((branch, at) => ({ ...reworded.first_of?.[at], when: branch.when })),
        }),
      };
    case 'act':
      return mapStep(step, { condition: same, act: (act) => rewordedAct(act, old, text) });
    default:
      return step;
  }
}

/** An entry that was renamed, or a text to point at. */
function rewordedAct(act: Act, old: string, text: string): Act {
  if ('menu' in act) return act.menu === old ? { ...act, menu: text } : act;
  if ('check' in act) return act.check === old ? { ...act, check: text } : act;
  if ('uncheck' in act) return act.uncheck === old ? { ...act, uncheck: text } : act;
  const place = (one: Place): Place =>
    'text' in one && textOf(one.text) === old ? { ...one, text: rewordPattern(one.text, text) } : one;
  if ('click' in act) return { ...act, click: place(act.click) };
  if ('double_click' in act) return { ...act, double_click: place(act.double_click) };
  if ('move' in act) return { ...act, move: place(act.move) };
  return 'drag' in act ? { ...act, drag: { from: place(act.drag.from), to: place(act.drag.to) } } : act;
}

function textOf(text: string | TextPattern): string | undefined {
  return typeof text === 'string' ? text : text.string;
}

function rewordPattern(pattern: string | TextPattern, text: string): string | TextPattern {
  return typeof pattern === 'string' ? text : withString(pattern, text);
}

function rewordCondition(condition: Condition, old: string, text: string): Condition {
  if ('text' in condition)
    return textOf(condition.text) === old ? { ...condition, text: rewordPattern(condition.text, text) } : condition;
  if ('any' in condition) return { ...condition, any: condition.any.map((inner) => rewordCondition(inner, old, text)) };
  if ('all' in condition) return { ...condition, all: condition.all.map((inner) => rewordCondition(inner, old, text)) };
  return condition;
}

/** The text may have moved: an area or a line that it was looked for in is not kept. */
function withString(pattern: TextPattern, string: string): TextPattern {
  return { string, ...(pattern.style && { style: pattern.style }) };
}
