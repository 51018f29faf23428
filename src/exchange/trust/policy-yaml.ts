/**
 * A strict, positioned reader over a YAML tree: every complaint names file:line:col, the path, and what was expected.
 *
 * Anchors and aliases are refused outright: a policy needs none, and without them there is no YAML bomb.
 */
import { Buffer } from 'node:buffer';
import { isAlias, isMap, isNode, isScalar, isSeq, parseDocument, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import { UsageError } from '../../errors.ts';
import { MAX_INDENT, MAX_NESTING, MAX_POLICY_BYTES, MAX_POLICY_ENTRIES } from './limits.ts';

/** A node of the tree with the path that leads to it. `null` stands for an empty value. */
export interface At {
  readonly node: Node | null;
  /** `rules[0].patches.wording`; empty at the top. */
  readonly path: string;
  /** Where to point when the node itself is empty. */
  readonly offset: number;
}

export interface PolicyReader {
  readonly root: At;
  readonly document: Document;
  /** Always throws `policy/invalid`. */
  fail(at: At, expected: string, hint?: string): never;
  line(at: At): number;
  /** Entries by key, in the file's order. Keys outside `allowed` (when given) are refused. */
  map(at: At, what: string, allowed?: readonly string[]): Map<string, At & { readonly keyAt: At }>;
  list(at: At, what: string): At[];
  string(at: At, what: string): string;
  /** A whole number, 1 or more. */
  count(at: At, what: string): number;
  boolean(at: At, what: string): boolean;
}

/** @throws UsageError `policy/invalid` when the text is too large or not one plain YAML document. */
export function readPolicyYaml(text: string, fileName: string): PolicyReader {
  const failAt = (offset: number, path: string, message: string, hint?: string): never => {
    const { line, column } = positionOf(text, offset);
    const where = `${fileName}:${line}:${column}`;
    throw new UsageError('policy/invalid', `${where}: ${path === '' ? '' : `${path}: `}${message}`, {
      hint: `${hint === undefined ? '' : `${hint} `}Correct the file, then run \`portalgun policy check\`.`,
      facts: { file: fileName, line, column, path },
    });
  };

  const sizeBytes = Buffer.byteLength(text);
  if (sizeBytes > MAX_POLICY_BYTES) {
    failAt(0, '', `the file has ${sizeBytes} bytes, expected at most ${MAX_POLICY_BYTES}`);
  }
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    failAt(deep, '', `expected at most ${MAX_NESTING} brackets in each other and ${MAX_INDENT} columns of indentation`);
  }
  const document = parseDocument(text, { strict: true, uniqueKeys: true, merge: false, version: '1.2' });
  const [error] = document.errors;
  if (error !== undefined) failAt(error.pos[0], '', firstLine(error.message));
  const [warning] = document.warnings;
  if (warning !== undefined) failAt(warning.pos[0], '', firstLine(warning.message));
  visit(document, {
    Node(_key, node) {
      const offset = node.range?.[0] ?? 0;
      if (isAlias(node) || node.anchor !== undefined) {
        failAt(offset, '', 'anchors and aliases are not part of a policy, expected the value written out');
      }
    },
  });

  const fail = (at: At, expected: string, hint?: string): never =>
    failAt(at.node?.range?.[0] ?? at.offset, at.path, `expected ${expected}, found ${found(at.node)}`, hint);
  const root: At = { node: contentOf(document.contents), path: '', offset: 0 };

  return {
    root,
    document,
    fail,
    line: (at) => positionOf(text, at.node?.range?.[0] ?? at.offset).line,
    map(at, what, allowed) {
      const entries = new Map<string, At & { readonly keyAt: At }>();
      if (at.node === null) return entries;
      if (!isMap(at.node)) return fail(at, what);
      if (at.node.items.length > MAX_POLICY_ENTRIES) fail(at, `at most ${MAX_POLICY_ENTRIES} entries`);
      for (const pair of at.node.items) {
        const keyNode = isNode(pair.key) ? pair.key : null;
        const keyOffset = keyNode?.range?.[0] ?? at.offset;
        const keyAt: At = { node: keyNode, path: at.path, offset: keyOffset };
        if (!isScalar(keyNode) || typeof keyNode.value !== 'string') return fail(keyAt, 'a name as key');
        const key = keyNode.value;
        if (allowed !== undefined && !allowed.includes(key)) {
          fail({ ...keyAt, path: join(at.path, key) }, `one of the keys ${allowed.join(', ')}`);
        }
        entries.set(key, { node: contentOf(pair.value), path: join(at.path, key), offset: keyOffset, keyAt });
      }
      return entries;
    },
    list(at, what) {
      if (!isSeq(at.node)) return fail(at, what);
      if (at.node.items.length > MAX_POLICY_ENTRIES) fail(at, `at most ${MAX_POLICY_ENTRIES} entries`);
      return at.node.items.map((item, index) => {
        const node = contentOf(item);
        return { node, path: `${at.path}[${index}]`, offset: node?.range?.[0] ?? at.offset };
      });
    },
    string(at, what) {
      if (!isScalar(at.node) || typeof at.node.value !== 'string' || at.node.value === '') return fail(at, what);
      return at.node.value;
    },
    count(at, what) {
      if (!isScalar(at.node)) return fail(at, what);
      const { value } = at.node;
      if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 1) return fail(at, what);
      return value;
    },
    boolean(at, what) {
      if (!isScalar(at.node) || typeof at.node.value !== 'boolean') return fail(at, what);
      return at.node.value;
    },
  };
}

/** Both counted from 1, the column in UTF-16 code units as editors do. */
function positionOf(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  return { line: before.split('\n').length, column: offset - before.lastIndexOf('\n') };
}

/**
 * The parser recurses, and takes minutes before its stack ends: text that could nest deeply never gets to it. Brackets
 * in quotes and comments count as well, which no policy written by a person will notice.
 *
 * @returns the offset where it becomes too deep
 */
function tooDeepAt(text: string): number | undefined {
  let depth = 0;
  let [indent, inIndent] = [0, true];
  for (let offset = 0; offset < text.length; offset += 1) {
    const char = text[offset] ?? '';
    if (char === '\n') [indent, inIndent] = [0, true];
    else if (inIndent && ' \t-?:'.includes(char)) indent += 1;
    else inIndent = false;
    if (char === '[' || char === '{') depth += 1;
    if (char === ']' || char === '}') depth = Math.max(0, depth - 1);
    if (depth > MAX_NESTING || indent > MAX_INDENT) return offset;
  }
  return undefined;
}

/** An empty value and a written `null` are the same: nothing. */
function contentOf(value: unknown): Node | null {
  return !isNode(value) || (isScalar(value) && value.value === null) ? null : value;
}

function join(path: string, key: string): string {
  return path === '' ? key : `${path}.${key}`;
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/:$/, '');
}

function found(node: Node | null): string {
  if (node === null) return 'nothing';
  if (isMap(node)) return 'a mapping';
  if (isSeq(node)) return 'a list';
  if (isScalar(node)) return typeof node.value === 'string' ? `"${node.value.slice(0, 80)}"` : String(node.value);
  return 'something else';
}
