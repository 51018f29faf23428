/** Starts a program as if this host were another: on one processor, under another name. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { UnavailableError } from '../../errors.ts';
import { findProgram, type Command } from './confinement.ts';
import type { Surroundings } from './types.ts';

/** `$1` is the name; a name of its own is seen by this program and its children alone. */
const RENAMED = 'hostname "$1" && shift && exec "$@"';

/** What of it can be arranged here: util-linux has the programs, and a name of its own takes root. */
export async function canSurround(): Promise<Readonly<Record<keyof Surroundings, boolean>>> {
  const runs = async (program: string, ...args: readonly string[]): Promise<boolean> => {
    const found = await findProgram(program);
    if (found === null) return false;
    return promisify(execFile)(found, args).then(
      () => true,
      () => false,
    );
  };
  return {
    cpu: await runs('taskset', '--version'),
    hostName: await runs('unshare', '--uts', '--', 'sh', '-c', RENAMED, 'sh', 'trial', 'true'),
  };
}

/** Throws `machine/no-surroundings` for what `canSurround` says no to. */
export async function surround(command: Command, { cpu, hostName }: Surroundings): Promise<Command> {
  let { program, args } = command;
  const wrap = async (by: string, ...before: readonly string[]): Promise<void> => {
    const found = await findProgram(by);
    if (found === null)
      throw new UnavailableError('machine/no-surroundings', `${by} is not installed`, {
        hint: 'apt-get install util-linux',
      });
    args = [...before, program, ...args];
    program = found;
  };
  if (cpu !== undefined) await wrap('taskset', '--cpu-list', String(cpu));
  if (hostName !== undefined) await wrap('unshare', '--uts', '--', 'sh', '-c', RENAMED, 'sh', hostName);
  return { program, args };
}
