import { readFileSync } from 'node:fs';

/** The number of a processor that this process may run on: in a container it need not be 0 (proc_pid_status(5)). */
export const firstCpu = (): number => Number(/^\d+/.exec(allowed()));

/** Another one, where there are several: the first is what a build that varies its host takes too. */
export const lastCpu = (): number => Number(/\d+$/.exec(allowed()));

/** `0-3,8`. */
function allowed(): string {
  return /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0';
}
