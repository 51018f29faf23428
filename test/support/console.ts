/** The serial console of an image that runs, as a person has it in the terminal. */
import { outcomeOf, startCli } from './cli.ts';
import type { TestHome } from './temp-home.ts';

export interface Typist {
  /** Resolves with everything since the last answer up to the end of `words`, once they are there. What came with them is for the next. */
  until(words: string | RegExp): Promise<string>;
  send(line: string): void;
  /** Ctrl-]. Resolves with the exit code. */
  leave(): Promise<number | null>;
}

/** `portalgun run IMAGE`, with a console that tests type into. */
export function runConsole(home: TestHome, image: string, flags: readonly string[] = []): Typist {
  const child = startCli(home, ['run', image, ...flags]);
  const ended = outcomeOf(child);
  let text = '';
  let waiting: (() => void) | undefined;
  child.stdout!.on('data', (chunk: Buffer) => {
    text += String(chunk);
    waiting?.();
  });
  child.once('close', () => waiting?.());
  return {
    async until(words) {
      for (;;) {
        const end = typeof words === 'string' ? endOf(text, words) : endOf(text, words.exec(text)?.[0]);
        if (end !== undefined) {
          const seen = text.slice(0, end);
          text = text.slice(end);
          return seen;
        }
        if (child.exitCode !== null)
          throw new Error(`it ended before ${String(words)}: ${text}${(await ended).stderr}`);
        await new Promise<void>((resolve) => (waiting = resolve));
      }
    },
    send: (line) => void child.stdin!.write(`${line}\r`),
    async leave() {
      child.stdin!.write('\u001d');
      return (await ended).code;
    },
  };
}

function endOf(text: string, words: string | undefined): number | undefined {
  const at = words === undefined ? -1 : text.indexOf(words);
  return words === undefined || at < 0 ? undefined : at + words.length;
}
