/** From files in HCL, as hcl2json gives them, to a template: variables, locals, sources and builds. Pure. */
import { evaluateTemplate, type Scope } from './expression.ts';
import { MAX_VERDICTS } from './limits.ts';
import { parameterMarker, secretMarker } from './marked.ts';
import { NotPure } from './not-pure.ts';
import { blocksOf, type Block, type PlaceOf, type Template } from './template.ts';
import {
  fieldOf,
  isFields,
  isList,
  newFields,
  spendAll,
  textOfValue,
  type Budget,
  type Fields,
  type Value,
} from './value.ts';

export interface HclFile {
  readonly name: string;
  readonly text: string;
  readonly body: Fields;
}

export interface HclInput {
  readonly files: readonly HclFile[];
  /** Bodies of variable files, the later ones before the earlier ones. */
  readonly variables: readonly HclFile[];
  /** From the command line. */
  readonly given: Readonly<Record<string, string>>;
  readonly budget: Budget;
  readonly file: (path: string) => string;
}

export function hclTemplate(input: HclInput): Template {
  const world = new World(input);
  const sources = input.files.flatMap((file) =>
    labelled(file, 'source', 2).map(({ labels: [type = '', name = ''], body, place }) => ({
      file,
      type,
      name,
      body,
      place,
    })),
  );
  const builders: Block[] = [];
  const provisioners: Block[] = [];
  const postProcessors: Block[] = [];
  for (const file of input.files) {
    for (const build of blocksOf(fieldOf(file.body, 'build'))) {
      const inner = labelledIn(file, build, 'source', 1);
      const named = world.namesOf(build, file);
      for (const { type, name, body, place } of sources) {
        const own = inner.find(
          ({ labels }) => labels[0] === `source.${type}.${name}` || labels[0] === `${type}.${name}`,
        );
        if (own === undefined && !named.includes(`source.${type}.${name}`) && !named.includes(`${type}.${name}`))
          continue;
        const fields = newFields([...Object.entries(body), ...Object.entries(own?.body ?? {})]);
        builders.push({ type, name, place, fields, evaluate: world.evaluateFor({ type, name }) });
      }
      const blocks = (word: string): readonly Block[] =>
        inOrder(
          file,
          word,
          labelledIn(file, build, word, 1).map(({ labels: [type = ''], body, place }) => ({
            type,
            name: type,
            place,
            fields: body,
            evaluate: world.evaluateFor(undefined),
          })),
        );
      provisioners.push(...blocks('provisioner'));
      postProcessors.push(...blocks('post-processor'));
      for (const group of blocksOf(fieldOf(build, 'post-processors'))) {
        for (const {
          labels: [type = ''],
          body,
          place,
        } of labelledIn(file, group, 'post-processor', 1))
          postProcessors.push({ type, name: type, place, fields: body, evaluate: world.evaluateFor(undefined) });
      }
    }
  }
  const used = new Set(builders.map(({ type, name }) => `${type}.${name}`));
  const refused = () => [
    ...input.files
      .flatMap((file) => labelled(file, 'data', 2))
      .map(({ labels, place }) => ({
        what: `data.${labels.join('.')}`,
        place: place(),
        why: 'what it stands for is asked of the world outside at each build',
      })),
    ...sources
      .filter(({ type, name }) => !used.has(`${type}.${name}`))
      .map(({ type, name, place }) => ({
        what: `${type}.${name}`,
        place: place(),
        why: 'no build uses this source',
      })),
  ];
  return {
    builders,
    provisioners,
    postProcessors,
    parameters: world.parameters,
    refused: () => [...refused(), ...world.refused],
  };
}

/** Variables and locals, each evaluated once, when it is first named. */
class World {
  readonly parameters = new Map<string, { readonly summary?: string; readonly sensitive: boolean }>();
  readonly refused: { what: string; place: string; why: string }[] = [];
  readonly #input: HclInput;
  readonly #values = new Map<string, Value>();
  readonly #open = new Set<string>();
  readonly #variables = new Map<string, { readonly body: Fields; readonly place: PlaceOf }>();
  readonly #locals = new Map<string, { readonly value: Value; readonly sensitive: boolean }>();
  readonly #sources = new Map<string, string[]>();

  constructor(input: HclInput) {
    this.#input = input;
    for (const file of input.files) {
      for (const { labels, body, place } of labelled(file, 'variable', 1))
        this.#variables.set(labels[0] ?? '', { body, place });
      for (const block of blocksOf(fieldOf(file.body, 'variables')))
        for (const [name, value] of Object.entries(block))
          this.#variables.set(name, { body: newFields([['default', value]]), place: placeIn(file, 'variables') });
      for (const block of blocksOf(fieldOf(file.body, 'locals')))
        for (const [name, value] of Object.entries(block)) this.#locals.set(name, { value, sensitive: false });
      for (const { labels, body } of labelled(file, 'local', 1)) {
        const sensitive = fieldOf(body, 'sensitive') === true;
        this.#locals.set(labels[0] ?? '', { value: fieldOf(body, 'expression') ?? null, sensitive });
      }
      for (const { labels } of labelled(file, 'source', 2)) {
        const [type = '', name = ''] = labels;
        this.#sources.set(type, [...(this.#sources.get(type) ?? []), name]);
      }
    }
  }

  evaluateFor(source: { readonly type: string; readonly name: string } | undefined): (value: Value) => Value {
    const { budget, file } = this.#input;
    const scope: Scope = { budget, file, reference: (root, name) => this.#reference(root, name, source) };
    return (value) => {
      const result = evaluateDeep(value, scope);
      spendAll(result, budget);
      return result;
    };
  }

  /** The sources that a build names. One that cannot be evaluated is nobody's. */
  namesOf(build: Fields, file: HclFile): readonly string[] {
    const listed = fieldOf(build, 'sources');
    if (listed === undefined) return [];
    try {
      const names = this.evaluateFor(undefined)(listed);
      return isList(names) ? names.filter((name) => typeof name === 'string') : [];
    } catch (error) {
      if (!(error instanceof NotPure)) throw error;
      this.refused.push({ what: 'build.sources', place: placeIn(file, 'build')('sources'), why: error.message });
      return [];
    }
  }

  #reference(root: string, name: string, source: { readonly type: string; readonly name: string } | undefined): Value {
    if (root === 'path' && name === 'root') return '.';
    if (root === 'source' && source !== undefined && (name === 'name' || name === 'type')) return source[name];
    // In `sources` they stand for themselves: `source.qemu.debian`.
    if (root === 'source')
      return newFields((this.#sources.get(name) ?? []).map((one) => [one, `source.${name}.${one}`]));
    if (root !== 'var' && root !== 'local') throw new NotPure(`${root}.${name} is known only while Packer builds`);
    const key = `${root}.${name}`;
    const found = this.#values.get(key);
    if (found !== undefined) return found;
    if (this.#open.has(key)) throw new NotPure(`${key} is made of itself`);
    this.#open.add(key);
    try {
      const value = root === 'var' ? this.#variable(name) : this.#local(name);
      this.#values.set(key, value);
      return value;
    } finally {
      this.#open.delete(key);
    }
  }

  #variable(name: string): Value {
    const { given, variables } = this.#input;
    if (Object.hasOwn(given, name)) return given[name] ?? '';
    const declared = this.#variables.get(name);
    if (declared === undefined) throw new NotPure(`there is no variable ${name}`);
    const { body, place } = declared;
    const described = fieldOf(body, 'description');
    const sensitive = fieldOf(body, 'sensitive') === true;
    const parameter = { ...(typeof described === 'string' && described !== '' && { summary: described }), sensitive };
    if (sensitive) {
      this.parameters.set(name, parameter);
      return secretMarker(name);
    }
    const evaluate = this.evaluateFor(undefined);
    for (const file of variables) {
      const value = fieldOf(file.body, name);
      if (value !== undefined && value !== null) return evaluate(value);
    }
    const standard = fieldOf(body, 'default');
    if (standard !== undefined && standard !== null) {
      try {
        const value = evaluate(standard);
        if (value !== null) return value;
      } catch (error) {
        if (!(error instanceof NotPure)) throw error;
        this.refused.push({
          what: `variable ${name}`,
          place: place('default'),
          why: `${error.message}; it is a parameter`,
        });
      }
    }
    this.parameters.set(name, parameter);
    return parameterMarker(name);
  }

  #local(name: string): Value {
    const local = this.#locals.get(name);
    if (local === undefined) throw new NotPure(`there is no local value ${name}`);
    if (!local.sensitive) return this.evaluateFor(undefined)(local.value);
    this.parameters.set(name, { sensitive: true });
    return secretMarker(name);
  }
}

function evaluateDeep(value: Value, scope: Scope): Value {
  if (typeof value === 'string') return evaluateTemplate(value, scope);
  if (isList(value)) return value.map((item) => evaluateDeep(item, scope));
  if (!isFields(value)) return value;
  return newFields(
    Object.entries(value).map(([key, inner]): [string, Value] => {
      const name = evaluateTemplate(key, scope);
      return [textOfValue(name), evaluateDeep(inner, scope)];
    }),
  );
}

interface Labelled {
  readonly labels: readonly string[];
  readonly body: Fields;
  readonly place: PlaceOf;
}

function labelled(file: HclFile, word: string, count: number): Labelled[] {
  return labelledIn(file, file.body, word, count);
}

/** `source "qemu" "debian" { … }` is `source.qemu.debian[0]`. */
function labelledIn(file: HclFile, within: Fields, word: string, count: number): Labelled[] {
  const walk = (value: Value | undefined, labels: readonly string[]): Labelled[] => {
    if (labels.length === count) {
      return blocksOf(value).map((body, index) => ({ labels, body, place: placeIn(file, word, labels, index) }));
    }
    return blocksOf(value).flatMap((fields) =>
      Object.entries(fields).flatMap(([label, inner]) => walk(inner, [...labels, label])),
    );
  };
  return walk(fieldOf(within, word), []);
}

/** hcl2json groups blocks by their label; in which order they stood is read from the text. */
function inOrder(file: HclFile, word: string, blocks: readonly Block[]): readonly Block[] {
  const order = [...file.text.matchAll(new RegExp(`^[ \\t]*${word}[ \\t]+"?([\\w.-]+)"?[ \\t]*\\{`, 'gm'))].map(
    ([, type]) => type,
  );
  const left = [...blocks];
  const sorted = order.flatMap((type): Block[] => {
    const at = left.findIndex((block) => block.type === type);
    return at < 0 ? [] : left.splice(at, 1);
  });
  return [...sorted, ...left];
}

/** How often a line was looked for in a file. Each time all of the file is gone through, and no more rows than these are shown. */
const looked = new WeakMap<HclFile, number>();

/** The line of the `index`th block like this, or of a setting below it. Blanks are matched within a line only. */
function placeIn(file: HclFile, word: string, labels: readonly string[] = [], index = 0): PlaceOf {
  return (setting) => {
    const before = looked.get(file) ?? 0;
    if (before >= MAX_VERDICTS) return file.name;
    looked.set(file, before + 1);
    const quoted = labels.map((label) => `[ \\t]+"?${RegExp.escape(label)}"?`).join('');
    const all = [...file.text.matchAll(new RegExp(`^[ \\t]*${word}${quoted}[ \\t]*\\{`, 'gm'))];
    const at = (all[index] ?? all[0])?.index;
    if (at === undefined) return file.name;
    const within = file.text.slice(at);
    const inside =
      setting === undefined
        ? 0
        : (new RegExp(`^[ \\t]*${RegExp.escape(setting)}[ \\t]*=`, 'm').exec(within)?.index ?? 0);
    return `${file.name}:${file.text.slice(0, at + inside).split('\n').length}`;
  };
}
