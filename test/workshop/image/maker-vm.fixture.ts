/**
 * A VM in which this host's own programs make disks, as root and with a kernel that has every driver: the measuring VM's kernel
 * and modules, with another script in place of its own. What must be killed in the middle is killed there.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type CpioEntry, writeCpio } from '../../../src/workshop/image/cpio.ts';
import type { MeasuringTools } from '../../../src/workshop/image/index.ts';
import { KERNEL_ARGUMENTS } from '../../../src/workshop/image/measure.ts';
import { startMachine } from '../../../src/workshop/machine/index.ts';
import { emptyDisk, run } from './disks.fixture.ts';

const ANSWER_BYTES = 1024 * 1024;

/**
 * Runs a shell script with these disks as /dev/vda, /dev/vdb, … and the programs in its path; the machine goes off hard when it
 * ends. Gives what the script wrote to standard output. Rejects where a command failed, with what the machine said.
 */
export async function runInMakerVm(options: {
  readonly tools: MeasuringTools;
  readonly folder: string;
  readonly disks: readonly string[];
  /** Names of kernel modules, and of lists of them that the measuring VM has for its file systems. */
  readonly modules: readonly string[];
  readonly programs: readonly string[];
  readonly script: string;
}): Promise<string> {
  const { tools, folder, disks } = options;
  const initrd = path.join(folder, 'maker.cpio');
  // The kernel unpacks one archive after the other: what the second has is taken.
  const init = initScript(options.modules, options.script, disks.length);
  writeFileSync(
    initrd,
    Buffer.concat([readFileSync(tools.initrdPath), writeCpio(hostPrograms(['sh', ...options.programs], init))]),
  );
  const answers = emptyDisk(path.join(folder, 'answers.raw'), ANSWER_BYTES);
  const machine = await startMachine({
    config: {
      arch: 'x86_64',
      cpus: 1,
      memoryMiB: 512,
      disks: [...disks, answers].map((file, index) => ({ id: `d${index}`, path: file, format: 'raw', bus: 'virtio' })),
      kernel: { path: tools.kernelPath, initrd, args: KERNEL_ARGUMENTS },
    },
    runtimeDir: path.join(folder, 'maker'),
    accelerator: 'tcg',
  });
  try {
    await new Promise<void>((resolve) => machine.onEvent(() => resolve()));
    const said = Buffer.from(machine.serialOutput()).toString('latin1');
    const answer = readFileSync(answers, 'latin1');
    const end = answer.indexOf('\0');
    if (!answer.slice(0, end).endsWith('done\n'))
      throw new Error(`the maker VM failed: ${answer.slice(0, end)}${said}`);
    return answer.slice(0, end - 'done\n'.length);
  } finally {
    await machine.close();
  }
}

function initScript(modules: readonly string[], script: string, disks: number): string {
  const answers = `/dev/vd${'abcdefghij'.charAt(disks)}`;
  return `#!/bin/sh
export PATH=/host:/bin LC_ALL=C
/bin/busybox --install -s /bin
mount -t proc none /proc; mount -t sysfs none /sys; mount -t devtmpfs none /dev
for list in order ${modules.join(' ')}; do
  for module in $(cat /modules/$list); do insmod /modules/$module.ko 2>/dev/null; done
done
cat > /script <<'THE-SCRIPT-ENDS'
set -eu
${script}
echo done
THE-SCRIPT-ENDS
# Not busybox' own shell: it takes its own programs before any in the path.
/host/sh /script > /answers 2>/dev/ttyS0
dd if=/answers of=${answers} conv=fsync 2>/dev/null
# Off as with the plug pulled: nothing is unmounted or written back.
poweroff -f
`;
}

/** The programs, and the libraries that they need, where the loader looks for them. */
function hostPrograms(programs: readonly string[], init: string): readonly CpioEntry[] {
  const files = new Map<string, CpioEntry>();
  const add = (at: string, data: Buffer): void => void files.set(at, { path: at, kind: 'file', data, mode: 0o755 });
  add('init', Buffer.from(init));
  for (const program of programs) {
    const file = run('sh', ['-c', `command -v ${program}`]).trim();
    add(`host/${program}`, readFileSync(realpathSync(file)));
    for (const [, library = ''] of execFileSync('ldd', [file], { encoding: 'utf8' }).matchAll(/(\/\S+) \(0x/g)) {
      const name = path.basename(library);
      const folder = name.startsWith('ld-linux') ? 'lib64' : 'lib/x86_64-linux-gnu';
      add(`${folder}/${name}`, readFileSync(realpathSync(library)));
    }
  }
  return [{ path: 'host', kind: 'directory' }, ...files.values()];
}
