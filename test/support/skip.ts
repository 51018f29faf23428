/** Tests for which this machine lacks something are skipped, and say what it is. */
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

/** Where a user's PATH may not lead: file systems are made by programs in there. */
const SYSTEM_FOLDERS = ['/usr/sbin', '/sbin'];

/** A visible skip with its reason. */
export function skip(context: Mocha.Context, reason: string): never {
  console.log(`      skipped: ${reason}`);
  return context.skip();
}

/** Programs that start a VM. One at a time: scripts/lanes.ts finds the tests that do by their files' names. */
const MACHINES = /^qemu-system-/;

/** Skips unless all these programs are here. `scripts/setup.sh` knows the Debian packages that bring them. */
export function needPrograms(context: Mocha.Context, ...names: readonly string[]): void {
  if (names.some((name) => MACHINES.test(name))) assertNamedForMachines(context);
  const missing = names.filter((name) => !isProgram(name));
  if (missing.length > 0) skip(context, `${missing.join(', ')} missing (sh scripts/setup.sh test)`);
}

function assertNamedForMachines({ test }: Mocha.Context): void {
  const file = test?.file;
  if (file === undefined || file.endsWith('.vm.test.ts') || path.basename(path.dirname(file)) === 'vm') return;
  throw new Error(`${file} starts machines: call it *.vm.test.ts, so that no other does at the same time`);
}

function isProgram(name: string): boolean {
  return [...(process.env['PATH'] ?? '').split(path.delimiter), ...SYSTEM_FOLDERS].some((folder) => {
    try {
      accessSync(path.join(folder, name), constants.X_OK);
      return true;
    } catch {
      return false; // not in this folder
    }
  });
}
