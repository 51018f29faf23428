/**
 * Which accelerator really works here. That /dev/kvm is there and opens says nothing: on some hosts a guest then hangs for
 * ever, on others QEMU aborts. Only the full proof of the probe ROM selects an accelerator; else it is software emulation,
 * whose own proof must pass too.
 */
import { access, constants, mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { UnavailableError } from '../../errors.ts';
import { PROBE_MS, PROBE_TCG_MS } from './limits.ts';
import { runProbe } from './probe.ts';
import type { ProbeResult } from './probe.ts';
import { isObject } from './qmp.ts';
import type { Machine } from './types.ts';

type Accelerator = Machine['accelerator'];

export interface AcceleratorOptions {
  /** Default: `qemu-system-x86_64`. */
  readonly qemu?: string;
  /** Where the choice is kept until the host boots again; absent: not kept. */
  readonly cacheFile?: string;
  /** What changes when the host boots (`hostBootId`). */
  readonly bootId: string;
  /** Hardware accelerators to try, best first (`acceleratorCandidates`). */
  readonly candidates: readonly Accelerator[];
  /** Milliseconds that a hardware accelerator may take. */
  readonly limitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

export interface AcceleratorChoice {
  readonly accelerator: Accelerator;
  /** What was tried to come to it, in order; empty where the choice was kept from before. */
  readonly probes: readonly ProbeResult[];
}

/** Rejects with `machine/no-accelerator` where not even software emulation runs the probe. */
export async function probeAccelerator(options: AcceleratorOptions): Promise<AcceleratorChoice> {
  const { qemu = 'qemu-system-x86_64', cacheFile, candidates, signal } = options;
  const key = JSON.stringify([options.bootId, qemu, candidates]);
  const kept = cacheFile === undefined ? undefined : await readChoice(cacheFile, key);
  if (kept) return { accelerator: kept, probes: [] };
  const probes: ProbeResult[] = [];
  for (const accelerator of [...candidates.filter((one) => one !== 'tcg'), 'tcg' as const]) {
    const limitMs = accelerator === 'tcg' ? PROBE_TCG_MS : (options.limitMs ?? PROBE_MS);
    const result = await runProbe({ accelerator, qemu, limitMs, signal });
    probes.push(result);
    if (!result.passed) continue;
    if (cacheFile !== undefined) await keepChoice(cacheFile, key, accelerator);
    return { accelerator, probes };
  }
  const last = probes.at(-1);
  throw new UnavailableError(
    'machine/no-accelerator',
    `QEMU cannot run a guest here, not even in software: ${last?.end}`,
    {
      hint: 'does `qemu-system-x86_64 -accel tcg` start? apt-get install --reinstall qemu-system-x86',
      facts: { probes },
    },
  );
}

/** Hardware acceleration that this kind of host may have. */
export async function acceleratorCandidates(platform: NodeJS.Platform = process.platform): Promise<Accelerator[]> {
  if (platform === 'darwin') return ['hvf'];
  if (platform !== 'linux') return [];
  try {
    await access('/dev/kvm', constants.R_OK | constants.W_OK);
    return ['kvm'];
  } catch {
    // Not there, or not ours to open: nothing to try.
    return [];
  }
}

/** Changes each time the host boots. Where the host does not say, each process counts as a boot of its own. */
export async function hostBootId(): Promise<string> {
  try {
    return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
  } catch {
    // Not Linux. A choice kept too long would be wrong; one made anew costs a second.
    return `process-${process.pid}-${Math.round(performance.timeOrigin)}`;
  }
}

async function readChoice(file: string, key: string): Promise<Accelerator | undefined> {
  try {
    const kept: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (!isObject(kept) || kept['key'] !== key) return undefined;
    return (['kvm', 'hvf', 'tcg'] as const).find((one) => one === kept['accelerator']);
  } catch {
    // Missing or damaged: the probe is run, and the file written anew.
    return undefined;
  }
}

async function keepChoice(file: string, key: string, accelerator: Accelerator): Promise<void> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  const partial = `${file}.${process.pid}`;
  await writeFile(partial, `${JSON.stringify({ key, accelerator })}\n`);
  await rename(partial, file);
}
