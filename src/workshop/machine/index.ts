/**
 * Machines: something with a screen, a keyboard, a serial line and a power button, whose state can be saved and restored.
 *
 * Promises: a machine that was closed leaves no process, socket or temporary disk; the death of QEMU ends every pending call with
 * its last words; a saved state can be restored by another process as often as one likes, and its files are never written again.
 * Never: a network card that leads out other than by `network/`, an option of QEMU's taken from outside, a shell.
 */
export { acceleratorCandidates, hostBootId, probeAccelerator } from './accelerator.ts';
export type { AcceleratorChoice, AcceleratorOptions } from './accelerator.ts';
export { createDisk, createOverlay, flattenDisk, inspectDisk, isBlankDisk, sameDisk } from './disks.ts';
export { hostFactor, measureHost } from './host-speed.ts';
export type { HostSpeed, MeasureOptions } from './host-speed.ts';
export type { ProbeResult } from './probe.ts';
export { startMachine } from './qemu.ts';
export { checkDisk, checkMemory, fitAtOnce } from './resources.ts';
export { canSurround } from './surroundings.ts';
export { switchedOff } from './switched-off.ts';
export type * from './types.ts';
