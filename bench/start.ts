/** How long `portalgun --help` takes, beside Node alone doing nothing. */
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { median, type Figure } from './figure.ts';

const RUNS = 15;
const run = promisify(execFile);

export async function benchStart(): Promise<Figure[]> {
  const program = path.resolve(import.meta.dirname, '../portalgun');
  const help: number[] = [];
  const bare: number[] = [];
  await run(program, ['--help']); // fills the compile cache, as any first use does
  for (let round = 0; round < RUNS; round += 1) {
    help.push(await timed(() => run(program, ['--help'])));
    bare.push(await timed(() => run(process.execPath, ['--eval', '0'])));
  }
  return [
    { what: 'portalgun --help, median', value: median(help), unit: 'ms' },
    { what: 'node doing nothing, median', value: median(bare), unit: 'ms' },
    { what: 'ratio', value: median(help) / median(bare), unit: 'ratio' },
  ];
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await work();
  return performance.now() - startedAtMs;
}
