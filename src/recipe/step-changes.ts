/** How far a changed, added, removed or moved step reaches. */
import { isDeepStrictEqual } from 'node:util';
import { actName, actsOf, conditionsOf, describeAct, describeCondition, placesOf } from './conditions.ts';
import { conditionChanges, mayHoldFromTheStart, mayMatchAnything, sameCondition } from './condition-changes.ts';
import { confirmationOf, satisfiedByEcho } from './echo.ts';
import { fillStep, type Values } from './placeholders.ts';
import type { Change } from './change.ts';
import type { Act, Branch, Prompt, Repeat, ServedFile, Step } from './types.ts';

/** Keys that write no text: where such a key stood, another one is a choice. Chords and single characters are not here. */
const TEXTLESS_KEY =
  /^(enter|return|ret|esc|escape|tab|up|down|left|right|home|end|pageup|pagedown|pgup|pgdn|page_up|page_down|insert|delete|f([1-9]|1[0-2]))$/;

export function stepAdded(step: Step): Change[] {
  const where = `step ${step.id}`;
  const words = { after: describeStep(step) };
  // A step that only waits confirms the acts before it in place of the step after it: it must not hold by itself.
  const weak = actsOf(step).length > 0 ? mayMatchAnything : mayHoldFromTheStart;
  if (conditionsOf(step).some(({ condition }) => weak(condition)))
    return [
      { class: 'authority', where, reason: 'the step is new, and a condition of it matches almost anything', ...words },
    ];
  if (actsOf(step).flatMap(givenBy).length > 0)
    return [{ class: 'authority', where, reason: 'the step is new and gives the guest something', ...words }];
  if (actsOf(step).length > 0)
    return [{ class: 'sends', where, reason: 'the step is new and sends something into the guest', ...words }];
  // Branches without acts let the build go on where it would have stopped.
  if (step.first_of)
    return [{ class: 'sends', where, reason: 'the step is new and decides how the build goes on', ...words }];
  return [{ class: 'wording', where, reason: 'the step is new and only waits for something', ...words }];
}

export function stepRemoved(step: Step): Change[] {
  const words = { before: describeStep(step) };
  const reason =
    conditionsOf(step).length > 0
      ? 'the step is removed, and its conditions with it'
      : 'the step is removed, and what the build did there';
  return [{ class: 'authority', where: `step ${step.id}`, reason, ...words }];
}

export function stepMoved(step: Step, before: string, after: string): Change[] {
  const acts = actsOf(step).length > 0;
  const reason = acts
    ? 'the step is moved: things are sent in another order'
    : 'the step is moved: it no longer checks where it did';
  return [{ class: acts ? 'sends' : 'authority', where: `step ${step.id}`, reason, before, after }];
}

export function stepChanged(before: Step, after: Step): Change[] {
  const where = `step ${after.id}`;
  return [
    ...conditionChanges(before.when, after.when, where, 'when'),
    ...branchesChanged(branchesOf(before), branchesOf(after), where, 'first_of'),
    ...branchesChanged(before.prompts?.table, after.prompts?.table, where, 'prompts.table'),
    ...conditionChanges(before.prompts?.until, after.prompts?.until, where, 'prompts.until'),
    // Another entry is a choice only where it is the same menu: the one that the same `when` waits for.
    ...actsChanged(before.do, after.do, where, 'do', isDeepStrictEqual(before.when, after.when)),
    ...repeatChanged(before.repeat, after.repeat, where),
    ...conditionChanges(before.expect, after.expect, where, 'expect'),
    ...patienceChanged(before, after, where),
  ];
}

/** One step, and the one after it, which may be what confirms it. */
export type Neighbours = readonly [Step | undefined, Step | undefined];

/** A step whose typing now satisfies what should confirm it, by a change of either, or of a parameter in them. */
export function selfConfirmed(
  before: Neighbours,
  after: Neighbours,
  values: { readonly before: Values; readonly after: Values },
): Change[] {
  const [old, oldNext] = before.map((one) => one && fillStep(one, values.before));
  const [step, next] = after.map((one) => one && fillStep(one, values.after));
  if (step === undefined || actsOf(step).length === 0) return [];
  const confirmation = confirmationOf(step, next);
  const shown = satisfiedByEcho(step, confirmation, true);
  if (confirmation === undefined || shown === undefined) return [];
  const was = old && confirmationOf(old, oldNext);
  if (old && was) {
    if (sameCondition(was, confirmation) && isDeepStrictEqual(actsOf(old), actsOf(step))) return [];
    if (satisfiedByEcho(old, was) !== undefined) return [];
  }
  const reason = `the step now confirms itself: what it types already shows ${shown}`;
  return [{ class: 'authority', where: `step ${step.id}`, reason }];
}

function patienceChanged(before: Step, after: Step, where: string): Change[] {
  const fields = [
    ['summary', 'the summary for people'],
    ['not_run', 'whether its author has seen it run'],
    ['retries', 'how often it is tried again'],
    ['on_fail', 'where a new try starts'],
    ['timeout', 'how long it waits'],
    ['checkpoint', 'whether its end can be gone back to'],
  ] as const;
  return fields
    .filter(([field]) => before[field] !== after[field])
    .map(([field, words]) => ({
      class: 'wording',
      where,
      reason: `${field}: ${words}`,
      ...(before[field] !== undefined && { before: String(before[field]) }),
      ...(after[field] !== undefined && { after: String(after[field]) }),
    }));
}

/** Each with what confirms it, its own expectation or the step's. */
function branchesOf({ first_of: branches, expect }: Step): readonly Branch[] | undefined {
  return branches?.map((branch) => (branch.expect || !expect ? branch : { ...branch, expect }));
}

/**
 * `until` that holds already means that nothing is done at all: to reword it may skip the acts, which is as much as to
 * take them away.
 */
function repeatChanged(before: Repeat | undefined, after: Repeat | undefined, where: string): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  const words = { ...(before && { before: describeRepeat(before) }), ...(after && { after: describeRepeat(after) }) };
  if (after === undefined) return [{ class: 'authority', where, reason: 'repeat: its condition is removed', ...words }];
  const less = before !== undefined && sameCondition(before.until, after.until) && after.at_most <= before.at_most;
  const reach = mayHoldFromTheStart(after.until) && !less ? 'authority' : 'sends';
  const reason = less ? 'repeat: fewer rounds, or another time limit' : 'repeat: what is done again, or not at all';
  return [
    { class: less ? 'wording' : reach, where, reason, ...words },
    ...(before ? conditionChanges(before.until, after.until, where, 'repeat.until') : []),
  ];
}

/** A branch of `first_of` or a question of `prompts`. */
type Way = Branch & Pick<Prompt, 'at_most'>;

function branchesChanged(
  before: readonly Way[] | undefined,
  after: readonly Way[] | undefined,
  where: string,
  name: string,
): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [was, is] = [before ?? [], after ?? []];
  const words = {
    ...(was.length > 0 && { before: was.map(describeBranch).join('; ') }),
    ...(is.length > 0 && { after: is.map(describeBranch).join('; ') }),
  };
  if (is.length < was.length)
    return [{ class: 'authority', where, reason: `${name}: a condition is removed`, ...words }];
  const changes = was.flatMap((branch, index) => branchChanged(branch, is[index], where, `${name}[${index}]`));
  const reworded = was.some((branch, index) => !sameCondition(branch.when, is[index]?.when ?? branch.when));
  if (reworded && was.some((branch) => !isDeepStrictEqual(branch.do, was[0]?.do))) {
    // What one branch looked for may be what another one looks for now: another act is chosen without any being changed.
    changes.push({
      class: was.flatMap((branch) => branch.do ?? []).every(sendsNoText) ? 'choices' : 'sends',
      where,
      reason: `${name}: another branch may be chosen`,
      ...words,
    });
  }
  for (const branch of is.slice(was.length)) {
    const vague = [branch.when, ...(branch.expect ? [branch.expect] : [])].some(mayMatchAnything);
    changes.push({
      class: vague ? 'authority' : 'sends',
      where,
      reason: vague
        ? `${name}: a new branch matches almost anything`
        : `${name}: a new branch decides how the build goes on`,
      after: describeBranch(branch),
    });
  }
  return changes;
}

function branchChanged(before: Way, after: Way | undefined, where: string, name: string): Change[] {
  const sameMenu = isDeepStrictEqual(before.when, after?.when);
  return [
    ...conditionChanges(before.when, after?.when, where, `${name}.when`),
    ...actsChanged(before.do, after?.do, where, `${name}.do`, sameMenu),
    ...conditionChanges(before.expect, after?.expect, where, `${name}.expect`),
    ...oftener(before.at_most ?? 1, after?.at_most ?? 1, where, `${name}.at_most`),
  ];
}

function oftener(before: number, after: number, where: string, name: string): Change[] {
  if (before === after) return [];
  const reach = after > before ? 'sends' : 'wording';
  return [{ class: reach, where, reason: `${name}: how often`, before: String(before), after: String(after) }];
}

function actsChanged(
  before: readonly Act[] | undefined,
  after: readonly Act[] | undefined,
  where: string,
  name: string,
  sameMenu: boolean,
): Change[] {
  if (isDeepStrictEqual(before, after)) return [];
  const [was, is] = [before ?? [], after ?? []];
  const silenced = is.some(
    (act) =>
      'type' in act &&
      act.echo === false &&
      was.some((old) => 'type' in old && old.echo !== false && old.type === act.type) &&
      !was.some((old) => isDeepStrictEqual(old, act)),
  );
  if (silenced) {
    const words = { before: was.map(describeAct).join(', '), after: is.map(describeAct).join(', ') };
    return [{ class: 'authority', where, reason: `${name}: what is typed is no longer read back`, ...words }];
  }
  const reach = reachOf(was, is, where, name);
  if (reach !== undefined) return [reach];
  if (was.length !== is.length) {
    return [
      {
        class: 'sends',
        where,
        reason: `${name}: something else is sent into the guest`,
        ...(was.length > 0 && { before: was.map(describeAct).join(', ') }),
        ...(is.length > 0 && { after: is.map(describeAct).join(', ') }),
      },
    ];
  }
  return was.flatMap((act, index) => {
    const other = is[index];
    if (other === undefined || isDeepStrictEqual(act, other)) return [];
    const reached = sameMenu && isDeepStrictEqual(was.slice(0, index), is.slice(0, index));
    return [actChanged(act, other, where, name, reached)];
  });
}

/** What the guest is given beyond keys and clicks: which files it finds, what is in its drives. Only a person may change that. */
function reachOf(was: readonly Act[], is: readonly Act[], where: string, name: string): Change | undefined {
  if (isDeepStrictEqual(was.flatMap(givenBy), is.flatMap(givenBy))) return undefined;
  const words = { before: was.map(describeAct).join(', '), after: is.map(describeAct).join(', ') };
  return { class: 'authority', where, reason: `${name}: what the guest is given changes`, ...words };
}

/** The content of a served file is not here: to change it is to send something else, as by typing. */
function givenBy(act: Act): readonly unknown[] {
  if ('serve' in act) return [['serve', act.serve.file]];
  return 'insert' in act || 'eject' in act ? [act] : [];
}

/** The lines in which two contents differ, some of them. */
function contentChanged(before: ServedFile, after: ServedFile, where: string, name: string): Change {
  const [was, is] = [before.content.split('\n'), after.content.split('\n')];
  const lines = (these: readonly string[], those: readonly string[]): string => {
    const differing = these.filter((line) => !those.includes(line));
    const shown = differing.slice(0, 5).map((line) => JSON.stringify(line));
    return [...shown, ...(differing.length > 5 ? [`and ${differing.length - 5} more lines`] : [])].join(', ');
  };
  const other = isDeepStrictEqual([before.escape, before.literal], [after.escape, after.literal]);
  return {
    class: other ? 'sends' : 'authority',
    where,
    reason: other
      ? `${name}: the file ${before.file} says something else`
      : `${name}: the values in the file ${before.file} are written in another way`,
    before: lines(was, is) || 'the same lines, in another order or number',
    after: lines(is, was) || 'the same lines, in another order or number',
  };
}

function actChanged(before: Act, after: Act, where: string, name: string, sameMenu: boolean): Change {
  if ('serve' in before && 'serve' in after) return contentChanged(before.serve, after.serve, where, name);
  const words = { before: describeAct(before), after: describeAct(after) };
  if (isEntry(before) && isEntry(after) && 'menu' in before === 'menu' in after) {
    return sameMenu
      ? { class: 'choices', where, reason: `${name}: another entry of the same menu`, ...words }
      : { class: 'sends', where, reason: `${name}: another entry of what may be another menu`, ...words };
  }
  if (sameMenu && pointsAtOther(before, after))
    return { class: 'choices', where, reason: `${name}: another place of the same screen, by its text`, ...words };
  const [was, is] = [keysOf(before), keysOf(after)];
  if (
    was !== undefined &&
    is !== undefined &&
    was.length === is.length &&
    [...was, ...is].every((key) => TEXTLESS_KEY.test(key.toLowerCase()))
  ) {
    return { class: 'choices', where, reason: `${name}: another key, without text`, ...words };
  }
  if ('type' in before && 'type' in after && before.echo !== false && after.echo === false) {
    return { class: 'authority', where, reason: `${name}: what is typed is no longer read back`, ...words };
  }
  return { class: 'sends', where, reason: `${name}: something else is sent into the guest`, ...words };
}

function sendsNoText(act: Act): boolean {
  if (isEntry(act)) return true;
  if (placesOf(act).length > 0) return true;
  return keysOf(act)?.every((key) => TEXTLESS_KEY.test(key.toLowerCase())) === true;
}

/** An entry of a list, chosen, ticked or unticked. */
function isEntry(act: Act): boolean {
  return 'menu' in act || 'check' in act || 'uncheck' in act;
}

/** The same click, on another text. A point says nothing about what it hits, and so is never a mere choice. */
function pointsAtOther(before: Act, after: Act): boolean {
  const kind = actName(before);
  if ((kind !== 'click' && kind !== 'double_click') || kind !== actName(after)) return false;
  const [was, is] = [placesOf(before)[0], placesOf(after)[0]];
  if (was === undefined || is === undefined || !('text' in was) || !('text' in is)) return false;
  const buttons = [before, after].map((act) => ('button' in act ? act.button : undefined));
  const sameWay = buttons[0] === buttons[1] && isDeepStrictEqual(was.offset, is.offset);
  // However short a string is: what stands there twice is not clicked on.
  const vague = typeof is.text === 'object' && is.text.regex !== undefined && mayMatchAnything({ text: is.text });
  return sameWay && !vague;
}

/** A key that is pressed until something is seen may be pressed any number of times: no mere choice. */
function keysOf(act: Act): readonly string[] | undefined {
  if ('key' in act) return act.until === undefined ? [act.key] : undefined;
  return 'keys' in act ? act.keys : undefined;
}

function describeBranch(branch: Way): string {
  const acts = (branch.do ?? []).map(describeAct).join(', ');
  const times = branch.at_most === undefined ? '' : `, at most ${branch.at_most} times`;
  const then = branch.expect === undefined ? '' : `, expect ${describeCondition(branch.expect)}`;
  return `if ${describeCondition(branch.when)}: ${acts === '' ? 'go on' : acts}${times}${then}`;
}

function describeRepeat({ until, at_most: rounds }: Repeat): string {
  return `again, at most ${rounds} times, until there is ${describeCondition(until)}`;
}

/** A whole step in one sentence. */
export function describeStep(step: Step): string {
  const parts = [
    step.when ? `when ${describeCondition(step.when)}` : '',
    (step.do ?? []).map(describeAct).join(', '),
    step.repeat ? describeRepeat(step.repeat) : '',
    (step.first_of ?? []).map(describeBranch).join('; '),
    (step.prompts?.table ?? []).map(describeBranch).join('; '),
    step.prompts ? `until there is ${describeCondition(step.prompts.until)}` : '',
    step.expect ? `expect ${describeCondition(step.expect)}` : '',
    step.checkpoint === true ? 'checkpoint' : '',
  ];
  return parts.filter((part) => part !== '').join('; ');
}
