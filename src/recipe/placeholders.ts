/** `{{name}}`: where a parameter's value goes. Only in what is typed, looked for, or given to the kernel. */
import { RE2JS } from 're2js';
import { mapStep } from './conditions.ts';
import type { Act, Condition, Place, ServedFile, Step, TextPattern, ValueEscape } from './types.ts';

const PLACEHOLDER = /\{\{([^{}]*)\}\}/g;

/** Names between double braces, in order, with blanks around them removed. */
export function placeholdersIn(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER)].map(([, name]) => (name ?? '').trim());
}

/** The text without its placeholders. */
export function placeholdersCut(text: string): string {
  return text.replaceAll(PLACEHOLDER, '');
}

/** Value for a name, or undefined to leave the placeholder as it is. */
export type Values = (name: string) => string | undefined;

function fill(text: string, values: Values, escape = (value: string): string => value): string {
  return text.replaceAll(PLACEHOLDER, (whole, name: string) => {
    const value = values(name.trim());
    return value === undefined ? whole : escape(value);
  });
}

export function fillText(text: string, values: Values): string {
  return fill(text, values);
}

/** In a regular expression a value stands for itself, never for a pattern. */
function fillRegex(regex: string, values: Values): string {
  return fill(regex, values, (value) => RE2JS.quote(value));
}

export function fillStep(step: Step, values: Values): Step {
  return mapStep(step, {
    condition: (condition) => fillCondition(condition, values),
    act: (act) => fillAct(act, values),
  });
}

export function fillAct(act: Act, values: Values): Act {
  if ('type' in act) return { ...act, type: fill(act.type, values) };
  if ('key' in act) return act.until === undefined ? act : { ...act, until: fillCondition(act.until, values) };
  if ('menu' in act) return { ...act, menu: fill(act.menu, values) };
  if ('check' in act) return { ...act, check: fill(act.check, values) };
  if ('uncheck' in act) return { ...act, uncheck: fill(act.uncheck, values) };
  if ('click' in act) return { ...act, click: fillPlace(act.click, values) };
  if ('double_click' in act) return { ...act, double_click: fillPlace(act.double_click, values) };
  if ('move' in act) return { ...act, move: fillPlace(act.move, values) };
  if ('drag' in act)
    return { ...act, drag: { from: fillPlace(act.drag.from, values), to: fillPlace(act.drag.to, values) } };
  if ('serial' in act) return { ...act, serial: fill(act.serial, values) };
  if ('serve' in act) return { serve: { ...act.serve, content: fillServed(act.serve, values) } };
  return act;
}

/** The content with the values in it, each written so that it cannot become more than a value. */
export function fillServed({ content, escape = 'none', literal }: ServedFile, values: Values): string {
  return literal === true ? content : fill(content, values, ESCAPES[escape]);
}

const ESCAPES: Readonly<Record<ValueEscape, (value: string) => string>> = {
  none: (value) => value,
  // Within the quotes that the author has put around the placeholder.
  json: (value) => JSON.stringify(value).slice(1, -1),
  // With quotes of its own: the placeholder stands bare.
  shell: (value) => `'${value.replaceAll("'", `'\\''`)}'`,
  xml: (value) => value.replaceAll(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`),
};

function fillPlace(place: Place, values: Values): Place {
  return 'text' in place ? { ...place, text: fillPattern(place.text, values) } : place;
}

function fillPattern(text: string | TextPattern, values: Values): string | TextPattern {
  if (typeof text === 'string') return fill(text, values);
  const { string, regex } = text;
  return {
    ...text,
    ...(string !== undefined && { string: fill(string, values) }),
    ...(regex !== undefined && { regex: fillRegex(regex, values) }),
  };
}

export function fillCondition(condition: Condition, values: Values): Condition {
  const inner = (part: Condition): Condition => fillCondition(part, values);
  const filled: Condition = condition.progress
    ? { ...condition, progress: { ...condition.progress, text: fillRegex(condition.progress.text, values) } }
    : condition;
  if ('text' in filled) return { ...filled, text: fillPattern(filled.text, values) };
  if ('serial' in filled) {
    const { serial } = filled;
    return {
      ...filled,
      serial: typeof serial === 'string' ? fill(serial, values) : { regex: fillRegex(serial.regex, values) },
    };
  }
  if ('ocr' in filled) return { ...filled, ocr: { ...filled.ocr, text: fill(filled.ocr.text, values) } };
  if ('gone' in filled) return { ...filled, gone: inner(filled.gone) };
  if ('not' in filled) return { ...filled, not: inner(filled.not) };
  if ('any' in filled) return { ...filled, any: filled.any.map(inner) };
  if ('all' in filled) return { ...filled, all: filled.all.map(inner) };
  return filled;
}
