/** Values of templates, as HCL has them, and the one budget that evaluating a template has. */
import { MAX_DEPTH, MAX_VALUE_UNITS } from './limits.ts';
import { NotPure } from './not-pure.ts';

export type Value = string | number | boolean | null | readonly Value[] | { readonly [key: string]: Value };
export type Fields = { readonly [key: string]: Value };

/** Counts what evaluation makes, so that values which double each other end soon. */
export class Budget {
  #left = MAX_VALUE_UNITS;
  #depth = 0;

  /** Characters of a text, members of a list. */
  spend(units: number): void {
    this.#left -= units + 1;
    if (this.#left < 0) throw new NotPure(`evaluating the template makes more than ${MAX_VALUE_UNITS} characters`);
  }

  /** One level further in: of an expression, and of what the values that it names are made of. */
  deeper<T>(read: () => T): T {
    if (this.#depth >= MAX_DEPTH) throw new NotPure(`an expression is deeper than ${MAX_DEPTH} levels`);
    this.#depth += 1;
    try {
      return read();
    } finally {
      this.#depth -= 1;
    }
  }
}

export function isFields(value: Value | undefined): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function isList(value: Value | undefined): value is readonly Value[] {
  return Array.isArray(value);
}

/** A field that is the object's own; never one that JavaScript gives every object. */
export function fieldOf(fields: Fields, name: string): Value | undefined {
  return Object.hasOwn(fields, name) ? fields[name] : undefined;
}

/** Without a prototype: names of a template's are nobody else's. */
export function newFields(entries: Iterable<readonly [string, Value]>): Fields {
  const fields: Record<string, Value> = Object.create(null) as Record<string, Value>;
  for (const [key, value] of entries) fields[key] = value;
  return fields;
}

/** A value as text, where HCL converts it by itself. */
export function textOfValue(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new NotPure(`${kindOf(value)} stands where a text belongs`);
}

export function kindOf(value: Value): string {
  if (value === null) return 'nothing (null)';
  if (isList(value)) return 'a list';
  if (isFields(value)) return 'an object';
  return `a ${typeof value === 'string' ? 'text' : typeof value}`;
}

/** Counts all of a value. It may hold another one many times over. */
export function spendAll(value: Value, budget: Budget): void {
  budget.spend(typeof value === 'string' ? value.length : 1);
  if (isList(value)) for (const item of value) spendAll(item, budget);
  else if (isFields(value))
    for (const [key, inner] of Object.entries(value)) {
      budget.spend(key.length);
      spendAll(inner, budget);
    }
}

/** As JSON, counted before any of it is written. */
export function jsonOf(value: Value, budget: Budget): string {
  spendAll(value, budget);
  return JSON.stringify(value);
}
