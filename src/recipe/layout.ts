/**
 * Changes a YAML text so that it says something else, and leaves alone every line that needs no change: the author's
 * comments, order of fields, blank lines and quotes stay. Where the text is laid out in a way that cannot be edited in
 * place, the YAML library writes the part anew (comments are kept, spacing may change). The result is read again and
 * compared, so whatever the layout, it says exactly what it should.
 */
import { isDeepStrictEqual } from 'node:util';
import { isMap, isScalar, isSeq, parseDocument, type Document, type Pair, type YAMLMap, type YAMLSeq } from 'yaml';
import { FailedError } from '../errors.ts';
import { renderField, renderFieldValue, renderInline, renderItem } from './render-yaml.ts';

interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

type Json = unknown;
type Fields = Readonly<Record<string, Json>>;

/** `source` must be YAML that `readYaml` accepted. Throws `recipe/layout` where no text could be made (a defect). */
export function rewriteYaml(source: string, value: Json): string {
  const document = read(source);
  const edits: Edit[] = [];
  try {
    rewrite(source, document.contents, value, edits);
    const text = applyEdits(source, edits);
    if (says(text, value)) return text;
  } catch (error) {
    // Not swallowed: a layout that cannot be edited in place goes the second way, below.
    if (!(error instanceof OtherLayout)) throw error;
  }
  const text = rewriteByLibrary(document, value);
  if (says(text, value)) return text;
  throw new FailedError('recipe/layout', 'The recipe could not be rewritten with the change in it.', {
    hint: 'This is a defect of portalgun: please report it with the recipe and the patch.',
  });
}

/** The text is laid out in a way that is not edited in place. */
class OtherLayout extends Error {}

function read(source: string): Document.Parsed {
  return parseDocument(source, {
    version: '1.2',
    schema: 'core',
    stringKeys: true,
    prettyErrors: false,
    logLevel: 'error',
  });
}

function says(text: string, value: Json): boolean {
  const document = read(text);
  return document.errors.length === 0 && isDeepStrictEqual(document.toJS({ maxAliasCount: 0 }), value);
}

function applyEdits(source: string, edits: readonly Edit[], from = 0, to = source.length): string {
  let text = '';
  let at = from;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    if (edit.start < at) throw new OtherLayout();
    text += source.slice(at, edit.start) + edit.text;
    at = edit.end;
  }
  return text + source.slice(at, to);
}

/** Adds the edits that make `node` say `value`. */
function rewrite(source: string, node: unknown, value: Json, edits: Edit[]): void {
  if (isMap(node) && isFields(value)) return rewriteMap(source, node, value, edits);
  if (isSeq(node) && Array.isArray(value)) return rewriteSeq(source, node, value, edits);
  if (isScalar(node) && node.value === value) return;
  const [start, end] = rangeOf(node);
  // A block value (its own lines) cannot be replaced without its key: rewriteMap does that.
  if (source.slice(start, end).includes('\n')) throw new OtherLayout();
  edits.push({ start, end, text: inQuotesLike(source[start], value) });
}

/** A text keeps the quotes that its author put around the one before it. */
function inQuotesLike(quote: string | undefined, value: Json): string {
  if (typeof value === 'string' && quote === '"') return JSON.stringify(value);
  if (typeof value === 'string' && quote === "'") return `'${value.replaceAll("'", "''")}'`;
  return renderInline(value);
}

function rewriteMap(source: string, map: YAMLMap, value: Fields, edits: Edit[]): void {
  const pairs = new Map(map.items.map((pair) => [keyOf(pair), pair]));
  const added = Object.keys(value).filter((key) => !pairs.has(key));
  const removed = [...pairs.keys()].filter((key) => !Object.hasOwn(value, key));
  const [start, end] = rangeOf(map);
  if (map.flow === true) {
    if (added.length + removed.length > 0) return void edits.push({ start, end, text: renderInline(value) });
    for (const [key, pair] of pairs)
      if (!unchanged(pair.value, value[key])) rewriteOrReplace(source, pair.value, value[key], edits);
    return;
  }
  for (const [key, pair] of pairs) {
    if (!Object.hasOwn(value, key)) edits.push(wholeLines(source, rangeOf(pair.key)[0], rangeOf(pair.value)[1]));
    else if (!unchanged(pair.value, value[key])) rewriteField(source, pair, value[key], edits);
  }
  const last = map.items.at(-1);
  if (added.length === 0) return;
  if (last === undefined || removed.includes(keyOf(last))) throw new OtherLayout();
  const indent = columnOf(source, rangeOf(map.items[0]?.key)[0]);
  const at = lineEnd(source, rangeOf(last.value)[1]);
  const text = added.map((key) => renderField(key, value[key], indent)).join('');
  edits.push({ start: at, end: at, text: at > 0 && source[at - 1] !== '\n' ? `\n${text}` : text });
}

/** Changes a block field in place where its value can be, and writes the whole value anew where not. */
function rewriteField(source: string, pair: Pair, value: Json, edits: Edit[]): void {
  const inner: Edit[] = [];
  try {
    rewrite(source, pair.value, value, inner);
    edits.push(...inner);
  } catch (error) {
    if (!(error instanceof OtherLayout)) throw error;
    const [keyStart, keyEnd] = rangeOf(pair.key);
    const colon = source.indexOf(':', keyEnd);
    const [, end] = rangeOf(pair.value);
    const text = renderFieldValue(value, columnOf(source, keyStart));
    edits.push({ start: colon + 1, end, text: source[end - 1] === '\n' ? `${text}\n` : text });
  }
}

/** Inside flow style everything can be replaced by text on one line. */
function rewriteOrReplace(source: string, node: unknown, value: Json, edits: Edit[]): void {
  const inner: Edit[] = [];
  try {
    rewrite(source, node, value, inner);
    edits.push(...inner);
  } catch (error) {
    if (!(error instanceof OtherLayout)) throw error;
    const [start, end] = rangeOf(node);
    edits.push({ start, end, text: renderInline(value) });
  }
}

function rewriteSeq(source: string, seq: YAMLSeq, values: readonly Json[], edits: Edit[]): void {
  const keyed =
    seq.flow !== true &&
    seq.items.length > 0 &&
    values.length > 0 &&
    [...seq.items.map(idOf), ...values.map(idOfValue)].every((id) => id !== undefined);
  if (keyed) return rewriteKeyed(source, seq, values as readonly Fields[], edits);
  if (values.length === seq.items.length) {
    values.forEach((value, index) => {
      const item = seq.items[index];
      if (unchanged(item, value)) return;
      if (seq.flow === true) rewriteOrReplace(source, item, value, edits);
      else rewrite(source, item, value, edits);
    });
    return;
  }
  if (seq.flow !== true) throw new OtherLayout();
  const [start, end] = rangeOf(seq);
  edits.push({ start, end, text: renderInline(values) });
}

/**
 * A block list whose items have ids. Each item owns its lines, with the comment lines right above it and the blank lines
 * below, and takes them along when it moves.
 */
function rewriteKeyed(source: string, seq: YAMLSeq, values: readonly Fields[], edits: Edit[]): void {
  const starts = seq.items.map((item) => chunkStart(source, rangeOf(item)[0]));
  const last = lineEnd(source, rangeOf(seq.items.at(-1))[1]);
  const chunks = new Map(
    seq.items.map((item, index) => [
      String(idOf(item)),
      { item, start: starts[index] ?? 0, end: starts[index + 1] ?? last },
    ]),
  );
  const order = values.map((value) => String(value['id']));
  const changed = values.some((value, index) => !unchanged(chunks.get(order[index] ?? '')?.item, value));
  const sameOrder = isDeepStrictEqual(order, [...chunks.keys()]);
  if (sameOrder) {
    if (changed) for (const [index, item] of seq.items.entries()) rewrite(source, item, values[index], edits);
    return;
  }
  const indent = columnOf(source, rangeOf(seq.items[0])[0]) - 2;
  const spaced = [...chunks.values()].slice(0, -1).some(({ start, end }) => source.slice(start, end).endsWith('\n\n'));
  const texts = values.map((value, index) => {
    const chunk = chunks.get(order[index] ?? '');
    if (chunk === undefined) return renderItem(value, indent);
    const inner: Edit[] = [];
    rewrite(source, chunk.item, value, inner);
    return applyEdits(source, inner, chunk.start, chunk.end);
  });
  const start = starts[0] ?? last;
  const joined = texts.map((text, index) => joinedChunk(text, index === texts.length - 1, spaced));
  edits.push({ start, end: last, text: joined.join('') });
}

/** Between items as many blank lines as the author used; none behind the last one, whose own follow the list. */
function joinedChunk(text: string, isLast: boolean, spaced: boolean): string {
  const body = text.endsWith('\n') ? text : `${text}\n`;
  if (isLast) return `${body.trimEnd()}\n`;
  return spaced && !body.endsWith('\n\n') ? `${body}\n` : body;
}

/** Start of the line with the item's dash, or of the comment lines right above it. */
function chunkStart(source: string, itemStart: number): number {
  let start = lineStart(source, itemStart);
  if (!/^ *- /.test(source.slice(start))) throw new OtherLayout();
  for (;;) {
    const above = lineStart(source, start - 1);
    if (start === 0 || !/^ *#/.test(source.slice(above, start))) return start;
    start = above;
  }
}

/** From the start of the first line to the end of the last: nothing else may stand on the first one. */
function wholeLines(source: string, from: number, to: number): Edit {
  const start = lineStart(source, from);
  if (source.slice(start, from).trim() !== '') throw new OtherLayout();
  return { start, end: lineEnd(source, to), text: '' };
}

/** Just behind the line break that ends the line of `offset`; an offset just behind a line break is an end already. */
function lineEnd(source: string, offset: number): number {
  if (offset > 0 && source[offset - 1] === '\n') return offset;
  const end = source.indexOf('\n', offset);
  return end < 0 ? source.length : end + 1;
}

function lineStart(source: string, offset: number): number {
  return offset <= 0 ? 0 : source.lastIndexOf('\n', offset - 1) + 1;
}

function columnOf(source: string, offset: number): number {
  return offset - lineStart(source, offset);
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) ? String(pair.key.value) : '';
}

function idOf(item: unknown): string | undefined {
  const id: unknown = isMap(item) && item.flow !== true ? item.get('id') : undefined;
  return typeof id === 'string' ? id : undefined;
}

function idOfValue(value: Json): string | undefined {
  const id = isFields(value) ? value['id'] : undefined;
  return typeof id === 'string' ? id : undefined;
}

function isFields(value: Json): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function unchanged(node: unknown, value: Json): boolean {
  return (isMap(node) || isSeq(node) || isScalar(node)) && isDeepStrictEqual(node.toJSON(), value);
}

function rangeOf(node: unknown): readonly [number, number] {
  const range = isMap(node) || isSeq(node) || isScalar(node) ? node.range : undefined;
  if (range === undefined || range === null) throw new OtherLayout();
  return [range[0], range[1]];
}

/** The same object in two places is written twice: recipes have no aliases. */
const PLAIN = { aliasDuplicateObjects: false };

/** The second way: the library's own nodes, with only what differs set anew. */
function rewriteByLibrary(document: Document.Parsed, value: Json): string {
  setNode(document, [], document.contents, value);
  return document.toString({ lineWidth: 0 });
}

function setNode(document: Document.Parsed, path: readonly (string | number)[], node: unknown, value: Json): void {
  if (unchanged(node, value)) return;
  if (isMap(node) && isFields(value)) {
    for (const key of node.items.map(keyOf)) if (!Object.hasOwn(value, key)) node.delete(key);
    for (const [key, inner] of Object.entries(value)) setNode(document, [...path, key], node.get(key, true), inner);
    return;
  }
  if (path.length === 0) document.contents = document.createNode(value, PLAIN) as unknown as typeof document.contents;
  else if (isSeq(node) && Array.isArray(value)) {
    const byId = new Map(node.items.map((item) => [idOf(item), item]));
    node.items = (value as readonly Json[]).map((inner, index) => {
      const old = idOfValue(inner) === undefined ? node.items[index] : byId.get(idOfValue(inner));
      return unchanged(old, inner) ? old : document.createNode(inner, PLAIN);
    });
  } else document.setIn(path, document.createNode(value, PLAIN));
}
