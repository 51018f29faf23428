/** The flow by Packer's builder for QEMU: documented default waits (10 s for the boot, 100 ms a key), nothing is read back. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { LINE, type Flow } from './shell-flow.ts';

/** Ends when the machine has switched itself off, which is all of the result that Packer can see. */
export async function runPacker({ iso, accelerator, folder }: Flow): Promise<void> {
  const output = path.join(folder, 'output');
  await rm(output, { recursive: true, force: true });
  const sha256 = createHash('sha256')
    .update(await readFile(iso))
    .digest('hex');
  const template = {
    builders: [
      {
        type: 'qemu',
        iso_url: iso,
        iso_checksum: `sha256:${sha256}`,
        accelerator,
        headless: true,
        communicator: 'none',
        disk_size: '64M',
        memory: 128,
        boot_command: ['c', LINE, '<enter>', 'halt<enter>'],
        output_directory: output,
      },
    ],
  };
  const file = path.join(folder, 'template.json');
  await writeFile(file, JSON.stringify(template));
  const env = { ...process.env, CHECKPOINT_DISABLE: '1', PACKER_CACHE_DIR: path.join(folder, 'cache') };
  await promisify(execFile)('packer', ['build', '-color=false', file], { env, cwd: folder, timeout: 600_000 });
}
