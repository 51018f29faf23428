/**
 * YAML 1.2 as data and nothing more: one document, string keys, no anchors, aliases, tags or merge keys, integers only,
 * strings in NFC without control or bidi characters. What could be read in two ways, or grow when read, is refused.
 */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type Node } from 'yaml';
import { isSafeLine, isPlainText } from '../crypto/text.ts';
import { MAX_NESTING } from './limits.ts';
import { printable, formatPath, type Path, type PlacedProblem, type Problem } from './problems.ts';

export interface YamlText {
  readonly document: Document.Parsed;
  /** Plain JSON value of the document. */
  readonly value: unknown;
  readonly place: (problem: Problem) => PlacedProblem;
}

export type YamlReading =
  | { readonly ok: true; readonly yaml: YamlText }
  | { readonly ok: false; readonly problems: readonly PlacedProblem[] };

/** `mayHaveLines` says where a string may hold line breaks and tabs. Never throws. */
export function readYaml(source: string, maxBytes: number, mayHaveLines: (path: Path) => boolean): YamlReading {
  const bytes = Buffer.byteLength(source);
  if (bytes > maxBytes) return refused(`the file has ${bytes} bytes, more than ${maxBytes}`);
  if (!source.isWellFormed()) return refused('the file is not well-formed Unicode');
  if (opensTooMuch(source)) return refused(`it lies more than ${MAX_NESTING} levels deep`);
  // A directive could say that it is another version of YAML, in which `yes` and `010` are something else.
  if (/^\ufeff?(?:[ \t]*(?:#.*)?\r?\n)*%/.test(source)) return refused('a YAML directive; these are not allowed');
  const lines = new LineCounter();
  // `logLevel: error` keeps the library from writing to the console: warnings are read from the document below.
  const document = parseDocument(source, {
    version: '1.2',
    schema: 'core',
    strict: true,
    // Checked in `walk`: the library compares every key with every other one.
    uniqueKeys: false,
    stringKeys: true,
    merge: false,
    prettyErrors: false,
    lineCounter: lines,
    logLevel: 'error',
  });
  const at = (offset: number, path: Path, message: string): PlacedProblem => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1), path: formatPath(path), message };
  };
  const syntax = [...document.errors, ...document.warnings].map((error) =>
    at(error.pos[0], [], plainSyntax(error.message)),
  );
  syntax.push(
    ...unsafeCharacters(source).map((offset) =>
      at(offset, [], 'a control or bidirectional character; these are not allowed, not even in comments'),
    ),
  );
  if (syntax.length > 0) return { ok: false, problems: syntax };
  if (document.contents === null) return refused('the file is empty');
  const problems: PlacedProblem[] = [];
  walk(
    document.contents,
    [],
    (node, path, message) => problems.push(at(node.range?.[0] ?? 0, path, message)),
    mayHaveLines,
  );
  if (problems.length > 0) return { ok: false, problems };
  const value: unknown = document.toJS({ maxAliasCount: 0 });
  const place = (problem: Problem): PlacedProblem =>
    at(offsetOf(document.contents, problem), problem.path, problem.message);
  return { ok: true, yaml: { document, value, place } };
}

/**
 * Thousands of levels would take the library to the end of its stack before `walk` sees any of them. Brackets inside of
 * texts are counted too, so the bound is far above what is allowed.
 */
function opensTooMuch(source: string): boolean {
  if (/(?:[-?:][ \t]+){500}/.test(source)) return true;
  let open = 0;
  for (const character of source) {
    if (character === '[' || character === '{') open++;
    else if (character === ']' || character === '}') open--;
    if (open > 1000) return true;
  }
  return false;
}

function refused(message: string): YamlReading {
  return { ok: false, problems: [{ line: 1, column: 1, path: 'the document', message }] };
}

/** The library's message, one line, with anything unprintable escaped. */
function plainSyntax(message: string): string {
  const line = (message.split('\n')[0] ?? message).trim();
  return isSafeLine(line, 300) ? line : printable(line);
}

/** Offsets of characters that could move a terminal's cursor or turn its reading direction, anywhere in the text. */
function unsafeCharacters(source: string): number[] {
  const unsafe =
    // oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]|\r(?!\n)/g;
  return [...source.matchAll(unsafe)].map((match) => match.index);
}

type Report = (node: Node, path: Path, message: string) => void;

function walk(node: unknown, path: Path, report: Report, mayHaveLines: (path: Path) => boolean): void {
  if (isAlias(node)) return report(node, path, 'an alias; write the value out instead');
  if (!isMap(node) && !isSeq(node) && !isScalar(node)) return;
  if (node.anchor !== undefined) report(node, path, 'an anchor; anchors and aliases are not allowed');
  if (node.tag !== undefined) report(node, path, `the tag ${printable(node.tag)}; tags are not allowed`);
  if (path.length > MAX_NESTING) return report(node, path, `it lies more than ${MAX_NESTING} levels deep`);
  if (isMap(node)) {
    const names = new Set<string>();
    for (const { key, value } of node.items) {
      if (!isScalar(key) || typeof key.value !== 'string') {
        report(isScalar(key) || isMap(key) || isSeq(key) ? key : node, path, 'a field name that is not a string');
        continue;
      }
      if (!isSafeLine(key.value, 1000) || key.value === '__proto__') {
        report(key, path, `the field name ${printable(key.value)} is not allowed`);
        continue;
      }
      const inner = [...path, key.value];
      if (names.has(key.value)) report(key, inner, 'the field is there twice');
      names.add(key.value);
      // `key:` with nothing behind it: the library has no node for the value, so the key gives the place.
      if (value === null || (isScalar(value) && value.value === null))
        report(key, inner, 'found nothing; write a value or leave the field out');
      else walk(value, inner, report, mayHaveLines);
    }
  } else if (isSeq(node)) {
    node.items.forEach((item, index) => walk(item, [...path, index], report, mayHaveLines));
  } else {
    const problem = scalarProblem(node.value, path, mayHaveLines);
    if (problem !== undefined) report(node, path, problem);
  }
}

function scalarProblem(value: unknown, path: Path, mayHaveLines: (path: Path) => boolean): string | undefined {
  switch (typeof value) {
    case 'boolean':
      return undefined;
    case 'number':
      if (Number.isSafeInteger(value) && !Object.is(value, -0)) return undefined;
      return `found the number ${value}; only integers are allowed (put quotes around it if it is text)`;
    case 'string': {
      if (!isPlainText(value)) return `the text ${printable(value)} is not Unicode in NFC`;
      const visible = mayHaveLines(path) ? value.replaceAll(/\r?\n|\t/g, ' ') : value;
      if (isSafeLine(visible, Number.MAX_SAFE_INTEGER)) return undefined;
      return `the text ${printable(value)} holds a line break, a control or a bidirectional character`;
    }
    default:
      return value === null ? 'found nothing; write a value or leave it out' : `found a value of type ${typeof value}`;
  }
}

/** Offset of the value (or the name) at a path; of the nearest part that is there, where it is missing. */
function offsetOf(contents: unknown, { path, atKey }: Problem): number {
  let node: unknown = contents;
  let offset = isNode(contents) ? (contents.range?.[0] ?? 0) : 0;
  for (const [depth, part] of path.entries()) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && key.value === part);
      if (pair === undefined) return offset;
      const named = atKey === true && depth === path.length - 1;
      const target: unknown = named ? pair.key : pair.value;
      node = pair.value;
      if (isNode(target)) offset = target.range?.[0] ?? offset;
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part];
      if (isNode(node)) offset = node.range?.[0] ?? offset;
    } else return offset;
  }
  return offset;
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);
}
