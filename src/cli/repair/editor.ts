/** A text in the person's editor: a file that only they can read, gone afterwards. */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UnavailableError } from '../../errors.ts';

/** Resolves with the text as the person left it. */
export type Editor = (text: string, signal: AbortSignal) => Promise<string>;

/** `command` as in `$EDITOR`: a program with its options, which is given a file. It inherits our terminal. */
function editorCommand(command: string): Editor {
  return async (text, signal) => {
    const folder = await mkdtemp(join(tmpdir(), 'portalgun-edit-'));
    const file = join(folder, 'step.yaml');
    try {
      await writeFile(file, text, { mode: 0o600 });
      await runEditor(command, file, signal);
      return await readFile(file, 'utf8');
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  };
}

/** The person's own: `VISUAL`, else `EDITOR`, else vi. */
export function editorFor(environment: Readonly<Record<string, string | undefined>> | undefined): Editor {
  return editorCommand(environment?.['VISUAL'] || environment?.['EDITOR'] || 'vi');
}

/** By the shell, as POSIX says of `EDITOR`; the file name is an argument and never part of the command. */
function runEditor(command: string, file: string, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', `${command} "$@"`, 'editor', file], { stdio: 'inherit', signal });
    child.once('error', reject);
    child.once('exit', (code, ending) => {
      if (code === 0) return resolve();
      reject(
        new UnavailableError('cli/editor', `the editor "${command}" ended with ${ending ?? `exit code ${code}`}`, {
          hint: 'set EDITOR to a program that is installed, for example: export EDITOR=nano',
        }),
      );
    });
  });
}
