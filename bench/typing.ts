/**
 * How fast text is typed into a real guest where every character is read back before the next few are sent: GRUB's shell, one
 * line after the other, nothing lost.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createTypist } from '../src/workshop/input/index.ts';
import { startMachine } from '../src/workshop/machine/index.ts';
import type { Machine } from '../src/workshop/machine/types.ts';
import { learnVgaFont } from '../src/workshop/screen/index.ts';
import { findText } from '../src/workshop/screen/match.ts';
import type { Eyes } from '../src/workshop/screen/types.ts';
import { furnish } from './drive.ts';
import { median, quantile, type Figure } from './figure.ts';

const RECIPE = `recipe: 1
name: typing
version: 1.0.0
media:
  iso: { package: grub-rescue-pc, path: usr/lib/grub-rescue/grub-rescue-cdrom.iso }
machine: { arch: x86_64, memory: 128M }
steps: [{ id: shell, expect: { text: 'grub>' } }]
`;
const LINES = 30;
/** All printable characters, so that half of them need Shift. */
const LINE = Array.from({ length: 94 }, (_, index) => String.fromCharCode(0x21 + index)).join('');

export async function benchTyping(): Promise<Figure[]> {
  const home = await mkdtemp(path.join(tmpdir(), 'pg-typing-'));
  const signal = AbortSignal.timeout(600_000);
  try {
    const { plan, host, senses } = await furnish(RECIPE, home, signal);
    const { accelerator } = host;
    const machine = await startMachine({ config: plan.config, runtimeDir: path.join(home, 'vm'), accelerator, signal });
    try {
      return await measured(machine, senses.eyes, host.factor, signal);
    } finally {
      await machine.close();
    }
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

async function measured(machine: Machine, eyes: Eyes, hostFactor: number, signal: AbortSignal): Promise<Figure[]> {
  const typist = createTypist({ machine, eyes, hostFactor });
  await until('The highlighted entry', machine, eyes, signal);
  await typist.press('c');
  await until('grub>', machine, eyes, signal);
  const rates: number[] = [];
  let retyped = 0;
  for (let count = 0; count < LINES; count += 1) {
    const startedAtMs = performance.now();
    retyped += (await typist.type(LINE, {}, signal)).retyped;
    rates.push((LINE.length * 1_000) / (performance.now() - startedAtMs));
    await typist.press('ctrl-a');
    await typist.press('ctrl-k');
  }
  return [
    { what: 'characters a second, median of lines', value: median(rates), unit: 'count', note: `${LINES} lines of 94` },
    { what: 'characters a second, slowest line but a twentieth', value: quantile(rates, 0.05), unit: 'count' },
    { what: 'characters typed more than once', value: retyped, unit: 'count' },
  ];
}

async function until(text: string, machine: Machine, eyes: Eyes, signal: AbortSignal): Promise<void> {
  for (;;) {
    const screen = eyes.read(await machine.frame(signal));
    if (findText(screen, text).length > 0) return;
    const font = screen.unknownCells > 0 ? await learnVgaFont(machine) : null;
    if (font !== null) eyes.learn(font);
    await sleep(20, undefined, { signal });
  }
}
