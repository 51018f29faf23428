/** Where the passphrase of a locked identity comes from, when nobody sits at a terminal: services read a file. */
import { readFile } from 'node:fs/promises';
import { UsageError } from '../errors.ts';

/** `again`: to be chosen, and so asked twice where a person types it. */
export type PassphraseSource = (again?: boolean) => Promise<string>;

/** `PORTALGUN_PASSPHRASE_FILE` (its first line), else `PORTALGUN_PASSPHRASE`, else `otherwise`. */
export function passphraseFrom(
  environment: Readonly<Record<string, string | undefined>>,
  otherwise: PassphraseSource = nobodyToAsk,
): PassphraseSource {
  const file = environment['PORTALGUN_PASSPHRASE_FILE'];
  if (file !== undefined && file !== '') return () => firstLine(file);
  const text = environment['PORTALGUN_PASSPHRASE'];
  return text !== undefined && text !== '' ? async () => text : otherwise;
}

async function firstLine(file: string): Promise<string> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new UsageError('identity/passphrase-needed', `cannot read the passphrase from ${file}`, {
      hint: 'PORTALGUN_PASSPHRASE_FILE names a file whose first line is the passphrase.',
      cause,
    });
  }
  return text.split(/\r?\n/, 1)[0] ?? '';
}

async function nobodyToAsk(): Promise<string> {
  throw new UsageError(
    'identity/passphrase-needed',
    'This identity is locked with a passphrase, and nobody is here to ask.',
    {
      hint: 'Run it at a terminal, or name a file that holds it in PORTALGUN_PASSPHRASE_FILE.',
    },
  );
}
