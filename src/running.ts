/** Whether a process still runs: for files that say which one they belong to. */
import { readFile } from 'node:fs/promises';
import { errnoOf } from './errors.ts';

/** Whether there is a process of this number. It may be a later one than is meant, where `startOf` cannot tell. */
export function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/**
 * When a process started, in clock ticks since boot (proc_pid_stat(5), field 22): tells it from a later one with the same
 * number. Undefined where there is no such process, or no /proc.
 */
export async function startOf(pid: number): Promise<string | undefined> {
  try {
    const text = await readFile(`/proc/${pid}/stat`, 'utf8');
    // The second field is the program's name in brackets and may hold anything.
    return text
      .slice(text.lastIndexOf(')') + 2)
      .split(' ')
      .at(19);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}
