/** Debian's installer kernel with a shell in the place of the installer: a real Linux console, ten seconds after power-on. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { KEYS_FOLDER } from '../../src/node/keys-folder.ts';
import { parseRecipe } from '../../src/recipe/parse.ts';
import { resolveRecipe } from '../../src/recipe/resolve.ts';
import { examineHost } from '../../src/workshop/build/index.ts';
import { planMachine } from '../../src/workshop/build/plan.ts';
import { createTypist, type Typist } from '../../src/workshop/input/typist.ts';
import { startMachine } from '../../src/workshop/machine/qemu.ts';
import type { Machine, MachineConfig } from '../../src/workshop/machine/types.ts';
import { prepareMedia } from '../../src/workshop/media/index.ts';
import { TEST_CACHE } from '../support/test-cache.ts';
import { eventually, watch, type Watched } from '../workshop/machine/guests.ts';

const IMAGES = 'usr/lib/debian-installer/images/12/amd64/text/debian-installer/amd64';
const RECIPE = `recipe: 1
name: linux-console
version: 1.0.0
media:
  kernel: { package: debian-installer-12-netboot-amd64, path: ${IMAGES}/linux }
  initrd: { package: debian-installer-12-netboot-amd64, path: ${IMAGES}/initrd.gz }
machine: { arch: x86_64, memory: 512M, kernel_args: 'rdinit=/bin/sh quiet' }
steps:
  - { id: shell, expect: { text: '# ' } }
`;

const PROMPT = '~ #';

/** A host may have become slower since it was measured: other tests run beside this one. */
const LEAST_HOST_FACTOR = 3;

export interface LinuxConsole {
  readonly machine: Machine;
  readonly screen: Watched;
  readonly typist: Typist;
  /** Waits for the prompt, types a command and presses Enter. What is typed before the prompt is there is shown twice. */
  readonly command: (line: string) => Promise<void>;
  /** What the guest wrote to its serial port since the last call, once `ended` holds for it. */
  readonly serial: (ended: (bytes: Uint8Array) => boolean) => Promise<Uint8Array>;
  close(): Promise<void>;
}

/** `fields`: more of the recipe, whole lines. */
export async function linuxConsole(extra: Partial<MachineConfig> = {}, fields = ''): Promise<LinuxConsole> {
  const folder = await mkdtemp(path.join(tmpdir(), 'pg-console-'));
  const signal = new AbortController().signal;
  const resolved = resolveRecipe(parseRecipe(`${RECIPE}${fields}`));
  const media = await prepareMedia({
    recipe: resolved,
    recipeDir: folder,
    cacheDir: TEST_CACHE,
    keysDir: KEYS_FOLDER,
    clock: () => new Date(),
    signal,
  });
  const host = await examineHost({ cacheDir: TEST_CACHE, signal });
  const plan = await planMachine(resolved, media, folder, signal);
  const machine = await startMachine({
    config: { ...plan.config, ...extra },
    runtimeDir: path.join(folder, 'vm'),
    accelerator: host.accelerator,
  });
  const close = async (): Promise<void> => {
    await machine.close();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const screen = watch(machine);
    const typist = createTypist({ machine, eyes: screen.eyes, hostFactor: Math.max(LEAST_HOST_FACTOR, host.factor) });
    const command = async (line: string): Promise<void> => {
      await eventually('the shell has its prompt', async () => {
        const shown = (await screen.read()).lines.map((one) => one.trim());
        return shown.findLast((one) => one !== '') === PROMPT;
      });
      await typist.type(line);
      await typist.press('enter');
    };
    await screen.until(PROMPT);
    await command('mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; echo mounted-$?');
    await screen.until('mounted-0');
    let read = 0;
    return {
      machine,
      screen,
      typist,
      command,
      async serial(ended) {
        await eventually('the guest wrote to its serial port', () => ended(machine.serialOutput().subarray(read)));
        const bytes = machine.serialOutput().subarray(read);
        read += bytes.byteLength;
        return bytes;
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}
