/**
 * The text form of a volume group's description: sections in braces, `key = value`, strings, numbers, lists, comments
 * (lvm.conf(5) has the syntax). Pure; a text that is anything else is undefined, in time that grows with its length alone.
 */

export type GroupValue = string | number | readonly GroupValue[] | GroupSection;
export type GroupSection = ReadonlyMap<string, GroupValue>;

/** Sections in sections; a real description has four: group, volumes, one volume, a segment. */
const MAX_DEPTH = 8;

// Two patterns: what is between tokens always matches, so that nothing is ever tried again from within a comment.
const BETWEEN = /(?:[\s\0]|#[^\n]*)*/y;
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[A-Za-z0-9_+.@-]+|[=[\]{},]|$/y;

export function parseGroupText(text: string): GroupSection | undefined {
  try {
    return readSection(readTokens(text), 0);
  } catch (error) {
    if (error instanceof Malformed) return undefined;
    throw error;
  }
}

class Malformed extends Error {}

/** The next token: `"…"` for a string, a word, a mark, or the empty text at the end. */
interface Tokens {
  readonly peek: string;
  next(): string;
}

function readTokens(text: string): Tokens {
  let at = 0;
  const read = (): string => {
    BETWEEN.lastIndex = at;
    BETWEEN.test(text);
    TOKEN.lastIndex = BETWEEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null) throw new Malformed();
    at = TOKEN.lastIndex;
    return match[0];
  };
  let peek = read();
  return {
    get peek() {
      return peek;
    },
    next() {
      const token = peek;
      peek = token === '' ? '' : read();
      return token;
    },
  };
}

function readSection(tokens: Tokens, depth: number): GroupSection {
  if (depth > MAX_DEPTH) throw new Malformed();
  const section = new Map<string, GroupValue>();
  const end = depth === 0 ? '' : '}';
  while (tokens.peek !== end) {
    const key = tokens.next();
    if (!/^[\w+.@-]+$/.test(key) || section.has(key)) throw new Malformed();
    const mark = tokens.next();
    if (mark === '{') section.set(key, readSection(tokens, depth + 1));
    else if (mark === '=') section.set(key, readValue(tokens));
    else throw new Malformed();
  }
  tokens.next();
  return section;
}

function readValue(tokens: Tokens): GroupValue {
  const token = tokens.next();
  if (token !== '[') return readScalar(token);
  const list: GroupValue[] = [];
  while (tokens.peek !== ']') {
    list.push(readScalar(tokens.next()));
    if (tokens.peek === ',') tokens.next();
    else if (tokens.peek !== ']') throw new Malformed();
  }
  tokens.next();
  return list;
}

function readScalar(token: string): string | number {
  if (token.startsWith('"')) return token.slice(1, -1).replaceAll(/\\(.)/gs, '$1');
  if (/^-?\d{1,15}(?:\.\d{1,15})?$/.test(token)) return Number(token);
  throw new Malformed();
}
