/** Joins a terminal to a guest's first serial port, until the person leaves or the guest is gone. */
import type { Readable, Writable } from 'node:stream';
import type { Machine } from '../workshop/machine/types.ts';

/** Ctrl-], as telnet has it: the one key that the guest does not get. */
export const LEAVE_KEY = 0x1d;

/** Milliseconds between looks at the guest's output. */
const POLL_MS = 15;

export interface Console {
  readonly input: Readable & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown };
  readonly output: Writable;
}

export type ConsoleEnd =
  | { readonly reason: 'left' }
  | { readonly reason: 'guest-off' }
  | { readonly reason: 'aborted' }
  | { readonly reason: 'died'; readonly status: string; readonly lastWords: string };

/** Resolves at the end; all the guest has said by then is written. The terminal is as it was before. */
export async function attachConsole(
  machine: Pick<Machine, 'serialOutput' | 'writeSerial' | 'onEvent'>,
  console: Console,
  signal?: AbortSignal,
): Promise<ConsoleEnd> {
  const { input, output } = console;
  let written = 0;
  const flush = (): void => {
    const said = machine.serialOutput();
    if (said.length === written) return;
    // A copy: the view goes on changing.
    output.write(Buffer.from(said.subarray(written)));
    written = said.length;
  };
  input.setRawMode?.(true);
  const poll = setInterval(flush, POLL_MS);
  const undo: (() => void)[] = [];
  try {
    return await new Promise<ConsoleEnd>((resolve, reject) => {
      const onData = (chunk: Buffer | string): void => {
        const typed = Buffer.from(chunk);
        const leave = typed.indexOf(LEAVE_KEY);
        const sent = leave < 0 ? typed : typed.subarray(0, leave);
        if (sent.length > 0) machine.writeSerial(sent).catch(reject);
        if (leave >= 0) resolve({ reason: 'left' });
      };
      const onAbort = (): void => resolve({ reason: 'aborted' });
      input.on('data', onData);
      signal?.addEventListener('abort', onAbort, { once: true });
      if (signal?.aborted === true) onAbort();
      const forget = machine.onEvent((event) => {
        if (event.type === 'shutdown') resolve({ reason: 'guest-off' });
        if (event.type === 'died') {
          resolve({ reason: 'died', status: event.status, lastWords: event.lastWords });
        }
      });
      undo.push(
        () => input.off('data', onData),
        () => signal?.removeEventListener('abort', onAbort),
        forget,
      );
    });
  } finally {
    for (const each of undo) each();
    clearInterval(poll);
    flush();
    input.setRawMode?.(false);
    // A paused terminal lets the program end.
    input.pause();
  }
}
