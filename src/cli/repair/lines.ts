/** Questions and answers, a line each, over any pair of streams. */
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export interface Lines {
  /** The next line without its end; `null` at the end of the input. Rejects when `signal` is aborted. */
  ask(prompt: string, signal: AbortSignal): Promise<string | null>;
  /** While `work` runs the input is somebody else's (an editor's, a machine's): nothing here reads it. */
  lend<T>(work: () => Promise<T>): Promise<T>;
  /** True while it is somebody else's. */
  readonly lent: boolean;
  close(): void;
}

export function readLines(input: Readable, output: Writable): Lines {
  const waiting: string[] = [];
  const state = { ended: false, lent: false };
  let wake: (() => void) | null = null;
  let reader = open();

  function open(): Interface {
    // The terminal itself echoes and edits the line: nothing of ours may be in the way of the editor's raw mode.
    const opened = createInterface({ input, terminal: false });
    opened.on('line', (line) => {
      waiting.push(line);
      wake?.();
    });
    opened.on('close', () => {
      if (state.lent) return;
      state.ended = true;
      wake?.();
    });
    return opened;
  }

  return {
    async ask(prompt, signal) {
      signal.throwIfAborted();
      output.write(prompt);
      while (waiting.length === 0 && !state.ended) {
        await new Promise<void>((resolve) => {
          wake = resolve;
          signal.addEventListener('abort', () => resolve(), { once: true });
        });
        signal.throwIfAborted();
      }
      return waiting.shift() ?? null;
    },
    get lent() {
      return state.lent;
    },
    async lend(work) {
      state.lent = true;
      reader.close();
      try {
        return await work();
      } finally {
        state.lent = false;
        reader = open();
      }
    },
    close() {
      reader.close();
    },
  };
}
