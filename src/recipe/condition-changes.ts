/**
 * How far a changed condition reaches. Rewording is the least that a patch can do, so all that could turn a check into
 * one that always holds is not a rewording but a change of authority: a condition removed, one that matches anything,
 * one about something else (another kind), and anything inside `gone` and `not`, which hold whenever their text is wrong.
 */
import { isDeepStrictEqual } from 'node:util';
import {
  conditionName,
  describeCondition,
  eachCondition,
  matchesAnything,
  ocrDistance,
  partsOf,
} from './conditions.ts';
import type { Change } from './change.ts';
import { fillCondition } from './placeholders.ts';
import type { Condition, TextPattern } from './types.ts';

/** `name` is the field: `when`, `expect`, `first_of[0].when`. */
export function conditionChanges(
  before: Condition | undefined,
  after: Condition | undefined,
  where: string,
  name: string,
): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  // What a person compares must not read the same on both sides.
  const otherLimits = before && after && limitsOf(before) !== limitsOf(after);
  const describe = (one: Condition): string => describeCondition(one) + (otherLimits ? `, ${limitsOf(one)}` : '');
  const words = { ...(before && { before: describe(before) }), ...(after && { after: describe(after) }) };
  const change = (reason: string, reach: 'wording' | 'authority'): Change => ({
    class: reach,
    where,
    reason: `${name}: ${reason}`,
    ...words,
  });
  if (after === undefined) return [change('the condition is removed', 'authority')];
  if (before !== undefined && sameCondition(before, after)) return [change('another time limit', 'wording')];
  if (mayMatchAnything(after)) return [change('it matches almost anything', 'authority')];
  if (before === undefined) return [addedCondition(after, change)];
  const reason = unlike(before, after);
  return [reason === undefined ? change('the condition is reworded', 'wording') : change(reason, 'authority')];
}

function addedCondition(after: Condition, change: (reason: string, reach: 'wording' | 'authority') => Change): Change {
  return mayHoldFromTheStart(after)
    ? change('a condition is added that may hold from the start', 'authority')
    : change('a condition is added', 'wording');
}

/**
 * A condition that is about nothing that has to appear first: something gone, or never there; something vague; a pixel,
 * which may have its colour from the start.
 */
export function mayHoldFromTheStart(condition: Condition): boolean {
  return eachCondition(condition).some(
    (part) => 'gone' in part || 'not' in part || 'pixel' in part || mayMatchAnything(part),
  );
}

/** What a parameter may hold: nothing, one character, a number that a repetition takes for "not even once". */
const PARAMETER_VALUES: readonly string[] = ['', 'e', '0'];

/** As `matchesAnything`, whatever values the parameters in it have. */
export function mayMatchAnything(condition: Condition): boolean {
  return PARAMETER_VALUES.some((value) => matchesAnything(fillCondition(condition, () => value)));
}

/** Equal but for the time that is given. */
export function sameCondition(a: Condition, b: Condition): boolean {
  return isDeepStrictEqual(withoutPatience(a), withoutPatience(b));
}

/**
 * A watch stops a build when it is met: what makes it come more seldom takes a check away, as with `gone` and `not`.
 * Only more time, or another text beside the old one, is a rewording.
 */
export function watchConditionChanges(before: Condition, after: Condition, where: string): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  const kept = sameCondition(before, after) || partsOf(after).some((part) => sameCondition(part, before));
  if (kept && (conditionName(after) === 'any' || conditionName(after) === conditionName(before)))
    return conditionChanges(before, after, where, 'when');
  const words = { before: describeCondition(before), after: describeCondition(after) };
  const reason = 'when: the watch may never come: another text, or more to ask for, takes the old check away';
  return [{ class: 'authority', where, reason, ...words }];
}

/** Every time limit in it, at every level, in words. */
function limitsOf(condition: Condition): string {
  const limited = eachCondition(condition).flatMap((part) => {
    const { timeout, progress } = part;
    const limits = [
      ...(timeout === undefined ? [] : [`for at most ${timeout}`]),
      ...(progress === undefined ? [] : [`while "${progress.text}" changes at least every ${progress.stall}`]),
    ];
    if (limits.length === 0) return [];
    return [`${part === condition ? '' : `${describeCondition(part)} `}${limits.join(', ')}`];
  });
  return limited.length === 0 ? 'with the default time limit' : limited.join('; ');
}

/** A condition without its timeouts and progress, at every level. */
function withoutPatience(condition: Condition): unknown {
  const { timeout: _timeout, progress: _progress, ...kind } = condition;
  if ('gone' in kind) return { gone: withoutPatience(kind.gone) };
  if ('not' in kind) return { not: withoutPatience(kind.not) };
  if ('any' in kind) return { any: kind.any.map(withoutPatience) };
  if ('all' in kind) return { all: kind.all.map(withoutPatience) };
  return kind;
}

/** Why the new condition is more than a rewording of the old one, or undefined where it is one. */
function unlike(before: Condition, after: Condition): string | undefined {
  if (sameCondition(before, after)) return undefined;
  const [was, is] = [conditionName(before), conditionName(after)];
  // One text that became one of several wordings: as far as any rewording reaches, and no further.
  if (is === 'any' && was !== 'any') {
    const kept = partsOf(after).some((part) => sameCondition(part, before));
    if (kept)
      return partsOf(after)
        .map((part) => alternative(part, before))
        .find((reason) => reason !== undefined);
  }
  if (is === 'all' && was !== 'all') {
    const kept = partsOf(after).some((part) => sameCondition(part, before));
    if (kept) return undefined;
  }
  if (was !== is) return `it is about something else (${was} became ${is})`;
  if (was === 'gone' || was === 'not')
    return 'it holds whenever its text is not there, so another text could make it always hold';
  if ((was === 'text' || was === 'serial') && mayMatchAnything(after)) return 'it matches almost anything';
  if (was === 'text' && styleOf(before) !== undefined && styleOf(after) !== styleOf(before))
    return 'the text need not be highlighted any more';
  if (was === 'text' || was === 'serial') return undefined;
  if (was === 'needle' || was === 'pixel') return `another ${was}, which may be there from the start`;
  if (was === 'ocr') return unlikeOcr(before, after);
  if (was === 'any' || was === 'all') return unlikeParts(partsOf(before), partsOf(after), was);
  return 'it is about something else';
}

/** Other words in the same place, as exactly recognised as before. */
function unlikeOcr(before: Condition, after: Condition): string | undefined {
  if (!('ocr' in before && 'ocr' in after)) return 'it is about something else';
  if (!isDeepStrictEqual(before.ocr.area, after.ocr.area)) return 'the text is recognised in another place';
  const share = (ocr: typeof before.ocr): number => ocrDistance(ocr) / ocr.text.length;
  return share(after.ocr) > Math.max(share(before.ocr), 1 / 8) ? 'more of the text may be wrong' : undefined;
}

function styleOf(condition: Condition): TextPattern['style'] {
  return 'text' in condition && typeof condition.text === 'object' ? condition.text.style : undefined;
}

function alternative(part: Condition, before: Condition): string | undefined {
  if (sameCondition(part, before)) return undefined;
  if (conditionName(part) !== conditionName(before)) return 'an alternative of another kind is added';
  return unlike(before, part);
}

function unlikeParts(
  before: readonly Condition[],
  after: readonly Condition[],
  kind: 'any' | 'all',
): string | undefined {
  if (after.length < before.length) return 'a part of the condition is removed';
  for (const [index, part] of before.entries()) {
    const other = after[index];
    const reason = other === undefined ? 'a part of the condition is removed' : unlike(part, other);
    if (reason !== undefined) return reason;
  }
  const added = after.slice(before.length);
  // More parts of `all` ask for more. More parts of `any` must be other wordings of what was asked for.
  if (kind === 'all') return undefined;
  const sound = added.every(
    (part) =>
      !mayMatchAnything(part) &&
      before.some((old) => conditionName(old) === conditionName(part) && unlike(old, part) === undefined),
  );
  return sound ? undefined : 'an alternative of another kind is added';
}
