/** A step that types `echo done` and expects `done` is satisfied by its own typing. */
import { actListsOf, actsOf, describeCondition, partsOf, placesOf, textOf } from './conditions.ts';
import { compileRegex, MIN_TELLING_LENGTH } from './regex.ts';
import type { Act, Condition, Step } from './types.ts';

/**
 * What confirms an acting step: its own `expect`, the ends of its rounds and questions, or else what the next step waits
 * for first. Where there are several, each of them is one that typing must not satisfy.
 */
export function confirmationOf(step: Step, next: Step | undefined): Condition | undefined {
  const { own, enough } = ownConfirmations(step);
  const begins = enough ? undefined : next && beginningOf(next);
  const all = [...own, ...(begins ? [begins] : [])];
  return all.length > 1 ? { any: all } : all[0];
}

/** What the step waits for after it has sent something; `enough` where that is so on every way through it. */
export function ownConfirmations(step: Step): { readonly own: readonly Condition[]; readonly enough: boolean } {
  const { expect, repeat, prompts, first_of: branches = [] } = step;
  const acting = branches.filter((branch) => branch.do !== undefined);
  const own = [
    ...(repeat ? [repeat.until] : []),
    ...(prompts ? [prompts.until] : []),
    ...acting.flatMap((branch) => (branch.expect ? [branch.expect] : [])),
    ...(expect ? [expect] : []),
  ];
  const everyBranch = acting.length > 0 && acting.every((branch) => branch.expect !== undefined);
  return { own, enough: expect !== undefined || repeat !== undefined || prompts !== undefined || everyBranch };
}

/** What a step waits for before it sends anything. */
export function beginningOf(step: Step): Condition | undefined {
  if (step.when !== undefined) return step.when;
  const asked = [...(step.first_of ?? []), ...(step.prompts?.table ?? [])].map(({ when }) => when);
  if (asked.length > 0) return { any: step.prompts ? [...asked, step.prompts.until] : asked };
  return actsOf(step).length === 0 ? step.expect : undefined;
}

/**
 * What of the step's expectation its own typing shows, in words; undefined where the typing cannot satisfy it. With
 * `anywhere`, a place on the screen and a prompt before the text are no excuse: for judging somebody else's change.
 */
export function satisfiedByEcho(
  step: Step,
  confirmation: Condition | undefined = step.expect,
  anywhere = false,
): string | undefined {
  if (confirmation === undefined) return undefined;
  const single = actsOf(step).flatMap((act) => ('type' in act && act.echo !== false ? [act.type] : []));
  const typed = anywhere ? [...single, ...typedLines(step)].flatMap((line) => PROMPTS.map((at) => at + line)) : single;
  // A serial line is echoed by whatever listens on it.
  const written = actsOf(step).flatMap((act) => ('serial' in act ? act.serial.split(/[\r\n]+/) : []));
  return shown(confirmation, typed, written, anywhere) ? describeCondition(confirmation) : undefined;
}

/** What may stand before typed text. */
const PROMPTS: readonly string[] = ['', '# ', '~ # ', '$ ', '> ', 'grub> ', 'login: ', ': '];

/** What stands in one row after several acts: texts and single characters up to a key that writes none. */
function typedLines(step: Step): string[] {
  return actListsOf(step).flatMap(({ acts }) => {
    const lines = [''];
    const put = (text: string): void => void lines.push((lines.pop() ?? '') + text);
    for (const act of acts) {
      if ('type' in act && act.echo !== false) put(act.type);
      else
        for (const key of keysOf(act))
          if (key.length === 1) put(key);
          else if (ENDS_LINE.test(key)) lines.push('');
    }
    return lines.filter((line) => line !== '');
  });
}

/** Other keys, and acts that press none, leave the text where it is: what follows may stand right behind it. */
const ENDS_LINE = /^(enter|return|ret)$|.-./i;

function keysOf(act: Act): readonly string[] {
  if ('key' in act) return [act.key];
  if ('keys' in act) return act.keys;
  return 'hold' in act ||
    'release' in act ||
    'layout' in act ||
    'serve' in act ||
    'insert' in act ||
    'eject' in act ||
    placesOf(act).length > 0
    ? []
    : ['enter'];
}

function shown(condition: Condition, typed: readonly string[], written: readonly string[], anywhere: boolean): boolean {
  if ('text' in condition) {
    // Where on the screen it must be decides about these: the typing may well be somewhere else.
    const placed =
      typeof condition.text === 'object' && (condition.text.line !== undefined || condition.text.area !== undefined);
    if (placed && !anywhere) return false;
    const wanted = textOf(condition.text);
    return holds(wanted, typed) || (anywhere && 'string' in wanted && endsWithTyped(wanted.string, typed));
  }
  if ('serial' in condition) {
    return holds(typeof condition.serial === 'string' ? { string: condition.serial } : condition.serial, written);
  }
  if ('any' in condition) return partsOf(condition).some((part) => shown(part, typed, written, anywhere));
  if ('all' in condition) return partsOf(condition).every((part) => shown(part, typed, written, anywhere));
  return false;
}

function holds(wanted: { readonly string: string } | { readonly regex: string }, lines: readonly string[]): boolean {
  if ('string' in wanted) return lines.some((line) => line.includes(wanted.string));
  const compiled = compileRegex(wanted.regex);
  return compiled.ok && lines.some((line) => compiled.regex.matcher(line).find());
}

/** A prompt, then the beginning of what is typed: `host:~ # make`. */
function endsWithTyped(wanted: string, lines: readonly string[]): boolean {
  return lines.some((line) => {
    for (let length = Math.min(line.length, wanted.length); length >= MIN_TELLING_LENGTH; length--) {
      if (wanted.endsWith(line.slice(0, length))) return true;
    }
    return false;
  });
}
