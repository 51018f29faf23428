/**
 * The person as a repair source, at a terminal: what was expected against what is there, what comes nearest, and a
 * choice. An answer leaves this folder only when it can be applied.
 */
import type { Readable, Writable } from 'node:stream';
import { PortalgunError } from '../../errors.ts';
import { stepDigest } from '../../recipe/digest.ts';
import { lintRecipe } from '../../recipe/lint.ts';
import { applyOperations } from '../../recipe/patch.ts';
import type { CheckedRecipe, Operation } from '../../recipe/types.ts';
import { changingStep, suggestionInWords, suggestions, type Suggestion } from '../../workshop/provision/suggest.ts';
import type { TextReader } from '../../workshop/provision/conditions.ts';
import type { RepairAnswer, RepairRequest, RepairSource } from '../../workshop/provision/types.ts';
import type { DriverTerminal } from '../take-over/drive.ts';
import { agrees, problemLines, type Conversation } from './conversation.ts';
import { editSteps } from './edit.ts';
import type { Editor } from './editor.ts';
import { readLines } from './lines.ts';
import { heading, help, menu, report } from './report.ts';
import { harmless } from './boxed-screen.ts';
import { takeOver } from './take-over.ts';

export interface TerminalRepairOptions {
  readonly input: DriverTerminal['input'] & Readable;
  readonly output: Writable & { readonly isTTY?: boolean; readonly columns?: number; readonly rows?: number };
  /** `TERM`. */
  readonly kind?: string;
  readonly editor: Editor;
  readonly reader: TextReader;
  /** Patches that arrive while the person is asked, until the signal is aborted. */
  readonly fixes?: (request: RepairRequest, signal: AbortSignal) => AsyncIterable<Fix>;
}

/** A patch of a peer's that arrived, and how the person is told of it. */
export interface Fix {
  readonly answer: RepairAnswer & { readonly kind: 'patch' };
  readonly lines: readonly string[];
}

const COLUMNS = 80;

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
      const over = new AbortController();
      const fixes: Fix[] = [];
      const talk = { request, offered, fixes, lines, show, signal, editor: options.editor, options };
      const watching = watchForFixes(talk, AbortSignal.any([signal, over.signal]));
      try {
        return await converse(talk);
      } finally {
        over.abort();
        await watching;
        lines.close();
      }
    },
  };
}

/** A talk about one failing step. */
export interface RepairTalk extends Conversation {
  readonly request: RepairRequest;
  readonly offered: readonly Suggestion[];
  /** Those that have arrived, the newest last. */
  readonly fixes: Fix[];
  readonly options: TerminalRepairOptions;
}

async function converse(talk: RepairTalk): Promise<RepairAnswer> {
  const { lines, show, signal, offered } = talk;
  show('', ...choices(talk));
  for (;;) {
    const answer = await lines.ask('> ', signal);
    if (answer === null) return { kind: 'abort', reason: 'the person closed the input' };
    const word = answer.trim().toLowerCase();
    const chosen = /^[1-9][0-9]?$/.test(word) ? offered[Number(word) - 1] : undefined;
    const done = chosen !== undefined ? await take(chosen, talk) : await command(word, talk);
    if (done !== undefined) return done;
  }
}

function choices({ offered, request, fixes }: RepairTalk): string[] {
  return [
    ...(fixes.at(-1)?.lines ?? []).map(harmless),
    ...menu(offered.length, request.live !== undefined, fixes.length > 0),
  ];
}

/** A fix that arrives is offered there and then; while the terminal is lent, when it is back. */
async function watchForFixes(talk: RepairTalk, signal: AbortSignal): Promise<void> {
  const { options, request, fixes, show, lines } = talk;
  if (options.fixes === undefined) return;
  try {
    for await (const fix of options.fixes(request, signal)) {
      fixes.push(fix);
      if (lines.lent) continue;
      show('', ...choices(talk));
      options.output.write('> ');
    }
  } catch (error) {
    if (signal.aborted) return;
    // To wait for a fix is a favour: without it the person still decides.
    show(`Fixes that arrive cannot be told: ${error instanceof Error ? harmless(error.message) : String(error)}`);
  }
}

async function command(word: string, talk: RepairTalk): Promise<RepairAnswer | undefined> {
  const { show, offered, request, fixes } = talk;
  switch (word) {
    case 'e':
      return (await edit(talk)) ?? again(talk);
    case 't':
      return (await takeOver(talk, (operations, summary) => checked(operations, summary, talk))) ?? again(talk);
    case 'r':
      return { kind: 'retry' };
    case 'b':
      return rollBack(talk);
    case 'f':
      return takeFix(fixes.at(-1), talk);
    case 's':
      return (await skip(talk)) ?? again(talk);
    case 'a':
      return { kind: 'abort', reason: 'the person ended it' };
    case '?':
      show(...help(offered.length, request));
      return undefined;
    case '':
      return undefined;
    default:
      show(`"${harmless(word)}" is not one of the choices.`, ...choices(talk));
      return undefined;
  }
}

function again(talk: RepairTalk): undefined {
  talk.show(...choices(talk));
}

/** A suggestion becomes the person's own change: they chose it. */
async function take(chosen: Suggestion, talk: RepairTalk): Promise<RepairAnswer | undefined> {
  if (chosen.warning !== undefined && !(await agrees(talk, `${capital(chosen.warning)}. Take it all the same?`))) {
    return undefined;
  }
  return checked(chosen.operations, suggestionInWords(chosen), talk);
}

/** It stays its author's: the engine takes it back if it does not help. */
function takeFix(fix: Fix | undefined, { request, show }: RepairTalk): RepairAnswer | undefined {
  if (fix === undefined) {
    show('No fix has arrived.');
    return undefined;
  }
  try {
    applyOperations(request.resolved.of, fix.answer.operations);
    return fix.answer;
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    show(...problemLines(error));
    return undefined;
  }
}

/** Applied on trial: what cannot be applied is said, what most likely goes wrong is asked about. */
async function checked(
  operations: readonly Operation[],
  summary: string,
  talk: RepairTalk,
): Promise<RepairAnswer | undefined> {
  const before = talk.request.resolved.of;
  let after: CheckedRecipe;
  try {
    after = applyOperations(before, operations);
  } catch (error) {
    if (!(error instanceof PortalgunError)) throw error;
    talk.show(...problemLines(error));
    return undefined;
  }
  const doubts = newErrors(before, after);
  if (doubts.length > 0) {
    talk.show(...doubts.map((doubt) => `careful: ${doubt}`));
    if (!(await agrees(talk, 'Use it all the same?'))) return undefined;
  }
  return { kind: 'patch', operations, origin: 'human', summary };
}

function newErrors(before: CheckedRecipe, after: CheckedRecipe): string[] {
  const words = (recipe: CheckedRecipe) =>
    lintRecipe(recipe)
      .filter(({ severity }) => severity === 'error')
      .map(({ step, message }) => `${step === undefined ? '' : `${step}: `}${message}`);
  const known = new Set(words(before));
  return words(after).filter((one) => !known.has(one));
}

async function edit(talk: RepairTalk): Promise<RepairAnswer | undefined> {
  const { request, show } = talk;
  const { step, resolved } = request;
  const unchanged = { kind: 'unchanged' } as const;
  const answer = await editSteps(talk, step, heading(request), async (steps) => {
    const [edited, ...more] = steps;
    if (edited === undefined) return undefined;
    const operations: readonly Operation[] = [
      ...changingStep(resolved, step, edited),
      ...more.map((added, index): Operation => ({
        op: 'insert-step',
        after: steps[index]?.id ?? step.id,
        step: added,
      })),
    ];
    if (operations.length === 0 && stepDigest(edited) === stepDigest(step)) return unchanged;
    return checked(operations, `the step "${step.id}" edited by hand`, talk);
  });
  if (answer?.kind !== 'unchanged') return answer;
  show('The step is as it was: nothing changed.');
  return undefined;
}

/** A step that the recipe can do without. */
async function skip(talk: RepairTalk): Promise<RepairAnswer | undefined> {
  const { step, resolved } = talk.request;
  if (!resolved.of.recipe.steps.some(({ id }) => id === step.id)) {
    talk.show(`The step "${step.id}" is not one of \`steps\`: edit the recipe instead.`);
    return undefined;
  }
  const operations: readonly Operation[] = [{ op: 'remove-step', id: step.id, was: stepDigest(step) }];
  return checked(operations, `the step "${step.id}" taken out`, talk);
}

async function rollBack({ request, lines, show, signal }: RepairTalk): Promise<RepairAnswer | undefined> {
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

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
