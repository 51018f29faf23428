/**
 * The functions of templates that are values of their arguments alone. `file` reads what was read of the template's own
 * folder before. A text that holds a value that nobody has given yet may be joined and formatted; whatever would look into
 * it needs the value.
 */
import { Buffer } from 'node:buffer';
import { known } from './marked.ts';
import { NotPure } from './not-pure.ts';
import {
  fieldOf,
  isFields,
  isList,
  jsonOf,
  kindOf,
  newFields,
  textOfValue,
  type Budget,
  type Fields,
  type Value,
} from './value.ts';

export interface FunctionContext {
  readonly budget: Budget;
  /** The text of a file of the template's folder, by its path from there. Throws `NotPure` where there is none. */
  readonly file: (path: string) => string;
}

type Pure = (args: readonly Value[], context: FunctionContext) => Value;

/** What depends on the moment, the machine or another machine, each with the reason. */
const IMPURE: ReadonlyMap<string, string> = new Map([
  ['env', 'the environment of whoever builds is not read'],
  ['timestamp', 'it is another one each time'],
  ['formatdate', 'times are not evaluated'],
  ['uuidv4', 'it is another one each time'],
  ['bcrypt', 'it is another one each time'],
  ['vault', 'no secret store is asked'],
  ['consul_key', 'no other machine is asked'],
  ['aws_secretsmanager', 'no secret store is asked'],
]);

export function callFunction(name: string, args: readonly Value[], context: FunctionContext): Value {
  const reason = IMPURE.get(name);
  if (reason !== undefined) throw new NotPure(`${name}(…): ${reason}`);
  const pure = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (pure === undefined) throw new NotPure(`the function ${name}(…) is not evaluated`);
  // What comes out is rarely more than what goes in; the functions that can make more count it themselves.
  for (const arg of args) context.budget.spend(sizeOf(arg));
  try {
    return pure(args, context);
  } catch (error) {
    if (error instanceof NotPure) throw new NotPure(`${name}(…): ${error.message}`);
    throw error;
  }
}

function sizeOf(value: Value): number {
  if (typeof value === 'string') return value.length;
  return isList(value) ? value.length : isFields(value) ? Object.keys(value).length : 1;
}

const FUNCTIONS: Readonly<Record<string, Pure>> = {
  abs: (args) => Math.abs(number(args, 0)),
  ceil: (args) => Math.ceil(number(args, 0)),
  floor: (args) => Math.floor(number(args, 0)),
  max: (args) => args.reduce<number>((most, _, at) => Math.max(most, number(args, at)), -Infinity),
  min: (args) => args.reduce<number>((least, _, at) => Math.min(least, number(args, at)), Infinity),
  lower: (args) => text(args, 0).toLowerCase(),
  upper: (args) => text(args, 0).toUpperCase(),
  trimspace: (args) => text(args, 0).trim(),
  chomp: (args) => text(args, 0).replace(/[\r\n]+$/, ''),
  trimprefix: (args) =>
    text(args, 0).startsWith(text(args, 1)) ? text(args, 0).slice(text(args, 1).length) : text(args, 0),
  trimsuffix: (args) =>
    text(args, 0).endsWith(text(args, 1))
      ? text(args, 0).slice(0, text(args, 0).length - text(args, 1).length)
      : text(args, 0),
  replace: (args, { budget }) => {
    const [all, old, now] = [text(args, 0), text(args, 1), joined(args, 2)];
    if (/^\/.*\/$/.test(old)) throw new NotPure('regular expressions are not evaluated');
    if (old === '') return all;
    const parts = all.split(old);
    budget.spend(parts.length * now.length);
    return parts.join(now);
  },
  substr: (args) => {
    const [all, from, length] = [Array.from(text(args, 0)), number(args, 1), number(args, 2)];
    const start = from < 0 ? all.length + from : from;
    return all.slice(start, length < 0 ? undefined : start + length).join('');
  },
  split: (args) => text(args, 1).split(text(args, 0)),
  join: (args, { budget }) => {
    const between = joined(args, 0);
    const texts = args.slice(1).flatMap((_, at) => list(args, at + 1).map(textOfValue));
    for (const one of texts) budget.spend(one.length + between.length);
    return texts.join(between);
  },
  format: (args, { budget }) => format(text(args, 0), args.slice(1), budget),
  concat: (args) => args.flatMap((_, at) => list(args, at)),
  length: (args) => sizeOf(typeof args[0] === 'string' ? known(args[0]) : (args[0] ?? null)),
  element: (args) => {
    const items = list(args, 0);
    const item = items[number(args, 1) % items.length];
    if (item === undefined) throw new NotPure('the list has no such element');
    return item;
  },
  lookup: (args) => {
    const found = fieldOf(fields(args, 0), text(args, 1)) ?? args[2];
    if (found === undefined) throw new NotPure('the object has no such field');
    return found;
  },
  keys: (args) => Object.keys(fields(args, 0)).sort((a, b) => (a < b ? -1 : 1)),
  values: (args) =>
    Object.entries(fields(args, 0))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, value]) => value),
  merge: (args) => newFields(args.flatMap((_, at) => Object.entries(fields(args, at)))),
  contains: (args, { budget }) => {
    const wanted = known(jsonOf(args[1] ?? null, budget));
    return list(args, 0).some((item) => jsonOf(item, budget) === wanted);
  },
  coalesce: (args) => args.find((item) => item !== null && item !== '') ?? null,
  compact: (args) => list(args, 0).filter((item) => item !== null && item !== ''),
  distinct: (args, { budget }) => [...new Map(list(args, 0).map((item) => [jsonOf(item, budget), item])).values()],
  flatten: (args, { budget }) => {
    for (const item of list(args, 0)) budget.spend(sizeOf(item));
    return list(args, 0).flatMap((item) => (isList(item) ? item : [item]));
  },
  reverse: (args) => list(args, 0).toReversed(),
  sort: (args) =>
    list(args, 0)
      .map((item) => known(textOfValue(item)))
      .sort((a, b) => (a < b ? -1 : 1)),
  tostring: (args) => joined(args, 0),
  tonumber: (args) => number(args, 0),
  tolist: (args) => list(args, 0),
  toset: (args) => list(args, 0),
  base64encode: (args) => Buffer.from(text(args, 0)).toString('base64'),
  jsonencode: (args, { budget }) => jsonOf(args[0] ?? null, budget),
  urlencode: (args) => encodeURIComponent(text(args, 0)),
  file: (args, context) => context.file(text(args, 0)),
  templatefile: () => {
    throw new NotPure('templates in files are not evaluated');
  },
};

/** A text that is looked into: all of it must be known. */
function text(args: readonly Value[], at: number): string {
  return known(joined(args, at));
}

function joined(args: readonly Value[], at: number): string {
  const value = args[at];
  if (value === undefined) throw new NotPure(`argument ${at + 1} is missing`);
  return textOfValue(value);
}

function number(args: readonly Value[], at: number): number {
  const value = args[at];
  if (typeof value === 'number') return value;
  const found = Number(text(args, at));
  if (!Number.isFinite(found)) throw new NotPure(`argument ${at + 1} is no number`);
  return found;
}

function list(args: readonly Value[], at: number): readonly Value[] {
  const value = args[at];
  if (!isList(value))
    throw new NotPure(`argument ${at + 1} is ${value === undefined ? 'missing' : kindOf(value)}, not a list`);
  return value;
}

function fields(args: readonly Value[], at: number): Fields {
  const value = args[at];
  if (!isFields(value))
    throw new NotPure(`argument ${at + 1} is ${value === undefined ? 'missing' : kindOf(value)}, not an object`);
  return value;
}

/** Go's verbs, as far as templates use them. */
function format(pattern: string, args: readonly Value[], budget: Budget): string {
  let next = 0;
  return pattern.replaceAll(/%(-?0?\d*)([a-zA-Z%])/g, (_, width: string, verb: string) => {
    if (verb === '%') return '%';
    const value = args[next];
    next += 1;
    if (value === undefined) throw new NotPure('a value is missing for its pattern');
    const shown = verb === 'd' ? String(Math.trunc(Number(known(textOfValue(value))))) : textOfValue(value);
    if (!'sdvq'.includes(verb)) throw new NotPure(`%${verb} is not evaluated`);
    const quoted = verb === 'q' ? JSON.stringify(shown) : shown;
    const columns = Math.min(Math.abs(Number(width)), 1_000);
    budget.spend(quoted.length + columns);
    return width.startsWith('-') ? quoted.padEnd(columns) : quoted.padStart(columns, width.startsWith('0') ? '0' : ' ');
  });
}
