import { UnavailableError } from '../../errors.ts';

/** One message wherever a program of QEMU's is wanted and is not there. */
export function qemuMissing(program: string): UnavailableError {
  return new UnavailableError('machine/qemu-missing', `${program} is not installed`, {
    hint: 'apt-get install qemu-system-x86 qemu-utils',
  });
}
