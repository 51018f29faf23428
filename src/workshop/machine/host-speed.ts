/** How fast this host runs a guest: what timeouts are multiplied by, so that a recipe is never tuned to one machine. */
import { UnavailableError } from '../../errors.ts';
import { HOST_FACTOR_MOST, PROBE_REFERENCE_MS, PROBE_TCG_MS } from './limits.ts';
import { runProbe } from './probe.ts';
import type { Machine } from './types.ts';

export interface HostSpeed {
  readonly probeMs: number;
  /** 1 to 30: how many times slower than the reference. */
  readonly hostFactor: number;
}

export interface MeasureOptions {
  readonly accelerator: Machine['accelerator'];
  readonly qemu?: string;
  readonly signal?: AbortSignal | undefined;
}

/** Times the probe ROM, as the host is now. Rejects with `machine/accelerator-failed` if it does not pass any more. */
export async function measureHost({ accelerator, qemu, signal }: MeasureOptions): Promise<HostSpeed> {
  const result = await runProbe({ accelerator, qemu: qemu ?? 'qemu-system-x86_64', limitMs: PROBE_TCG_MS, signal });
  if (!result.passed) {
    throw new UnavailableError(
      'machine/accelerator-failed',
      `the accelerator ${accelerator} does not work now: ${result.end}`,
      {
        hint: 'remove the kept choice of accelerator, so that it is made anew',
        facts: { ...result },
      },
    );
  }
  return { probeMs: result.tookMs, hostFactor: hostFactor(result.tookMs) };
}

/** From the time that the probe took. */
export function hostFactor(probeMs: number): number {
  return Math.min(HOST_FACTOR_MOST, Math.max(1, probeMs / PROBE_REFERENCE_MS));
}
