/** Small guests for tests with a real QEMU, and the ways to wait for them. */
import { access, mkdir, rename, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { toolPackage } from '../../../src/workshop/image/measuring-tools.ts';
import type { Machine, MachineConfig } from '../../../src/workshop/machine/types.ts';
import { createEyes } from '../../../src/workshop/screen/eyes.ts';
import { learnVgaFont } from '../../../src/workshop/screen/learn-vga.ts';
import { findText } from '../../../src/workshop/screen/match.ts';
import type { Eyes, ScreenText } from '../../../src/workshop/screen/types.ts';
import { packages } from '../../support/packages.ts';
import { needPrograms } from '../../support/skip.ts';
import { TEST_CACHE } from '../../support/test-cache.ts';

/** Skips where no real machine can run. */
export function needQemu(context: Mocha.Context): void {
  needPrograms(context, 'qemu-system-x86_64', 'qemu-img');
}

const ISO_IN_PACKAGE = 'usr/lib/grub-rescue/grub-rescue-cdrom.iso';

/** GRUB's rescue CD from Debian's package grub-rescue-pc, for a real machine; skips where one of them is lacking. */
export const grubIso = (context: Mocha.Context): Promise<string> =>
  fileOfPackage(context, 'grub-rescue-pc', ISO_IN_PACKAGE);

/** iPXE as something that QEMU starts like a kernel, from Debian's package ipxe. */
export const ipxeKernel = (context: Mocha.Context): Promise<string> => fileOfPackage(context, 'ipxe', 'boot/ipxe.lkrn');

/** Of a package; kept, as what it came out of is. */
async function fileOfPackage(context: Mocha.Context, name: string, file: string): Promise<string> {
  needQemu(context);
  const kept = join(TEST_CACHE, 'guests', file);
  if (await exists(kept)) return kept;
  const [deb] = await packages(context, [name]);
  if (deb === undefined) throw new Error(`one package was asked for: ${name}`);
  for await (const { data } of toolPackage(deb).files((one) => one === file)) {
    await mkdir(dirname(kept), { recursive: true });
    const whole = `${kept}.${process.pid}`;
    await writeFile(whole, data);
    await rename(whole, kept);
    return kept;
  }
  throw new Error(`the package ${name} has no /${file}`);
}

/** The bytes of key-recorder.S. */
const KEY_RECORDER =
  'fa31c08ed88ec08ed0bc007c88163b7cbf007efb31c0cd16aa50b80103bb007eb90200b6008a163b7ccd135850b40ebb0700cd1058baf803eeebd900';

/** A raw disk of 1 MiB that boots the key recorder. */
export async function writeKeyRecorder(path: string): Promise<void> {
  const disk = Buffer.alloc(1024 * 1024);
  Buffer.from(KEY_RECORDER, 'hex').copy(disk);
  disk.writeUInt16LE(0xaa55, 510);
  await writeFile(path, disk);
}

export function smallMachine(disks: MachineConfig['disks']): MachineConfig {
  return { arch: 'x86_64', cpus: 1, memoryMiB: 64, disks };
}

export interface Watched {
  readonly eyes: Eyes;
  read(): Promise<ScreenText>;
  /** Waits until the screen says `text`, learning the text mode's font on the way. */
  until(text: string): Promise<ScreenText>;
}

export function watch(machine: Machine): Watched {
  const eyes = createEyes();
  const read = async () => eyes.read(await machine.frame());
  let learned = false;
  return {
    eyes,
    read,
    async until(text) {
      const deadline = performance.now() + 180_000;
      for (;;) {
        const screen = await read();
        if (findText(screen, text).length > 0) return screen;
        if (!learned && screen.unknownCells > 0) {
          const font = await learnVgaFont(machine);
          if (font) {
            eyes.learn(font);
            learned = true;
          }
        }
        if (performance.now() > deadline) throw new Error(`no "${text}" on the screen:\n${screen.lines.join('\n')}`);
        await sleep(20);
      }
    },
  };
}

/** Waits until `test` holds, at most three minutes: a host may have many machines. */
export async function eventually(what: string, test: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 180_000;
  while (!(await test())) {
    if (performance.now() > deadline) throw new Error(`it never came true that ${what}`);
    await sleep(20);
  }
}

export async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
