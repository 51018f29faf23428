/** What a person is shown of a failing step: expected against seen, what comes near, and what can be done. Pure. */
import { describeCondition } from '../../recipe/conditions.ts';
import type { Suggestion } from '../../workshop/provision/suggest.ts';
import type { RepairRequest } from '../../workshop/provision/types.ts';
import { boxedScreen, harmless } from './boxed-screen.ts';
import { differenceMarks } from './differences.ts';

const SCREEN_ROWS = 24;

export function report(request: RepairRequest, offered: readonly Suggestion[], columns: number): string[] {
  const { failure, attempt, picture } = request;
  const marked = new Set(offered.map(({ row }) => row));
  const title = `── The step "${failure.stepId}" failed${attempt > 1 ? ` (asked ${attempt} times)` : ''} `;
  const several = new Set(offered.map(({ old }) => old)).size > 1;
  return [
    '',
    title.padEnd(columns, '─').slice(0, columns),
    ...wrapped('expected', `${PHASE_WORDS[failure.phase]} ${describeCondition(failure.expected)}`, columns),
    ...wrapped('because', failure.reason, columns),
    '   seen',
    ...boxedScreen(failure.seen, { columns, maxRows: SCREEN_ROWS, marked }),
    ...(picture === undefined ? [] : [`   picture   ${harmless(picture)}`]),
    ...serial(failure.serialTail, columns),
    ...(offered.length === 0 ? ['   Nothing on the screen comes near to what was expected.'] : ['   nearest']),
    ...offered.flatMap((one, at) => suggested(one, at + 1, several, columns)),
  ];
}

function suggested(one: Suggestion, number: number, several: boolean, columns: number): string[] {
  const { kind, text, old, row, similarity, warning } = one;
  const label = String(number);
  if (kind === 'new-question') {
    return wrapped(label, `"${text}" (row ${row + 1}) is new: answer it with Enter, then go on`, columns);
  }
  const likeness = kind === 'moved' ? 'moved' : `${Math.round(similarity * 100)} % alike`;
  const instead = several ? ` instead of "${old}"` : '';
  const marks = kind === 'moved' ? '' : differenceMarks(old, text);
  const lines = wrapped(label, `"${text}" (row ${row + 1}, ${likeness})${instead}`, columns);
  // The marks stand under the text: only where it is on one line.
  const fits = marks !== '' && (lines[0] ?? '').includes(`"${harmless(text)}"`);
  return [
    ...lines.slice(0, 1),
    ...(fits ? [`${' '.repeat(INDENT + 1)}${marks}`] : []),
    ...lines.slice(1),
    ...(warning === undefined ? [] : wrapped('', `careful: ${warning}`, columns)),
  ];
}

const INDENT = 6;

/** A label and a text beside it, broken between words where the terminal ends. */
export function wrapped(label: string, text: string, columns: number): string[] {
  const indent = `   ${label.padEnd(label.length > 2 ? 10 : INDENT - 3)}`;
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

/** Before the condition that was not met. */
export const PHASE_WORDS = {
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

export function menu(offered: number, live: boolean, arrived = false): string[] {
  const take = offered === 0 ? '' : offered === 1 ? '1 take it · ' : `1-${offered} take it · `;
  return [
    `   ${arrived ? 'f take the fix that arrived · ' : ''}${take}e edit the step${live ? ' · t take over' : ''} · r retry`,
    '   b roll back · s skip the step · a abort · ? help',
  ];
}

export function help(offered: number, request: RepairRequest): string[] {
  return [
    ...(offered > 0 ? ['   1, 2, …  the step expects that text from now on instead of its own'] : []),
    '   e        edit the step as YAML in $VISUAL or $EDITOR; it is checked before it is used',
    ...(request.live
      ? ['   t        your keys go to the machine until Ctrl-]; what you do becomes steps of the recipe']
      : []),
    '   r        try the same step again',
    `   b        go back to one of ${request.checkpoints.length} earlier states and go on from there`,
    '   s        take the step out of the recipe',
    '   a        end the build; what is done is resumed next time',
    '   After a change the build goes back to the checkpoint before the step and goes on by itself.',
  ];
}

export function heading({ failure }: RepairRequest): string {
  const reason = harmless(failure.reason);
  return `# The step "${failure.stepId}" failed: ${reason}\n# Save and leave the editor to try it; leave it unchanged to go back.\n`;
}
