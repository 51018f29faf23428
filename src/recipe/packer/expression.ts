/**
 * HCL's expressions, evaluated purely: literals, references, operators, conditionals, texts with values in them, and
 * functions of a list (functions.ts). There is no loop, no file but those of the folder, no environment and no clock; what
 * else the language has is `NotPure`. After HCL's native syntax specification (hashicorp/hcl, hclsyntax/spec.md).
 */
import { callFunction, type FunctionContext } from './functions.ts';
import { hasMarkerCharacters, known } from './marked.ts';
import { NotPure } from './not-pure.ts';
import { fieldOf, isFields, isList, jsonOf, kindOf, newFields, textOfValue, type Budget, type Value } from './value.ts';

export interface Scope extends FunctionContext {
  /** `var.name` is `('var', 'name')`. Throws `NotPure` where there is none. */
  readonly reference: (root: string, name: string) => Value;
}

/** A text of HCL with `${…}` in it; a text that is nothing but one of them has the value's own type. */
export function evaluateTemplate(text: string, scope: Scope): Value {
  if (!/[$%]\{/.test(text)) return text;
  const parser = new Parser(text, scope);
  return parser.template(undefined);
}

const BINARY: readonly (readonly string[])[] = [
  ['||'],
  ['&&'],
  ['==', '!='],
  ['<=', '>=', '<', '>'],
  ['+', '-'],
  ['*', '/', '%'],
];

class Parser {
  readonly #text: string;
  readonly #scope: Scope;
  #at = 0;

  constructor(text: string, scope: Scope) {
    this.#text = text;
    this.#scope = scope;
  }

  /** Up to the end, or up to a closing quote: then what is between has HCL's escapes. */
  template(quote: '"' | undefined): Value {
    return this.#deeper(() => {
      const parts: Value[] = [];
      let literal = '';
      const endLiteral = (): void => {
        if (literal !== '') parts.push(literal);
        literal = '';
      };
      for (;;) {
        const char = this.#text[this.#at];
        if (char === undefined) {
          if (quote !== undefined) throw new NotPure('a text is not ended');
          break;
        }
        if (char === quote) break;
        const three = this.#text.slice(this.#at, this.#at + 3);
        if (three === '$${' || three === '%%{') {
          literal += three.slice(1);
          this.#at += 3;
        } else if (three.startsWith('${')) {
          endLiteral();
          this.#at += three[2] === '~' ? 3 : 2;
          parts.push(this.#expression());
          this.#blanks();
          if (this.#text[this.#at] === '~') throw new NotPure('a "~" that strips blanks is not read');
          this.#expect('}');
        } else if (three.startsWith('%{')) throw new NotPure('a directive %{…} in a text is not evaluated');
        else if (char === '\\' && quote !== undefined) literal += this.#escape();
        else {
          literal += char;
          this.#at += 1;
        }
      }
      endLiteral();
      if (parts.length === 1 && parts[0] !== undefined) return parts[0];
      const texts = parts.map(textOfValue);
      // Before they are put together: a few long texts, named often, are more than there is memory for.
      for (const one of texts) this.#scope.budget.spend(one.length);
      return texts.join('');
    });
  }

  #escape(): string {
    const [all, simple, four, eight] =
      /^\\(?:([nrt"\\])|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8}))/.exec(this.#text.slice(this.#at, this.#at + 10)) ?? [];
    if (all === undefined) throw new NotPure('an escape in a text is unknown');
    this.#at += all.length;
    if (simple !== undefined) return { n: '\n', r: '\r', t: '\t' }[simple] ?? simple;
    const code = Number.parseInt(four ?? eight ?? '', 16);
    // Half a surrogate pair is none either.
    if (code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
      throw new NotPure('an escape in a text names no character');
    const character = String.fromCodePoint(code);
    if (hasMarkerCharacters(character)) throw new NotPure('an escape in a text names a character of private use');
    return character;
  }

  #deeper<T>(read: () => T): T {
    return this.#scope.budget.deeper(() => {
      this.#scope.budget.spend(1);
      return read();
    });
  }

  #expression(): Value {
    return this.#deeper(() => {
      const condition = this.#binary(0);
      if (!this.#take('?')) return condition;
      // Both sides are read; the one that is not taken may be what cannot be evaluated.
      const yes = this.#attempt(() => this.#expression());
      this.#expect(':');
      const no = this.#attempt(() => this.#expression());
      const taken = truth(condition) ? yes : no;
      if (taken instanceof NotPure) throw taken;
      return taken;
    });
  }

  /** What could not be evaluated is passed over. */
  #attempt(read: () => Value): Value | NotPure {
    const start = this.#at;
    try {
      return read();
    } catch (error) {
      if (!(error instanceof NotPure)) throw error;
      this.#at = start;
      this.#skip();
      return error;
    }
  }

  /** To the end of the side of a conditional: its `:`, or what closes around it. */
  #skip(): void {
    let open = 0;
    for (; this.#at < this.#text.length; this.#at += 1) {
      const char = this.#text[this.#at] ?? '';
      if (char === '"') this.#skipText();
      else if ('([{'.includes(char)) open += 1;
      else if (')]}'.includes(char) || (open === 0 && ':,'.includes(char))) {
        if (open === 0) return;
        open -= 1;
      }
    }
  }

  #skipText(): void {
    for (this.#at += 1; this.#at < this.#text.length && this.#text[this.#at] !== '"'; this.#at += 1)
      if (this.#text[this.#at] === '\\') this.#at += 1;
  }

  #binary(level: number): Value {
    const operators = BINARY[level];
    if (operators === undefined) return this.#unary();
    let left = this.#binary(level + 1);
    for (;;) {
      const operator = operators.find((one) => this.#take(one));
      if (operator === undefined) return left;
      left = combine(operator, left, this.#binary(level + 1), this.#scope.budget);
    }
  }

  #unary(): Value {
    if (this.#take('!')) return this.#deeper(() => !truth(this.#unary()));
    if (this.#take('-')) return this.#deeper(() => -numberOf(this.#unary()));
    let value = this.#primary();
    for (;;) {
      this.#blanks();
      if (this.#text.startsWith('...', this.#at)) return value;
      if (this.#take('.')) {
        const step = this.#match(/(?:[A-Za-z_][\w-]*|\d+)/y);
        if (step === undefined) throw new NotPure('a splat (.*) is not evaluated');
        value = memberOf(value, step);
      } else if (this.#take('[')) {
        this.#blanks();
        if (this.#text[this.#at] === '*') throw new NotPure('a splat [*] is not evaluated');
        const key = this.#expression();
        this.#expect(']');
        value = memberOf(value, textOfValue(key));
      } else return value;
    }
  }

  #primary(): Value {
    this.#blanks();
    const char = this.#text[this.#at] ?? '';
    if (char === '"') {
      this.#at += 1;
      const text = this.template('"');
      this.#at += 1;
      return text;
    }
    if (this.#take('(')) {
      const value = this.#expression();
      this.#expect(')');
      return value;
    }
    if (this.#take('[')) return this.#list(']');
    if (this.#take('{')) return this.#object();
    const number = this.#match(/\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y);
    if (number !== undefined) return Number(number);
    const name = this.#match(/[A-Za-z_][\w-]*/y);
    if (name === undefined) throw new NotPure('an expression is not understood');
    if (name === 'true' || name === 'false') return name === 'true';
    if (name === 'null') return null;
    if (this.#take('(')) return callFunction(name, this.#list(')'), this.#scope);
    if (!this.#take('.')) throw new NotPure(`${name} stands for nothing`);
    const member = this.#match(/[A-Za-z_][\w-]*/y);
    if (member === undefined) throw new NotPure(`${name} stands for nothing`);
    return this.#scope.reference(name, member);
  }

  #list(end: ')' | ']'): readonly Value[] {
    return this.#deeper(() => {
      const items: Value[] = [];
      this.#noLoop();
      while (!this.#take(end)) {
        items.push(this.#expression());
        this.#blanks();
        if (this.#text.startsWith('...', this.#at)) throw new NotPure('arguments from a list (…) are not evaluated');
        if (this.#take(',')) continue;
        this.#expect(end);
        break;
      }
      return items;
    });
  }

  #object(): Value {
    return this.#deeper(() => {
      const entries: [string, Value][] = [];
      this.#noLoop();
      while (!this.#take('}')) {
        this.#blanks();
        const bare = this.#match(/[A-Za-z_][\w-]*(?=\s*[=:])/y);
        const key = bare ?? textOfValue(this.#expression());
        if (!this.#take('=')) this.#expect(':');
        entries.push([key, this.#expression()]);
        this.#take(',');
      }
      return newFields(entries);
    });
  }

  #noLoop(): void {
    this.#blanks();
    if (/^for\s/.test(this.#text.slice(this.#at, this.#at + 4))) throw new NotPure('a for expression is not evaluated');
  }

  #blanks(): void {
    this.#match(/\s+/y);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    this.#at += found?.length ?? 0;
    return found;
  }

  #take(token: string): boolean {
    this.#blanks();
    if (!this.#text.startsWith(token, this.#at)) return false;
    // `=` is not the beginning of `==`, nor `!` that of `!=`.
    if ((token === '=' || token === '!') && this.#text[this.#at + 1] === '=') return false;
    this.#at += token.length;
    return true;
  }

  #expect(token: string): void {
    if (!this.#take(token)) throw new NotPure(`an expression is not understood: ${token} is missing`);
  }
}

function truth(value: Value): boolean {
  if (typeof value === 'boolean') return value;
  const text = typeof value === 'string' ? known(value) : '';
  if (text === 'true' || text === 'false') return text === 'true';
  throw new NotPure(`${kindOf(value)} is neither true nor false`);
}

export function numberOf(value: Value): number {
  if (typeof value === 'number') return value;
  if (typeof value === 'string' && /^-?\d+(?:\.\d+)?$/.test(known(value))) return Number(value);
  throw new NotPure(`${kindOf(value)} stands where a number belongs`);
}

function combine(operator: string, left: Value, right: Value, budget: Budget): Value {
  switch (operator) {
    case '||':
      return truth(left) || truth(right);
    case '&&':
      return truth(left) && truth(right);
    case '==':
      return written(left, budget) === written(right, budget);
    case '!=':
      return written(left, budget) !== written(right, budget);
    case '<':
      return numberOf(left) < numberOf(right);
    case '>':
      return numberOf(left) > numberOf(right);
    case '<=':
      return numberOf(left) <= numberOf(right);
    case '>=':
      return numberOf(left) >= numberOf(right);
    case '+':
      return numberOf(left) + numberOf(right);
    case '-':
      return numberOf(left) - numberOf(right);
    case '*':
      return numberOf(left) * numberOf(right);
    default: {
      const by = numberOf(right);
      if (by === 0) throw new NotPure('a division by nothing');
      return operator === '/' ? numberOf(left) / by : numberOf(left) % by;
    }
  }
}

function written(value: Value, budget: Budget): string {
  return known(jsonOf(value, budget));
}

function memberOf(value: Value, name: string): Value {
  const member = isList(value) ? value[Number(known(name))] : isFields(value) ? fieldOf(value, known(name)) : undefined;
  if (member === undefined) throw new NotPure(`${kindOf(value)} has no ${JSON.stringify(name)}`);
  return member;
}
