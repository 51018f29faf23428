/** The serial console of an image that runs, as a person has it in the terminal. */
import { outcomeOf, startCli } from './cli.ts';
import type { TestHome } from './temp-home.ts';

export interface Typist {
  /** Resolves with everything since the last answer, once `words` is in it. */
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
        const at = typeof words === 'string' ? text.indexOf(words) : text.search(words);
        if (at >= 0) {
          const seen = text;
          text = '';
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
