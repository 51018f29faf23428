/** A person at a real terminal (util-linux's `script` gives the pty): what they see and type. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcessWithoutNullStreams } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';

/** Runs a program under a terminal of 80 columns and 40 rows. */
export function underTerminal(
  argv: readonly string[],
  environment: Readonly<Record<string, string | undefined>> = {},
  rows = 40,
): Person {
  const command = `stty cols 80 rows ${rows}; exec ${argv.map((word) => `'${word.replaceAll("'", String.raw`'\''`)}'`).join(' ')}`;
  const env = { ...process.env, TERM: 'xterm', ...environment };
  return new Person(spawn('script', ['-qec', command, '/dev/null'], { env }));
}

/** How long a text is waited for before the test fails with what is there instead, ms. */
const PATIENCE_MS = 240_000;
/** And how much of that is told, characters. */
const TOLD_CHARACTERS = 6_000;

export class Person {
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #ended: Promise<void>;
  #seen = '';
  #read = 0;
  #told: () => void = () => undefined;

  constructor(child: ChildProcessWithoutNullStreams) {
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk: Buffer) => {
        this.#seen += chunk.toString();
        this.#told();
      });
    }
    this.#ended = new Promise((resolve) => child.once('close', () => resolve()));
    void this.#ended.then(() => this.#told());
  }

  /** Waits until `text` shows after what was read before; gives all up to it. */
  async reads(text: string): Promise<string> {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    patience.addEventListener('abort', () => this.#told(), { once: true });
    for (;;) {
      const at = this.#seen.indexOf(text, this.#read);
      if (at >= 0) {
        const part = this.#seen.slice(this.#read, at + text.length);
        this.#read = at + text.length;
        return stripVTControlCharacters(part);
      }
      assert.ok(!patience.aborted, `${JSON.stringify(text)} never came:\n${this.#seen.slice(-TOLD_CHARACTERS)}`);
      assert.ok(this.#child.exitCode === null, `it ended without ${JSON.stringify(text)}:\n${this.#seen}`);
      await new Promise<void>((resolve) => {
        this.#told = resolve;
      });
    }
  }

  types(text: string): void {
    this.#child.stdin.write(text);
  }

  /** Whatever is left of it ends with its terminal. */
  leave(): void {
    this.#child.kill();
  }

  /** All that the terminal has shown. */
  get shown(): string {
    return this.#seen;
  }

  /** Waits until the program has ended. */
  async ends(): Promise<void> {
    await this.#ended;
  }

  async result(): Promise<string> {
    await this.reads('RESULT ');
    const result = await this.reads('\n');
    this.#child.stdin.end();
    await this.#ended;
    return result.trim();
  }
}
