/**
 * Changes of a YAML text that touch nothing but the entry they are about. Writing the parsed tree out again would
 * reformat the whole file, and the file is the person's.
 *
 * What comes out is always parsed again by the caller: shapes that are not foreseen here end in an error, not in a
 * broken file.
 */
import { isCollection, isMap, isNode, isScalar } from 'yaml';
import type { Document, Node } from 'yaml';

export interface Entry {
  /** Lines for a block collection, relative to its indentation; `- ` included for a list. */
  readonly block: readonly string[];
  /** The same for a collection in brackets. */
  readonly flow: string;
}

/** Adds an entry at the end of the top-level collection `key`, which is made where there is none. */
export function addEntry(text: string, document: Document, key: string, entry: Entry, brackets: '{}' | '[]'): string {
  const pair = topPair(document, key);
  if (pair === undefined) {
    const before = text === '' || text.endsWith('\n') ? text : `${text}\n`;
    return `${before}${key}:\n${indented(entry.block, 2)}`;
  }
  if (isCollection(pair.value) && pair.value.items.length > 0) {
    return pair.value.flow === true
      ? insertInBrackets(text, pair.value, entry.flow)
      : insert(text, endOfLines(text, endOf(pair.value)), indented(entry.block, columnOf(text, startOf(pair.value))));
  }
  // Empty: `key:` or `key: {}`, perhaps with a comment after it.
  const colon = text.indexOf(':', pair.keyEnd);
  const open = text.indexOf(brackets[0] ?? '', colon);
  const end = isCollection(pair.value) && open >= 0 ? endOf(pair.value) : colon + 1;
  const emptied = `${text.slice(0, colon + 1)}${text.slice(end)}`;
  return insert(emptied, endOfLines(emptied, colon + 1), indented(entry.block, columnOf(text, pair.keyStart) + 2));
}

/** Removes an entry of the top-level mapping `key`, with the comment on its line. */
export function removeEntry(text: string, document: Document, key: string, name: string): string {
  const pair = topPair(document, key);
  const found = isMap(pair?.value) ? childPair(pair.value, name) : undefined;
  if (pair === undefined || !isMap(pair.value) || found === undefined) return text;
  const last = pair.value.items.length === 1;
  if (pair.value.flow === true) {
    const before = text.slice(0, found.keyStart);
    const after = text.slice(found.end);
    return /^\s*,/.test(after)
      ? `${before}${after.replace(/^\s*,\s*/, '')}`
      : `${before.replace(/,\s*$/, last ? '' : ' ')}${after.trimStart()}`;
  }
  const lineStart = text.lastIndexOf('\n', found.keyStart) + 1;
  const without = `${text.slice(0, lineStart)}${text.slice(endOfLines(text, found.end))}`;
  return last ? insert(without, without.indexOf(':', pair.keyEnd) + 1, ' {}') : without;
}

/** Sets one plain value of `document[key][name]`. */
export function setValue(
  text: string,
  document: Document,
  key: string,
  name: string,
  field: string,
  value: string,
): string {
  const outer = topPair(document, key)?.value;
  const entry = isMap(outer) ? childPair(outer, name)?.value : undefined;
  if (!isMap(entry)) return text;
  const existing = childPair(entry, field);
  if (existing?.value) return `${text.slice(0, startOf(existing.value))}${value}${text.slice(endOf(existing.value))}`;
  return entry.flow === true
    ? insertInBrackets(text, entry, `${field}: ${value}`)
    : insert(text, endOfLines(text, endOf(entry)), indented([`${field}: ${value}`], columnOf(text, startOf(entry))));
}

interface FoundPair {
  readonly keyStart: number;
  readonly keyEnd: number;
  readonly value: Node | null;
  /** Where the value (or the key, when it is empty) ends. */
  readonly end: number;
}

function topPair(document: Document, key: string): FoundPair | undefined {
  return isMap(document.contents) ? childPair(document.contents, key) : undefined;
}

function childPair(
  map: { readonly items: readonly { key: unknown; value: unknown }[] },
  key: string,
): FoundPair | undefined {
  for (const pair of map.items) {
    if (!isScalar(pair.key) || pair.key.value !== key) continue;
    const value = isNode(pair.value) ? pair.value : null;
    return { keyStart: startOf(pair.key), keyEnd: endOf(pair.key), value, end: endOf(value ?? pair.key) };
  }
  return undefined;
}

function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

function endOf(node: Node): number {
  return node.range?.[1] ?? 0;
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1);
}

/** The start of the line after `offset`; `offset` itself when it is one. */
function endOfLines(text: string, offset: number): number {
  if (text[offset - 1] === '\n') return offset;
  const end = text.indexOf('\n', offset);
  return end < 0 ? text.length : end + 1;
}

function indented(lines: readonly string[], columns: number): string {
  return lines.map((line) => `${' '.repeat(columns)}${line}\n`).join('');
}

function insert(text: string, offset: number, what: string): string {
  const before = text.slice(0, offset);
  return `${before}${what.endsWith('\n') && before !== '' && !before.endsWith('\n') ? '\n' : ''}${what}${text.slice(offset)}`;
}

/** Before the closing bracket, with the spaces that stand there kept. */
function insertInBrackets(text: string, node: Node, what: string): string {
  const close = endOf(node) - 1;
  const before = text.slice(0, close).trimEnd();
  const comma = before.endsWith(',') ? '' : ',';
  return `${before}${comma} ${what}${text.slice(before.length)}`;
}
