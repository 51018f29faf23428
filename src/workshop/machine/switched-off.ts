/** A machine that is off, long after its QEMU has ended: nothing of it is left but its disks. */
import { FailedError } from '../../errors.ts';
import type { Machine } from './types.ts';

/** `disks`: host path of each writable disk by its id. They are frozen: to go on with one, lay an overlay over it. */
export function switchedOff(
  disks: Readonly<Record<string, string>>,
  { accelerator, qemuVersion }: Pick<Machine, 'accelerator' | 'qemuVersion'>,
): Machine {
  const off = (): Promise<never> => Promise.reject(new FailedError('machine/off', 'the machine is switched off'));
  return {
    accelerator,
    qemuVersion,
    running: false,
    withheldMs: () => 0,
    frame: off,
    sendKeys: off,
    sendPointer: off,
    pointerReady: () => Promise.resolve(false),
    serialOutput: () => new Uint8Array(),
    writeSerial: off,
    port: off,
    power: off,
    changeMedium: off,
    onEvent(listener) {
      listener({ type: 'shutdown', byGuest: true });
      return () => undefined;
    },
    memoryBytes: 0,
    readMemory: off,
    vgaMemoryAddress: () => Promise.resolve(null),
    save: off,
    diskFiles: () => disks,
    close: () => Promise.resolve(),
  };
}
