/**
 * For how long a host has let a guest's processors wait for one of its own: on a busy host a guest is slow, and not stuck.
 * Linux tells it of each thread (the second number of `/proc/TID/schedstat`, nanoseconds; Documentation/scheduler/sched-stats).
 */
import { readFileSync } from 'node:fs';

/**
 * Of a guest whose processors are these threads. What is returned gives milliseconds in all so far: of each time between
 * two calls as much as the processor that waited most. 0 where the host does not tell, and no more once the threads are gone.
 */
export function measureWithheld(threads: readonly number[], waitOf = waitedNs): () => number {
  const last = new Map(threads.map((thread) => [thread, waitOf(thread)]));
  let totalNs = 0;
  return () => {
    let mostNs = 0;
    for (const [thread, beforeNs] of last) {
      const nowNs = waitOf(thread);
      mostNs = Math.max(mostNs, nowNs - beforeNs);
      last.set(thread, nowNs);
    }
    totalNs += mostNs;
    return totalNs / 1e6;
  };
}

function waitedNs(thread: number): number {
  try {
    return Number(/^\d+ (\d+) /.exec(readFileSync(`/proc/${thread}/schedstat`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0; // not Linux, a kernel without it, or a machine that has ended
  }
}
