/**
 * QEMU's place on this host, besides its own `-sandbox`: no capabilities even where we are root, no way to gain privileges,
 * and an end together with us. `setpriv` (util-linux) arranges it before QEMU is executed; where it is missing (macOS), QEMU's
 * sandbox is all there is.
 */
import { access, constants } from 'node:fs/promises';
import { delimiter, isAbsolute, join } from 'node:path';
import { qemuMissing } from './qemu-missing.ts';

export interface Command {
  readonly program: string;
  readonly args: readonly string[];
}

/** Rejects with `machine/qemu-missing` where there is no such program. */
export async function confine({ program, args }: Command, uid = process.getuid?.()): Promise<Command> {
  const qemu = await findProgram(program);
  if (qemu === null) throw qemuMissing(program);
  const setpriv = await findProgram('setpriv');
  if (setpriv === null) return { program: qemu, args };
  // Only root has a bounding set to give up; anybody else has no capabilities to begin with.
  const capabilities = uid === 0 ? ['--inh-caps=-all', '--bounding-set=-all'] : [];
  return { program: setpriv, args: ['--pdeathsig=KILL', '--no-new-privs', ...capabilities, qemu, ...args] };
}

export async function findProgram(name: string): Promise<string | null> {
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  const paths = isAbsolute(name) ? [name] : folders.map((folder) => join(folder, name));
  for (const path of paths) {
    const runs = await access(path, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (runs) return path;
  }
  return null;
}
