/** What every part of a talk with the person at the terminal needs. */
import type { PortalgunError } from '../../errors.ts';
import type { Editor } from './editor.ts';
import type { Lines } from './lines.ts';

export interface Conversation {
  readonly lines: Lines;
  readonly show: (...lines: readonly string[]) => void;
  readonly editor: Editor;
  readonly signal: AbortSignal;
}

/** Anything but a yes, the end of the input included, is a no. */
export async function agrees({ lines, signal }: Conversation, question: string): Promise<boolean> {
  const answer = await lines.ask(`${question} [y/N] `, signal);
  return answer !== null && /^y(es)?$/i.test(answer.trim());
}

export function problemLines(error: PortalgunError): string[] {
  return [`This cannot be used: ${error.message}`, ...(error.hint === undefined ? [] : [`  ${error.hint}`])];
}
