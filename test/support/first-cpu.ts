import { readFileSync } from 'node:fs';

/** The number of a processor that this process may run on: in a container it need not be 0 (proc_pid_status(5)). */
export function firstCpu(): number {
  return Number(/^Cpus_allowed_list:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0);
}
