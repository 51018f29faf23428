/** A line that a person types and nobody sees: passphrases and recovery keys. */
import readline from 'node:readline/promises';
import { Writable } from 'node:stream';
import { UsageError } from '../errors.ts';
import type { PassphraseSource } from '../node/passphrase.ts';
import type { Streams } from './context.ts';

/** The terminal's echo is readline's here, and goes nowhere. Without a terminal the line is read as it comes. */
export async function hiddenLine(
  { stdin, stderr }: Pick<Streams, 'stdin' | 'stderr'>,
  question: string,
  signal: AbortSignal,
): Promise<string> {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const prompt = readline.createInterface({ input: stdin, output: nowhere, terminal: stdin.isTTY === true });
  stderr.write(question);
  const ended = Promise.withResolvers<string>();
  const onClose = (): void => ended.resolve('');
  prompt.once('close', onClose);
  try {
    return await Promise.race([prompt.question('', { signal }), ended.promise]);
  } finally {
    prompt.off('close', onClose);
    prompt.close();
    if (stdin.isTTY === true) stderr.write('\n');
  }
}

/** Asks at the terminal; twice where it is chosen. */
export function passphraseAt(streams: Streams, signal: AbortSignal): PassphraseSource {
  let known: Promise<string> | undefined;
  const ask = async (again: boolean): Promise<string> => {
    const first = await hiddenLine(streams, again ? 'New passphrase: ' : 'Passphrase: ', signal);
    if (again && (await hiddenLine(streams, 'Once more: ', signal)) !== first) {
      throw new UsageError('identity/passphrases-differ', 'The two passphrases are not the same.');
    }
    return first;
  };
  // One command asks once for what is locked already, however many keys that opens.
  return (again = false) => (again ? ask(true) : (known ??= ask(false)));
}
