import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createTypist } from '../../../src/workshop/input/typist.ts';
import { startMachine } from '../../../src/workshop/machine/qemu.ts';
import type { Machine, MachineConfig, MachineEvent } from '../../../src/workshop/machine/types.ts';
import { eventually, grubIso, smallMachine, watch } from '../machine/guests.ts';
import { seeded } from '../../support/random.ts';

describe('GRUB on its rescue CD', function () {
  this.timeout(600_000);
  let folder: string;
  let config: MachineConfig;
  const machines: Machine[] = [];

  before(async function () {
    const iso = await grubIso(this);
    folder = await mkdtemp(join(tmpdir(), 'pg-grub-'));
    config = { ...smallMachine([{ id: 'cd', path: iso, format: 'raw', bus: 'cdrom' }]), memoryMiB: 128 };
  });

  after(async () => {
    await Promise.all(machines.map((machine) => machine.close()));
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  });

  async function start(options: { readonly restore?: { readonly memoryPath: string } } = {}): Promise<Machine> {
    const runtimeDir = join(folder, `run-${machines.length}`);
    const machine = await startMachine({ config, runtimeDir, accelerator: 'tcg', ...options });
    machines.push(machine);
    return machine;
  }

  it('is read without one unknown cell, chosen from, typed into exactly, saved, restored and switched off', async () => {
    const machine = await start();
    const eyes = watch(machine);
    const typist = createTypist({ machine, eyes: eyes.eyes });
    const menu = await eyes.until('Change the colors');
    assert.equal(menu.unknownCells, 0);
    assert.equal(menu.font, 'vga-font');
    assert.deepEqual([menu.columns, menu.rows], [80, 25]);
    const first = menu.lines.findIndex((line) => line.includes('*GNU/Linux'));
    assert.ok(menu.isHighlighted(first, 5));
    assert.ok(!menu.isHighlighted(first + 1, 5));
    assert.ok(!menu.isHighlighted(first, 1), 'the frame around it is not');

    // This entry changes colours and comes back to the menu, on which it is still the highlighted one.
    const colours = menu.cell(first + 1, 5);
    await typist.choose('Change the colors');
    await eventually('the menu has other colours', async () => {
      const { foreground, background } = (await eyes.read()).cell(first + 1, 5);
      return foreground !== colours.foreground || background !== colours.background;
    });

    await typist.press('c');
    await eyes.until('grub> ');
    const random = seeded(200);
    const text = Array.from({ length: 200 }, () => String.fromCharCode(0x21 + Math.floor(random() * 94))).join('');
    await typist.type(text);
    const typed = (await eyes.read()).lines.join('');
    assert.ok(typed.includes(`grub> ${text} `), typed);

    const { memoryPath } = await machine.save(join(folder, 'memory.zst'));
    await machine.close();
    const restored = await start({ restore: { memoryPath } });
    const seen = watch(restored);
    const screen = await seen.until('grub> ');
    assert.ok(screen.lines.join('').includes(`grub> ${text} `));

    const events: MachineEvent[] = [];
    restored.onEvent((event) => events.push(event));
    const hands = createTypist({ machine: restored, eyes: seen.eyes });
    await hands.press('ctrl-a');
    await hands.press('ctrl-k');
    await hands.type('halt');
    await hands.press('enter');
    await eventually('the guest switched itself off', () => events.length > 0);
    assert.deepEqual(events, [{ type: 'shutdown', byGuest: true }]);
    await restored.frame();
  });
});
