/**
 * Plays a person at a terminal: runs a command under a pseudo-terminal (util-linux's `script`) and answers its prompts.
 * Everything typed is shown, so that who watches the demo sees what the person did.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { FailedError, InterruptedError } from '../../errors.ts';
import type { Environment } from '../../node/home.ts';

/** When `prompt` appears on the terminal, `answer` is typed. Each is used once, in order. */
export interface Answer {
  readonly prompt: RegExp;
  readonly answer: string;
  readonly because: string;
}

export interface Terminal {
  readonly environment: Environment;
  readonly signal: AbortSignal;
  /** Each line the command prints, without control sequences. */
  readonly onLine: (line: string) => void;
  readonly onAnswer: (answer: Answer) => void;
  /** For a prompt that was not reckoned with: nobody sits there who could think of something. */
  readonly unforeseen?: Answer;
}

/** Resolves with what was printed. Rejects with `demo/person` where the command fails or a prompt never came. */
export async function atTerminal(
  argv: readonly string[],
  answers: readonly Answer[],
  terminal: Terminal,
): Promise<string> {
  const command = argv.map(quote).join(' ');
  const child = spawn('script', ['--quiet', '--flush', '--return', '--command', command, '/dev/null'], {
    env: { ...terminal.environment, TERM: 'dumb', COLUMNS: '100' },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const interrupt = (): void => void child.kill('SIGINT');
  terminal.signal.addEventListener('abort', interrupt, { once: true });
  const pending = [...answers];
  let printed = '';
  let line = '';
  let unanswered = '';
  child.stdout.setEncoding('utf8');
  child.stdout.on('data', (chunk: string) => {
    const text = plain(chunk);
    printed += text;
    line += text;
    unanswered += text;
    const lines = line.split('\n');
    line = lines.pop() ?? '';
    for (const whole of lines) terminal.onLine(whole);
    const next = pending[0];
    if (next && next.prompt.test(unanswered)) {
      pending.shift();
      unanswered = '';
      terminal.onAnswer(next);
      child.stdin.write(`${next.answer}\n`);
    } else if (terminal.unforeseen?.prompt.test(unanswered) === true) {
      unanswered = '';
      terminal.onAnswer(terminal.unforeseen);
      child.stdin.write(`${terminal.unforeseen.answer}\n`);
    }
  });
  // All that it has printed was read then, which at its exit it need not be.
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  terminal.signal.removeEventListener('abort', interrupt);
  if (line !== '') terminal.onLine(line);
  if (terminal.signal.aborted) throw new InterruptedError();
  if (code !== 0) throw new FailedError('demo/person', `${argv.slice(3).join(' ')} ended with exit code ${code}`);
  const first = pending[0];
  if (first) throw new FailedError('demo/person', `the prompt ${first.prompt} never came`);
  return printed;
}

/** The person's editor: a command that writes `text` into the step's `expect` and saves. */
export function editorThatExpects(text: string): string {
  return [process.execPath, path.join(import.meta.dirname, 'editor.ts'), text].map(quote).join(' ');
}

function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** Without escape sequences and carriage returns. */
function plain(text: string): string {
  // oxlint-disable-next-line no-control-regex -- escape sequences are control characters
  return text.replace(/\u001b\[[0-9;?]*[A-Za-z]/g, '').replaceAll('\r', '');
}
