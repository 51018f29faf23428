/** A step that types `echo done` and expects `done` is satisfied by its own typing. */
import { actsOf, describeCondition, partsOf, textOf } from './conditions.ts';
import { compileRegex } from './regex.ts';
import type { Condition, Step } from './types.ts';

/** What of the step's expectation its own typing shows, in words; undefined where the typing cannot satisfy it. */
export function satisfiedByEcho(step: Step, confirmation: Condition | undefined = step.expect): string | undefined {
  if (confirmation === undefined) return undefined;
  const typed = actsOf(step).flatMap((act) => ('type' in act && act.echo !== false ? [act.type] : []));
  // A serial line is echoed by whatever listens on it.
  const written = actsOf(step).flatMap((act) => ('serial' in act ? act.serial.split(/[\r\n]+/) : []));
  return shown(confirmation, typed, written) ? describeCondition(confirmation) : undefined;
}

function shown(condition: Condition, typed: readonly string[], written: readonly string[]): boolean {
  if ('text' in condition) {
    // Where on the screen it must be decides about these: the typing may well be somewhere else.
    if (typeof condition.text === 'object' && (condition.text.line !== undefined || condition.text.area !== undefined))
      return false;
    return holds(textOf(condition.text), typed);
  }
  if ('serial' in condition) {
    return holds(typeof condition.serial === 'string' ? { string: condition.serial } : condition.serial, written);
  }
  if ('any' in condition) return partsOf(condition).some((part) => shown(part, typed, written));
  if ('all' in condition) return partsOf(condition).every((part) => shown(part, typed, written));
  return false;
}

function holds(wanted: { readonly string: string } | { readonly regex: string }, lines: readonly string[]): boolean {
  if ('string' in wanted) return lines.some((line) => line.includes(wanted.string));
  const compiled = compileRegex(wanted.regex);
  return compiled.ok && lines.some((line) => compiled.regex.matcher(line).find());
}
