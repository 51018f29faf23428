/**
 * From a boot command to the steps of a draft: what is sent between two waits is one step, and each wait becomes
 * `expect: { still: … }` with Packer's own time in it, until `recipe harvest` has seen what shows there instead. Pure.
 */
import { chordOf } from '../keys.ts';
import { DEFAULT_KEYBOARD, strokeOn } from '../keyboards.ts';
import { MAX_ACTS, MAX_LINE_LENGTH } from '../limits.ts';
import type { Act, Step } from '../types.ts';
import type { BootEvent } from './boot-command.ts';
import { recipeDuration } from './go-duration.ts';
import { markersIn, placeholders } from './marked.ts';
import { NotPure } from './not-pure.ts';

export interface BlindSteps {
  readonly steps: readonly Step[];
  /** What was not taken over of it, in words. */
  readonly missing: readonly string[];
}

/** Where Packer waits for nothing after the last key. Milliseconds. */
const SETTLE_MS = 1_000;

export const NEVER_RUN = 'imported from Packer, which waited blindly here; run: portalgun recipe harvest';

export function blindSteps(events: readonly BootEvent[], bootWaitMs: number): BlindSteps {
  const missing: string[] = [];
  const groups = groupsOf(events, bootWaitMs, missing);
  const steps = groups.flatMap(({ acts, waitMs }) => inSteps(acts, waitMs));
  return { steps: steps.map((step, index) => ({ id: index === 0 ? 'boot' : `boot-${index + 1}`, ...step })), missing };
}

interface Group {
  readonly acts: readonly Act[];
  readonly waitMs: number;
}

function groupsOf(events: readonly BootEvent[], bootWaitMs: number, missing: string[]): Group[] {
  const groups: { acts: Act[]; waitMs: number }[] = [{ acts: [], waitMs: bootWaitMs }];
  const held: { key: string; used: boolean }[] = [];
  const put = (act: Act): void => {
    const last = groups.at(-1);
    if (last === undefined || last.waitMs > 0) groups.push({ acts: [act], waitMs: 0 });
    else last.acts.push(act);
  };
  const press = (key: string): void => {
    for (const one of held) one.used = true;
    const name = [...held.map((one) => one.key), key].join('-');
    if (chordOf(name, DEFAULT_KEYBOARD) === undefined) throw new NotPure(`there is no key ${JSON.stringify(name)}`);
    put({ key: name });
  };
  for (const event of events) {
    if (event.kind === 'wait') {
      const last = groups.at(-1);
      if (last !== undefined) last.waitMs += event.ms;
    } else if (event.kind === 'key') press(event.key);
    else if (event.kind === 'on') {
      if (!held.some(({ key }) => key === event.key)) held.push({ key: event.key, used: false });
    } else if (event.kind === 'off') {
      const at = held.findIndex(({ key }) => key === event.key);
      const [one] = at < 0 ? [] : held.splice(at, 1);
      if (one === undefined) missing.push(`${event.key} is let go of and was not held`);
      else if (!one.used) press(one.key);
    } else {
      const plain = event.text.replaceAll(/[\n\r\t]/g, '');
      if (plain !== event.text) missing.push('line breaks and tabs in a boot command press no key');
      const [only, another] = held;
      if (only?.key === 'shift' && another === undefined && /^[a-z]*$/i.test(plain)) {
        only.used = true;
        for (const act of typed(plain.toUpperCase())) put(act);
      } else if (held.length > 0) for (const char of plain) press(keyOf(char));
      else for (const act of typed(plain)) put(act);
    }
  }
  for (const { key } of held) missing.push(`${key} is never let go of`);
  return groups;
}

function keyOf(char: string): string {
  if (char === ' ') return 'space';
  const lower = char.toLowerCase();
  return lower === char ? char : `shift-${lower}`;
}

/** A single character is a command more often than text: nothing of it may show. */
function typed(plain: string): Act[] {
  const odd = Array.from(placeholdersOut(plain)).find((char) => strokeOn(DEFAULT_KEYBOARD, char) === undefined);
  if (odd !== undefined) throw new NotPure(`${JSON.stringify(odd)} is not on a US keyboard`);
  const single = /^[a-z0-9 ]$/i.test(plain);
  if (single) return [{ key: keyOf(plain) }];
  return linesOf(placeholders(plain)).map((type): Act => ({ type }));
}

function placeholdersOut(text: string): string {
  return markersIn(text).reduce((rest, { marker }) => rest.replaceAll(marker, ''), text);
}

/** A text that is longer than a line of a recipe is typed in several goes. A placeholder is not cut. */
function linesOf(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const [part] of text.matchAll(/\{\{[^{}]*\}\}|[^]/gu)) {
    if (line.length + part.length > MAX_LINE_LENGTH) {
      lines.push(line);
      line = '';
    }
    line += part;
  }
  return line === '' ? lines : [...lines, line];
}

/** A step has so many acts at most: a long group is several steps, which wait shortly for each other. */
function inSteps(acts: readonly Act[], waitMs: number): Omit<Step, 'id'>[] {
  const parts: (readonly Act[])[] = [];
  for (let from = 0; from < acts.length; from += MAX_ACTS) parts.push(acts.slice(from, from + MAX_ACTS));
  if (parts.length === 0) parts.push([]);
  return parts.map((part, index) => {
    const still = recipeDuration(index === parts.length - 1 && waitMs > 0 ? waitMs : SETTLE_MS);
    return { not_run: NEVER_RUN, ...(part.length > 0 && { do: part }), expect: { still } };
  });
}
