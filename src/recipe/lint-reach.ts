/** What is never reached: steps after the machine's end, and branches that an earlier one always takes the turn of. */
import { sameCondition } from './condition-changes.ts';
import { describeCondition, partsOf, switchesOff } from './conditions.ts';
import type { Finding } from './finding.ts';
import type { Condition, Step } from './types.ts';

export function reachFindings(steps: readonly Step[], part: 'steps' | 'personalise'): Finding[] {
  const off = steps.findIndex(switchesOff);
  const last = steps[off];
  return steps.flatMap((step, index) => [
    ...(last !== undefined && index > off
      ? [unreached(step, [part, index], `the step is never reached: ${last.id} ends the machine`)]
      : []),
    ...shadowed(step).map(({ path, why }) => unreached(step, [part, index, ...path], why)),
  ]);
}

function unreached(step: Step, path: Finding['path'], message: string): Finding {
  return { severity: 'error', path, step: step.id, message };
}

interface Way {
  readonly name: string;
  readonly path: Finding['path'];
  readonly when: Condition;
}

/** Ways of one step that are never taken: whatever shows them shows an earlier one too, and that is taken first. */
function shadowed(step: Step): { readonly path: Finding['path']; readonly why: string }[] {
  const ways: readonly Way[] = [
    ...(step.first_of ?? []).map(({ when }, at) => ({ name: `first_of[${at}]`, path: ['first_of', at, 'when'], when })),
    ...(step.prompts ? [{ name: 'until', path: ['prompts', 'until'], when: step.prompts.until }] : []),
    ...(step.prompts?.table ?? []).map(({ when }, at) => ({
      name: `table[${at}]`,
      path: ['prompts', 'table', at, 'when'],
      when,
    })),
  ];
  return ways.flatMap(({ name, path, when }, index) => {
    const earlier = ways.slice(0, index).find((way) => implies(when, way.when));
    if (earlier === undefined) return [];
    const why = `${name} is never reached: whatever shows ${describeCondition(when)} shows that of ${earlier.name} too`;
    return [{ path, why }];
  });
}

/** True where a screen that meets `a` is sure to meet `b`. What cannot be told counts as false. */
export function implies(a: Condition, b: Condition): boolean {
  if (sameCondition(a, b)) return true;
  if ('any' in a) return partsOf(a).every((part) => implies(part, b));
  if ('any' in b && partsOf(b).some((part) => implies(a, part))) return true;
  if ('all' in b) return partsOf(b).every((part) => implies(a, part));
  if ('all' in a) return partsOf(a).some((part) => implies(part, b));
  if ('text' in a && 'text' in b)
    return plain(b.text) !== undefined && (anywhere(a.text)?.includes(plain(b.text) ?? '') ?? false);
  if ('serial' in a && 'serial' in b)
    return typeof a.serial === 'string' && typeof b.serial === 'string' && a.serial.includes(b.serial);
  return false;
}

type Text = Extract<Condition, { text: unknown }>['text'];

/** The string that is looked for, wherever and however it stands on the screen. */
function plain(text: Text): string | undefined {
  if (typeof text === 'string') return text;
  return text.area === undefined && text.line === undefined && text.style === undefined ? text.string : undefined;
}

function anywhere(text: Text): string | undefined {
  return typeof text === 'string' ? text : text.string;
}
