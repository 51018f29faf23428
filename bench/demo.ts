/** The main job, second run: homes are fresh, only verified media, fonts and the accelerator probe are cached. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import readline from 'node:readline';
import { ownJson } from '../src/node/own-json.ts';
import type { Figure } from './figure.ts';

export async function benchDemo(): Promise<Figure[]> {
  const home = await mkdtemp(path.join(tmpdir(), 'pg-bench-'));
  try {
    await demo(home);
    const phases = await demo(home);
    const total = phases.reduce((sum, { tookMs }) => sum + tookMs, 0);
    return [
      ...phases.map(({ phase, tookMs }): Figure => ({ what: phase, value: tookMs / 1000, unit: 's' })),
      { what: 'all phases', value: total / 1000, unit: 's' },
    ];
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

interface Phase {
  readonly phase: string;
  readonly tookMs: number;
}

async function demo(home: string): Promise<Phase[]> {
  const program = path.resolve(import.meta.dirname, '../portalgun');
  const child = spawn(program, ['demo', '--exit', '--json'], {
    env: { ...process.env, PORTALGUN_HOME: home },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const phases: Phase[] = [];
  for await (const line of readline.createInterface({ input: child.stdout })) phases.push(ownJson<Phase>(line));
  const code = child.exitCode ?? (await new Promise<number | null>((resolve) => child.once('exit', resolve)));
  if (code !== 0) throw new Error(`the demo ended with exit code ${code}`);
  return phases;
}
