/**
 * The person as a repair source, at a terminal: what was expected against what is there, what comes nearest, and a
 * choice. An answer leaves this folder only when it can be applied.
 */
import type { Readable, Writable } from 'node:stream';
import { parse, stringify } from 'yaml';
import { PortalgunError } from '../../errors.ts';
import { describeCondition } from '../../recipe/conditions.ts';
import { stepDigest } from '../../recipe/digest.ts';
import { applyOperations } from '../../recipe/patch.ts';
import { formatPath } from '../../recipe/problems.ts';
import { shapeProblems } from '../../recipe/shape.ts';
import type { Operation, Step } from '../../recipe/types.ts';
import { changingStep, suggestions, type Suggestion } from '../../workshop/provision/suggest.ts';
import type { TextReader } from '../../workshop/provision/conditions.ts';
import type { RepairAnswer, RepairRequest, RepairSource } from '../../workshop/provision/types.ts';
import { boxedScreen, harmless } from './boxed-screen.ts';
import type { Editor } from './editor.ts';
import { readLines, type Lines } from './lines.ts';

export interface TerminalRepairOptions {
  readonly input: Readable & { readonly isTTY?: boolean };
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  readonly editor: Editor;
  readonly reader: TextReader;
}

const COLUMNS = 80;
const SCREEN_ROWS = 24;

export function terminalRepair(options: TerminalRepairOptions): RepairSource {
  const { input, output } = options;
  return {
    name: 'person',
    async propose(request, signal) {
      const show = (...lines: readonly string[]) => output.write(`${lines.join('\n')}\n`);
      const offered = suggestions(request, options.reader);
      show(...report(request, offered, output.columns || COLUMNS));
      if (input.isTTY !== true || output.isTTY !== true) {
        show(
          '',
          'Nobody can be asked: this is not a terminal. Mend the step in the recipe, or build it at a terminal.',
        );
        return { kind: 'abort', reason: 'not a terminal, so nobody could be asked' };
      }
      const lines = readLines(input, output);
      try {
        return await converse({ request, offered, lines, show, signal, options });
      } finally {
        lines.close();
      }
    },
  };
}

interface Conversation {
  readonly request: RepairRequest;
  readonly offered: readonly Suggestion[];
  readonly lines: Lines;
  readonly show: (...lines: readonly string[]) => void;
  readonly signal: AbortSignal;
  readonly options: TerminalRepairOptions;
}

async function converse(talk: Conversation): Promise<RepairAnswer> {
  const { lines, show, signal, offered, request } = talk;
  show('', ...menu(offered.length));
  for (;;) {
    const answer = await lines.ask('> ', signal);
    if (answer === null) return { kind: 'abort', reason: 'the person closed the input' };
    const word = answer.trim().toLowerCase();
    const chosen = /^[1-9][0-9]?$/.test(word) ? offered[Number(word) - 1] : undefined;
    const done = chosen !== undefined ? take(chosen, talk) : await command(word, talk, request);
    if (done !== undefined) return done;
  }
}

async function command(word: string, talk: Conversation, request: RepairRequest): Promise<RepairAnswer | undefined> {
  switch (word) {
    case 'e':
      return edit(talk);
    case 'r':
      return { kind: 'retry' };
    case 'b':
      return rollBack(talk);
    case 'a':
      return { kind: 'abort', reason: 'the person ended it' };
    case '?':
      talk.show(...help(talk.offered.length, request));
      return undefined;
    case '':
      return undefined;
    default:
      talk.show(`"${harmless(word)}" is not one of the choices.`, ...menu(talk.offered.length));
      return undefined;
  }
}

/** A suggestion becomes the person's own change: they chose it. */
function take(chosen: Suggestion, talk: Conversation): RepairAnswer | undefined {
  const summary = `"${chosen.old}" now reads "${chosen.text}"`;
  return checked(chosen.operations, summary, talk);
}

function checked(operations: readonly Operation[], summary: string, talk: Conversation): RepairAnswer | undefined {
  try {
    applyOperations(talk.request.resolved.of, operations);
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    talk.show(...problem(error));
    return undefined;
  }
  return { kind: 'patch', operations, origin: 'human', summary };
}

/** The step as YAML, in the editor, until it is right, unchanged, or given up. */
async function edit(talk: Conversation): Promise<RepairAnswer | undefined> {
  const { lines, show, signal, options, request } = talk;
  const original = stringify(request.step, { lineWidth: 0 });
  let text = `${heading(request)}${original}`;
  for (;;) {
    try {
      text = await lines.lend(() => options.editor(text, signal));
    } catch (error) {
      if (!(error instanceof PortalgunError)) throw error;
      show(...problem(error), ...menu(talk.offered.length));
      return undefined;
    }
    const step = readStep(text, show);
    if (step !== undefined) {
      if (stepDigest(step) === stepDigest(request.step)) {
        show('The step is as it was: nothing changed.', ...menu(talk.offered.length));
        return undefined;
      }
      const operations = changingStep(request.resolved, request.step, step);
      const answer = checked(operations, `the step "${request.step.id}" edited by hand`, talk);
      if (answer !== undefined) return answer;
    }
    const again = await lines.ask('Edit again? [y]es, or [n]o and lose the changes: ', signal);
    if (again === null || again.trim().toLowerCase().startsWith('n')) {
      show(...menu(talk.offered.length));
      return undefined;
    }
  }
}

/** A step in shape; whether it makes sense in its recipe is found out when it is put in. */
function readStep(text: string, show: Conversation['show']): Step | undefined {
  let value: unknown;
  try {
    value = parse(text, { maxAliasCount: 0 });
  } catch (error) {
    show(`This is not YAML: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
  if (isStep(value)) return value;
  show(
    'This is not a step:',
    ...shapeProblems(value, 'step').map(
      ({ path, message }) => `  ${path.length > 0 ? `${formatPath(path)}: ` : ''}${message}`,
    ),
  );
  return undefined;
}

function isStep(value: unknown): value is Step {
  return shapeProblems(value, 'step').length === 0;
}

async function rollBack({ request, lines, show, signal }: Conversation): Promise<RepairAnswer | undefined> {
  const { checkpoints } = request;
  show('Back to:', ...checkpoints.map((id, at) => `  ${at + 1}  ${id === null ? 'power-on' : `the end of "${id}"`}`));
  const answer = await lines.ask('number, or Enter to stay> ', signal);
  if (answer === null || answer.trim() === '') return undefined;
  const to = checkpoints[Number(answer.trim()) - 1];
  if (to === undefined) {
    show(`There is no ${harmless(answer.trim())} in the list.`);
    return undefined;
  }
  return { kind: 'rollback', to };
}

function report(request: RepairRequest, offered: readonly Suggestion[], columns: number): string[] {
  const { failure, attempt } = request;
  const marked = new Set(offered.map(({ row }) => row));
  const title = `── The step "${failure.stepId}" failed${attempt > 1 ? ` (asked ${attempt} times)` : ''} `;
  const several = new Set(offered.map(({ old }) => old)).size > 1;
  return [
    '',
    title.padEnd(columns, '─').slice(0, columns),
    ...wrapped('expected', `${PHASE[failure.phase]} ${describeCondition(failure.expected)}`, columns),
    ...wrapped('because', failure.reason, columns),
    '   seen',
    ...boxedScreen(failure.seen, { columns, maxRows: SCREEN_ROWS, marked }),
    ...serial(failure.serialTail, columns),
    ...(offered.length === 0 ? ['   Nothing on the screen comes near to what was expected.'] : ['   nearest']),
    ...offered.flatMap(({ text, old, row, similarity }, at) =>
      wrapped(
        `${at + 1}`,
        `"${text}" (row ${row + 1}, ${Math.round(similarity * 100)} % alike)${several ? ` instead of "${old}"` : ''}`,
        columns,
      ),
    ),
  ];
}

/** A label and a text beside it, broken between words where the terminal ends. */
function wrapped(label: string, text: string, columns: number): string[] {
  const indent = `   ${label.padEnd(label.length > 2 ? 10 : 3)}`;
  const lines: string[] = [];
  let line = '';
  for (const word of harmless(text).split(' ')) {
    if (line !== '' && indent.length + line.length + 1 + word.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = line === '' ? word : `${line} ${word}`;
    }
  }
  return [...lines, line].map((part, at) => `${at === 0 ? indent : ' '.repeat(indent.length)}${part}`);
}

const PHASE = {
  when: 'before acting,',
  expect: 'after acting,',
  watch: 'never to see',
  act: 'to do its acts at',
} as const;

/** The last few lines of the serial console, where there are any. */
function serial(tail: string, columns: number): string[] {
  const lines = tail
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
  if (lines.length === 0) return [];
  return [
    '   serial console, its end',
    ...lines.slice(-4).map((line) => `     ${harmless(line).slice(0, columns - 6)}`),
  ];
}

function menu(offered: number): string[] {
  const take = offered === 0 ? '' : offered === 1 ? '1 take it · ' : `1-${offered} take it · `;
  return [`   ${take}e edit the step · r retry · b roll back · a abort · ? help`];
}

function help(offered: number, request: RepairRequest): string[] {
  return [
    ...(offered > 0 ? ['   1, 2, …  the step expects that text from now on instead of its own'] : []),
    '   e        edit the step as YAML in $VISUAL or $EDITOR; it is checked before it is used',
    '   r        try the same step again',
    `   b        go back to one of ${request.checkpoints.length} earlier states and go on from there`,
    '   a        end the build; what is done is resumed next time',
    '   After a change the build goes back to the checkpoint before the step and goes on by itself.',
  ];
}

function heading({ failure }: RepairRequest): string {
  const reason = harmless(failure.reason);
  return `# The step "${failure.stepId}" failed: ${reason}\n# Save and leave the editor to try it; leave it unchanged to go back.\n`;
}

function problem(error: PortalgunError): string[] {
  return [`This cannot be used: ${error.message}`, ...(error.hint === undefined ? [] : [`  ${error.hint}`])];
}
