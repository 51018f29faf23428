/**
 * A template as both of Packer's languages say it: builders, provisioners and post-processors, each with settings that are
 * evaluated when they are asked for. What cannot be evaluated is refused there, with its place, and nowhere else.
 */
import { fillEngine, type EngineValues } from './go-template.ts';
import { MAX_DEPTH } from './limits.ts';
import { hasMarkerCharacters } from './marked.ts';
import { NotPure } from './not-pure.ts';
import { fieldOf, isFields, isList, kindOf, newFields, textOfValue, type Fields, type Value } from './value.ts';

export interface Template {
  readonly builders: readonly Block[];
  /** In their order. */
  readonly provisioners: readonly Block[];
  readonly postProcessors: readonly Block[];
  /** Variables that stand as markers in texts, with what their authors say of them. */
  readonly parameters: ReadonlyMap<string, { readonly summary?: string; readonly sensitive: boolean }>;
  /** What of the rest is not taken over, as far as it has been evaluated. */
  readonly refused: () => readonly { readonly what: string; readonly place: string; readonly why: string }[];
}

/** Where a block, or one of its settings, stands: `debian.pkr.hcl:12`. */
export type PlaceOf = (setting?: string) => string;

export interface Block {
  /** `qemu`, `shell`, `vagrant`. */
  readonly type: string;
  /** What the template calls it; the type where it has no name. */
  readonly name: string;
  readonly place: PlaceOf;
  readonly fields: Fields;
  readonly evaluate: (value: Value) => Value;
}

/** The settings of one block. Each get throws `NotPure` where it cannot be evaluated, or is of another kind. */
export class Settings {
  readonly #block: Block;
  readonly #engine: EngineValues;

  constructor(block: Block, engine: EngineValues) {
    this.#block = block;
    this.#engine = engine;
  }

  get names(): readonly string[] {
    return Object.keys(this.#block.fields);
  }

  get(name: string): Value | undefined {
    const raw = fieldOf(this.#block.fields, name);
    if (raw === undefined || raw === null) return undefined;
    const value = mapTexts(this.#block.evaluate(raw), (text) => fillEngine(text, this.#engine));
    return value === null ? undefined : value;
  }

  text(name: string): string | undefined {
    const value = this.get(name);
    return value === undefined ? undefined : textOfValue(value);
  }

  /** A list of texts; one text is a list of one. */
  texts(name: string): readonly string[] {
    const value = this.get(name);
    if (value === undefined) return [];
    return isList(value) ? value.map(textOfValue) : [textOfValue(value)];
  }

  flag(name: string): boolean {
    const value = this.get(name);
    return value === true || value === 'true';
  }

  fields(name: string): Fields {
    const value = this.get(name);
    if (value === undefined) return newFields([]);
    if (!isFields(value)) throw new NotPure(`${kindOf(value)} stands where an object belongs`);
    return value;
  }
}

export function mapTexts(value: Value, change: (text: string) => string): Value {
  if (typeof value === 'string') return change(value);
  if (isList(value)) return value.map((item) => mapTexts(item, change));
  if (isFields(value)) return newFields(Object.entries(value).map(([key, inner]) => [key, mapTexts(inner, change)]));
  return value;
}

/** Plain data from a parser, checked. Throws `NotPure` with the reason. */
export function checkedValue(value: unknown, depth = 0): Value {
  if (depth > MAX_DEPTH) throw new NotPure(`it is deeper than ${MAX_DEPTH} levels`);
  if (typeof value === 'string') {
    if (hasMarkerCharacters(value)) throw new NotPure('it has characters of private use (U+E000 to U+E003) in it');
    return value;
  }
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => checkedValue(item, depth + 1));
  if (typeof value === 'object') {
    return newFields(
      Object.entries(value).map(([key, inner]): [string, Value] => {
        if (hasMarkerCharacters(key)) throw new NotPure('it has characters of private use (U+E000 to U+E003) in it');
        return [key, checkedValue(inner, depth + 1)];
      }),
    );
  }
  throw new NotPure('it is no plain data');
}

/** Blocks as hcl2json gives them: one object for each block of that name; a single one may stand by itself. */
export function blocksOf(value: Value | undefined): readonly Fields[] {
  if (isFields(value)) return [value];
  return isList(value) ? value.filter(isFields) : [];
}
