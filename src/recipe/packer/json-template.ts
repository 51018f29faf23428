/** From a template in Packer's older language, JSON: everything is a text with `{{user `name`}}` in it. Pure. */
import { fillEngine } from './go-template.ts';
import { parameterMarker, secretMarker } from './marked.ts';
import { NotPure } from './not-pure.ts';
import { blocksOf, mapTexts, type Block, type Template } from './template.ts';
import { fieldOf, isFields, isList, textOfValue, type Budget, type Fields, type Value } from './value.ts';

export interface JsonInput {
  readonly name: string;
  readonly body: Fields;
  readonly given: Readonly<Record<string, string>>;
  readonly budget: Budget;
}

export function jsonTemplate({ name, body, given, budget }: JsonInput): Template {
  const parameters = new Map<string, { readonly summary?: string; readonly sensitive: boolean }>();
  const refused: { what: string; place: string; why: string }[] = [];
  const declared = fieldOf(body, 'variables');
  const sensitive = fieldOf(body, 'sensitive-variables');
  const open = new Set<string>();

  function user(variable: string): string {
    if (Object.hasOwn(given, variable)) return given[variable] ?? '';
    const standard = isFields(declared) ? fieldOf(declared, variable) : undefined;
    if (standard === undefined) throw new NotPure(`there is no variable ${variable}`);
    if (isList(sensitive) && sensitive.includes(variable)) {
      parameters.set(variable, { sensitive: true });
      return secretMarker(variable);
    }
    if (open.has(variable)) throw new NotPure(`the variable ${variable} is made of itself`);
    open.add(variable);
    try {
      if (standard !== null) return budget.deeper(() => onlyUser(textOfValue(standard)));
    } catch (error) {
      if (!(error instanceof NotPure) || /is made of itself/.test(error.message)) throw error;
      refused.push({ what: `variable ${variable}`, place: name, why: `${error.message}; it is a parameter` });
    } finally {
      open.delete(variable);
    }
    parameters.set(variable, { sensitive: false });
    return parameterMarker(variable);
  }

  /** Other calls are filled in where the value is used; what looks outside is no value. */
  function onlyUser(text: string): string {
    budget.spend(text.length);
    return text.replaceAll(/\{\{-?\s*(user|env)\s[^{}]*\}\}/g, (call) => {
      const value = fillEngine(call, { name: '', user });
      budget.spend(value.length);
      return value;
    });
  }

  const evaluate = (value: Value): Value => mapTexts(value, onlyUser);
  const blocks = (word: string): Block[] =>
    blocksOf(fieldOf(body, word)).map((fields, index) => block(fields, `${name}: ${word}[${index}]`));
  function block(fields: Fields, place: string): Block {
    const type = fieldOf(fields, 'type');
    const called = fieldOf(fields, 'name');
    const shown = typeof type === 'string' ? type : 'unknown';
    return {
      type: shown,
      name: typeof called === 'string' ? called : shown,
      place: (setting) => (setting === undefined ? place : `${place}.${setting}`),
      fields,
      evaluate,
    };
  }
  return {
    builders: blocks('builders'),
    provisioners: blocks('provisioners'),
    postProcessors: postProcessors(fieldOf(body, 'post-processors'), (fields, index) =>
      block(fields, `${name}: post-processors[${index}]`),
    ),
    parameters,
    refused: () => refused,
  };
}

/** A name, an object, or a list of both that are one after the other. */
function postProcessors(value: Value | undefined, block: (fields: Fields, index: number) => Block): Block[] {
  if (!isList(value)) return [];
  return value.flatMap((item, index) => {
    const chain = isList(item) ? item : [item];
    return chain.flatMap((one) => {
      if (typeof one === 'string') return [block({ type: one }, index)];
      return isFields(one) ? [block(one, index)] : [];
    });
  });
}
