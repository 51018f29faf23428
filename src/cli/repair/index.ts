/**
 * The person as a repair source, at their terminal.
 *
 * Promises: what was expected is shown against what is there, with the nearest text; an answer can be applied when it
 * leaves here, and what is wrong with one that cannot is said at once; nothing a guest draws is a command to the
 * person's terminal. Never: a question where nobody can answer (no terminal): then it explains, and ends the build.
 */
import { findText } from '../../workshop/screen/match.ts';
import { nearestLines } from '../../workshop/screen/nearest.ts';
import type { RepairSource } from '../../workshop/provision/types.ts';
import { editorFor, type Editor } from './editor.ts';
import { terminalRepair, type TerminalRepairOptions } from './terminal-repair.ts';

export type { Editor } from './editor.ts';
export type { Fix } from './terminal-repair.ts';

export interface PersonAtTerminal extends Pick<TerminalRepairOptions, 'input' | 'output' | 'fixes'> {
  /** For `VISUAL` and `EDITOR`. */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** Instead of theirs. */
  readonly editor?: Editor;
}

/** Asks the person who sits at `input` and `output`, if that is a terminal. */
export function createTerminalRepair({ input, output, environment, editor, fixes }: PersonAtTerminal): RepairSource {
  return terminalRepair({
    input,
    output,
    editor: editor ?? editorFor(environment),
    ...(environment?.['TERM'] !== undefined && { kind: environment['TERM'] }),
    ...(fixes && { fixes }),
    reader: { find: findText, nearest: nearestLines },
  });
}
