import os from 'node:os';
import path from 'node:path';
import { examine, type Finding } from '../../node/doctor.ts';
import { acceleratorCandidates, hostBootId, probeAccelerator } from '../../workshop/machine/index.ts';
import type { Context } from '../context.ts';
import { columns, paint, printResult, table } from '../output.ts';

const MARK = { ok: 'ok', warning: 'note', missing: 'MISSING' } as const;
const COLOUR = { ok: 'green', warning: 'yellow', missing: 'red' } as const;

export async function doctor(context: Context): Promise<number> {
  const findings = await examine({
    environment: context.environment,
    dataFolder: context.home.data,
    nodeVersion: process.version,
    availableMemoryMiB: Math.floor(os.freemem() / 2 ** 20),
    accelerator: () => whichAccelerator(context),
  });
  const healthy = findings.every(({ state }) => state !== 'missing');
  printResult(context, { healthy, findings }, () => describe(context, findings, healthy));
  return healthy ? 0 : 5;
}

function describe(context: Context, findings: readonly Finding[], healthy: boolean): string[] {
  const rows = findings.map(({ what, state, detail }) => [what, MARK[state], detail]);
  const [header = '', ...lines] = table(['what', '', 'detail'], rows, columns(context));
  const painted = lines.map((line, index) => {
    const state = findings[index]?.state ?? 'ok';
    return line.replace(MARK[state], paint(context, 'stdout', COLOUR[state], MARK[state]));
  });
  const mends = mendLines(findings, columns(context));
  return [header, ...painted, '', healthy ? 'Nothing is missing.' : 'To mend:', ...mends];
}

/** What is to be copied stays whole, on a line of its own where it does not fit beside what it mends. */
export function mendLines(findings: readonly Finding[], width: number): string[] {
  return findings.flatMap(({ what, mend }) => {
    if (mend === undefined) return [];
    const line = `  ${what}: ${mend}`;
    return line.length <= width ? [line] : [`  ${what}:`, `    ${mend}`];
  });
}

async function whichAccelerator(context: Context): Promise<{ name: string; detail: string }> {
  const { accelerator, probes } = await probeAccelerator({
    cacheFile: path.join(context.home.cacheDir, 'accelerator.json'),
    bootId: await hostBootId(),
    candidates: await acceleratorCandidates(),
    signal: context.signal,
  });
  const failed = probes
    .filter(({ passed }) => !passed)
    .map((probe) => `${probe.accelerator} was tried and failed (${probe.end})`);
  return { name: accelerator, detail: failed.length > 0 ? failed.join(', ') : 'it ran a test program' };
}
