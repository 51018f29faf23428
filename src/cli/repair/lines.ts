/** Questions and answers, a line each, over any pair of streams. */
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';

export interface Lines {
  /** The next line without its end; `null` at the end of the input. Rejects when `signal` is aborted. */
  ask(prompt: string, signal: AbortSignal): Promise<string | null>;
  /** While `work` runs the input is somebody else's (an editor's). */
  lend<T>(work: () => Promise<T>): Promise<T>;
  close(): void;
}

export function readLines(input: Readable, output: Writable): Lines {
  // The terminal itself echoes and edits the line: nothing of ours may be in the way of the editor's raw mode.
  const reader = createInterface({ input, terminal: false });
  const waiting: string[] = [];
  const state = { ended: false };
  let wake: (() => void) | null = null;
  reader.on('line', (line) => {
    waiting.push(line);
    wake?.();
  });
  reader.on('close', () => {
    state.ended = true;
    wake?.();
  });
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
    async lend(work) {
      reader.pause();
      try {
        return await work();
      } finally {
        reader.resume();
      }
    },
    close() {
      reader.close();
    },
  };
}
