/** docs/cli.md as data, and whether an answer is as it says. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { ROOT } from '../support/cli.ts';

export const PAGE = await readFile(path.join(ROOT, 'docs/cli.md'), 'utf8');

/** Cells of the rows of every table whose header begins with this cell. */
export function rowsOf(firstHeader: string, text = PAGE): string[][] {
  const lines = text.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  const rows: string[][] = [];
  let inside = false;
  for (const [lead, ...cells] of lines) {
    if (lead !== '' || cells.length === 0) inside = false;
    else if (cells[0] === firstHeader) inside = true;
    else if (inside && !/^-+$/.test(cells[0] ?? '')) rows.push(cells);
  }
  return rows;
}

export const code = (cell = ''): string => /^`([^`]+)`/.exec(cell)?.[1] ?? assert.fail(`no code in ${cell}`);

interface Documented {
  /** `recipe get <name>` */
  readonly usage: string;
  /** `--out <file>` */
  readonly flags: readonly string[];
  readonly json: string;
}

export const COMMANDS: readonly Documented[] = rowsOf('command').map(([usage, , flags = '', fields = '']) => ({
  usage: code(usage),
  flags: [...flags.matchAll(/`(--[^`]+)`/g)].map(([, flag = '']) => flag),
  json: fields,
}));

/** Names at the outermost level of `{a, b?: […]}` or `[{…}]`. */
function fieldsOf(text: string): string[] {
  let depth = 0;
  const outermost = code(text)
    .replace(/^\[(.*)\]$/, '$1')
    .split('')
    .filter((character) => {
      if ('[{'.includes(character)) depth += 1;
      if (']}'.includes(character)) depth -= 1;
      return depth === 1 && !'[{}]:'.includes(character);
    });
  return outermost
    .join('')
    .split(',')
    .map((name) => name.trim());
}

/** Compares an answer with what the page says of the command, for one document or each of a list. */
export function assertDocumented(args: readonly string[], answer: unknown): void {
  const command =
    COMMANDS.find(({ usage }) => usage === args.slice(0, 3).join(' ')) ??
    COMMANDS.find(({ usage }) => usage.startsWith(`${args[0]} ${args[1]}`)) ??
    COMMANDS.find(({ usage }) => usage.split(' ')[0] === args[0]) ??
    assert.fail(args.join(' '));
  const fields = fieldsOf(command.json);
  const known = fields.map((name) => name.replace('?', ''));
  const documents = (Array.isArray(answer) ? answer : [answer]) as readonly object[];
  assert.equal(Array.isArray(answer), code(command.json).startsWith('['), command.usage);
  assert.ok(documents.length > 0);
  for (const document of documents) {
    const names = Object.keys(document);
    assert.deepEqual(
      names.filter((name) => !known.includes(name)),
      [],
      `${command.usage}: not documented`,
    );
    const needed = fields.filter((name) => !name.endsWith('?'));
    assert.deepEqual(
      needed.filter((name) => !names.includes(name)),
      [],
      `${command.usage}: not there`,
    );
  }
}
