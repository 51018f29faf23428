/**
 * Captures the screens of test/fixtures/screens from real boots: the picture, and the text that it holds as the hardware
 * model reports it. Media are verified Debian packages, as in a build. Needs QEMU.
 * usage: node scripts/capture-screens.ts [grub] [kernel] [installer]
 */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { KEYS_FOLDER } from '../src/node/keys-folder.ts';
import { encodePng } from '../src/picture/index.ts';
import { parseRecipe, resolveRecipe } from '../src/recipe/index.ts';
import { createTypist } from '../src/workshop/input/typist.ts';
import { startMachine } from '../src/workshop/machine/index.ts';
import type { Machine, MachineConfig } from '../src/workshop/machine/types.ts';
import { prepareMedia } from '../src/workshop/media/index.ts';
import type { VerifiedMedia } from '../src/workshop/media/types.ts';
import { CP437 } from '../src/workshop/screen/cp437.ts';
import { createFontLearner } from '../src/workshop/screen/font-learner.ts';
import { createEyes } from '../src/workshop/screen/index.ts';
import type { Eyes, ScreenText } from '../src/workshop/screen/types.ts';
import { INSTALLER_MEDIA, installerFonts } from '../test/support/screen-fixtures.ts';
import { TEST_CACHE } from '../test/support/test-cache.ts';

const FOLDER = path.resolve(import.meta.dirname, '../test/fixtures/screens');
const GRUB_MEDIA = '{ iso: { package: grub-rescue-pc, path: usr/lib/grub-rescue/grub-rescue-cdrom.iso } }';
const TEXT_MEMORY = 0xb8000;
const TEXT_MEMORY_BYTES = 32 * 1024;
const SIGNAL = AbortSignal.timeout(30 * 60_000);

type By = 'vga' | 'serial' | 'reading';

interface Stage {
  readonly machine: Machine;
  readonly eyes: Eyes;
  readonly font: string;
}

async function grub(folder: string): Promise<void> {
  const { iso } = await mediaOf(GRUB_MEDIA);
  if (!iso) throw new Error('no CD');
  const disks = [{ id: 'iso', path: iso.path, format: 'raw', bus: 'cdrom', readOnly: true }] as const;
  await onStage(folder, { memoryMiB: 128, disks }, createEyes(), 'vgabios', async (stage) => {
    const typist = createTypist({ machine: stage.machine, eyes: stage.eyes });
    await shows(stage, 'GNU GRUB');
    await typist.press('down');
    await capture(stage, 'grub-menu', 'vga', 'GNU GRUB');
    await typist.press('e');
    await capture(stage, 'grub-editor', 'vga', 'Emacs-like');
    await typist.press('esc');
    await shows(stage, 'GNU/Linux');
    await typist.press('c');
    await shows(stage, 'grub>');
    await typist.type('set color_normal=yellow/blue; ls; lspci', { echo: true });
    await typist.press('enter');
    await capture(stage, 'grub-shell', 'vga', '00:00.0');
  });
}

/** A kernel's console in text mode, scrolled by the hardware, and the same on a frame buffer with the kernel's own font. */
async function kernel(folder: string): Promise<void> {
  const { kernel: linux, initrd } = await mediaOf(INSTALLER_MEDIA);
  if (!linux || !initrd) throw new Error('no kernel');
  const args = 'rdinit=/bin/sh console=ttyS0 console=tty0';
  const boot = { kernel: { path: linux.path, initrd: initrd.path, args }, memoryMiB: 512 };
  await onStage(folder, boot, createEyes(), 'vgabios', async (stage) => {
    const typist = createTypist({ machine: stage.machine, eyes: stage.eyes });
    await shows(stage, '~ #');
    await typist.type('ls -l /', { echo: true });
    await typist.press('enter');
    await capture(stage, 'kernel-console', 'vga', 'sbin');
    await typist.type('mount -t proc p /proc; mount -t sysfs s /sys; modprobe bochs', { echo: true });
    await typist.press('enter');
    await fresh({ ...stage, eyes: createEyes(await installerFonts('kernel')) }, 'frame buffer');
    await capture(
      { ...stage, eyes: createEyes(await installerFonts('kernel')), font: 'kernel' },
      'kernel-framebuffer',
      'serial',
      'frame buffer',
    );
  });
}

async function installer(folder: string): Promise<void> {
  const { kernel: linux, initrd } = await mediaOf(INSTALLER_MEDIA);
  if (!linux || !initrd) throw new Error('no kernel');
  const boot = { kernel: { path: linux.path, initrd: initrd.path, args: 'quiet' }, memoryMiB: 800 };
  await onStage(folder, boot, createEyes(await installerFonts('installer')), 'installer', async (stage) => {
    const typist = createTypist({ machine: stage.machine, eyes: stage.eyes });
    await capture(stage, 'installer-language', 'reading', 'Select a language');
    await typist.press('enter');
    await shows(stage, 'Select your location');
    await typist.press('down');
    await capture(stage, 'installer-location', 'reading', 'Select your location');
  });
}

async function onStage(
  folder: string,
  boot: Partial<MachineConfig> & Pick<MachineConfig, 'memoryMiB'>,
  eyes: Eyes,
  font: string,
  act: (stage: Stage) => Promise<void>,
): Promise<void> {
  const config: MachineConfig = { arch: 'x86_64', cpus: 1, disks: [], ...boot };
  const machine = await startMachine({
    config,
    runtimeDir: path.join(folder, font),
    accelerator: 'tcg',
    signal: SIGNAL,
  });
  try {
    await act({ machine, eyes, font });
  } finally {
    await machine.close();
  }
}

async function mediaOf(yaml: string): Promise<VerifiedMedia> {
  const machine = 'machine: { arch: x86_64, memory: 256M }\nsteps: [{ id: none, expect: { text: nothing } }]';
  const recipe = resolveRecipe(parseRecipe(`recipe: 1\nname: capture\nversion: 1.0.0\nmedia: ${yaml}\n${machine}\n`));
  return prepareMedia({
    recipe,
    recipeDir: FOLDER,
    cacheDir: TEST_CACHE,
    keysDir: KEYS_FOLDER,
    clock: () => new Date(),
    signal: SIGNAL,
  });
}

/** The first screen with these words that has no unknown cell and is the same as the one before it. */
async function fresh({ machine, eyes }: Stage, words: string): Promise<ScreenText> {
  const learn = createFontLearner();
  let before = '';
  for (;;) {
    SIGNAL.throwIfAborted();
    const frame = await machine.frame(SIGNAL);
    let screen = eyes.read(frame);
    if (screen.unknownCells > 0) {
      const font = await learn(machine, frame);
      if (font) eyes.learn(font);
      screen = eyes.read(frame);
    }
    // A cursor may blink: what is read must be the same twice.
    const text = screen.lines.join('\n');
    if (text.includes(words) && before === text) return screen;
    before = text;
    await pause(700);
  }
}

async function shows(stage: Stage, words: string): Promise<void> {
  await fresh(stage, words);
}

async function capture(stage: Stage, name: string, by: By, words: string): Promise<void> {
  const { machine, eyes, font } = stage;
  await fresh(stage, words);
  const frame = await machine.frame(SIGNAL);
  const screen = eyes.read(frame);
  const { columns, rows } = screen;
  const reported = by === 'vga' ? await textMemory(machine, screen) : undefined;
  const serial = Buffer.from(machine.serialOutput()).toString('utf8').replaceAll('\r', '').split('\n');
  const lines = reported ?? screen.lines.map((line) => line.trimEnd());
  const drawn = lines.filter((line) => by !== 'serial' || serial.some((one) => line !== '' && one.startsWith(line)));
  await writeFile(path.join(FOLDER, `${name}.png`), encodePng(frame));
  const facts = { font, by, columns, rows, lines: by === 'serial' ? drawn : lines };
  await writeFile(path.join(FOLDER, `${name}.json`), `${JSON.stringify(facts, null, 1)}\n`);
  process.stdout.write(`${name}: ${columns}x${rows}, ${screen.unknownCells} unknown, ${drawn.length} lines by ${by}\n`);
}

/** The adapter's text memory where the screen begins in it: hardware scrolls by moving that place. */
async function textMemory(machine: Machine, screen: ScreenText): Promise<string[]> {
  const memory = await machine.readMemory(TEXT_MEMORY, TEXT_MEMORY_BYTES);
  const linesAt = (start: number): string[] =>
    Array.from({ length: screen.rows }, (_, row) => {
      const codes = Array.from({ length: screen.columns }, (_, column) => {
        const at = (start + (row * screen.columns + column) * 2) % TEXT_MEMORY_BYTES;
        return CP437[memory[at] ?? 0] ?? ' ';
      });
      return codes.join('').trimEnd();
    });
  let best = linesAt(0);
  let most = -1;
  for (let start = 0; start < TEXT_MEMORY_BYTES; start += screen.columns * 2) {
    const lines = linesAt(start);
    const equal = lines.filter((line, row) => line === screen.lines[row]?.trimEnd()).length;
    if (equal > most) [best, most] = [lines, equal];
  }
  return best;
}

const SESSIONS = { grub, kernel, installer };
const wanted = process.argv.slice(2);
const folder = await mkdtemp(path.join(tmpdir(), 'pg-cap-'));
await mkdir(FOLDER, { recursive: true });
try {
  for (const [name, session] of Object.entries(SESSIONS))
    if (wanted.length === 0 || wanted.includes(name)) await session(folder);
} finally {
  await rm(folder, { recursive: true, force: true });
}
