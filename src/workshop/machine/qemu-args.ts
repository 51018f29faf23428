/**
 * QEMU's command line, as a pure function of what the guest is. Sockets come as inherited descriptors, so no path of
 * ours is in it but those of the disks.
 *
 * The network cards it can express lead nowhere but in (`forwards`), or to a socket of ours (`network`). It never takes an option from outside as it is: values inside an option go through `escape`.
 */
import { GUEST_MAC } from '../network/index.ts';
import type { Drive } from '../../recipe/types.ts';
import type { Forward, MachineConfig, MachineDisk, StartOptions } from './types.ts';

/** Pinned: a saved state can only be restored into the machine type that wrote it. Known to QEMU 7.2 and later. */
export const MACHINE_TYPE = 'pc-i440fx-7.2';

/**
 * Named and versioned, because `max` and `host` differ between hosts and QEMU versions, and so would what an installer chooses.
 * Nehalem (x86-64-v2) is offered by every accelerator. Debian's installer reached its first question under software
 * emulation with 39 s of processor time on it; 43 s on qemu64, 43 s on Haswell, 41 s on EPYC, 38 s on max.
 */
export const CPU_MODEL = 'Nehalem-v1';

/**
 * A processor without 64-bit mode, so that a 32-bit system finds what it was made for, and an installer cannot choose a
 * 64-bit kernel. The program stays `qemu-system-x86_64`, which emulates both: one accelerator probe, one version, and
 * nothing else to install.
 */
export const CPU_MODEL_I386 = 'coreduo-v1';

export function cpuModel(arch: MachineConfig['arch']): string {
  return arch === 'i386' ? CPU_MODEL_I386 : CPU_MODEL;
}

/** File descriptors that QEMU inherits: control, first serial port, one for each named port, then the network's. */
export const QMP_FD = 3;
export const SERIAL_FD = 4;
export const FIRST_PORT_FD = 5;

export interface QemuPlan {
  readonly config: MachineConfig;
  readonly accelerator: StartOptions['accelerator'];
  /** The file that each disk is opened from: an overlay, or the disk's own path. */
  readonly disks: readonly MachineDisk[];
  /** Wait for a saved state instead of starting. */
  readonly incoming: boolean;
}

/** Name of the block node of a disk: what QMP calls it. */
export function diskNode(id: string): string {
  return `disk-${id}`;
}

export function isWritable(disk: MachineDisk): boolean {
  return (disk.bus === 'virtio' || disk.bus === 'pflash') && disk.readOnly !== true;
}

export function qemuArguments(plan: QemuPlan): string[] {
  const { config } = plan;
  const options = [
    ['-nodefaults'],
    ['-no-user-config'],
    ['-sandbox', 'on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny'],
    ['-name', 'portalgun'],
    ['-M', machineType(plan)],
    ['-accel', plan.accelerator === 'tcg' ? 'tcg,thread=multi' : plan.accelerator],
    ['-cpu', cpuModel(config.arch)],
    ['-smp', String(config.cpus)],
    ['-m', `${config.memoryMiB}M`],
    ['-rtc', clock(config.clockEpochSeconds)],
    config.uuid === undefined ? [] : ['-uuid', config.uuid],
    ['-display', 'none', ...displayAdapter(config.display), '-nic', 'none'],
    ...forwardArguments(config.forwards ?? []),
    ...cableArguments(config),
    // The guest's power-off stops the machine but leaves QEMU: the last screen and the disks are still to be read.
    ['-no-shutdown'],
    ['-boot', 'strict=on,menu=off'],
    ['-chardev', `socket,id=qmp,fd=${QMP_FD}`, '-mon', 'chardev=qmp,mode=control'],
    ['-chardev', `socket,id=serial0,fd=${SERIAL_FD}`, '-serial', 'chardev:serial0'],
    ...firmwareArguments(config.firmware),
    ...plan.disks.map(diskArguments),
    ...shelfArguments(config),
    usbController(plan),
    ...plan.disks.map(diskDevice),
    ...driveArguments(config),
    config.pointer === undefined ? [] : ['-device', 'usb-tablet,id=pointer,bus=usb.0'],
    ...portArguments(config.ports ?? []),
    ...kernelArguments(config.kernel),
    plan.incoming ? ['-S', '-incoming', 'defer'] : ['-S'],
  ];
  return options.flat();
}

/** The flash chips are properties of the board. */
function machineType({ config, disks }: QemuPlan): string {
  if (config.firmware === undefined) return MACHINE_TYPE;
  const variables = disks.find(({ bus }) => bus === 'pflash');
  if (variables === undefined) throw new TypeError('UEFI has a disk for its variables');
  return `${MACHINE_TYPE},pflash0=${FIRMWARE_NODE},pflash1=${diskNode(variables.id)}`;
}

const FIRMWARE_NODE = 'firmware';

function firmwareArguments(firmware: MachineConfig['firmware']): string[][] {
  if (firmware === undefined) return [];
  const file = `driver=file,node-name=${FIRMWARE_NODE}-file,read-only=on,filename=${escape(firmware.path)}`;
  const raw = `driver=raw,node-name=${FIRMWARE_NODE},read-only=on,file=${FIRMWARE_NODE}-file`;
  return [['-blockdev', file, '-blockdev', raw]];
}

function displayAdapter(display: MachineConfig['display']): string[] {
  if (display === undefined) return ['-vga', 'std'];
  return ['-vga', 'none', '-device', `VGA,xres=${display.width},yres=${display.height}`];
}

/** `clock=vm`: the guest's clock stands still while the machine is stopped, as it does for a saved state. */
function clock(epochSeconds: number | undefined): string {
  if (epochSeconds === undefined) return 'base=utc,clock=vm';
  const iso = new Date(epochSeconds * 1000).toISOString();
  return `base=${iso.slice(0, 'YYYY-MM-DDTHH:MM:SS'.length)},clock=vm`;
}

function diskArguments(disk: MachineDisk): string[] {
  const readOnly = isWritable(disk) ? 'off' : 'on';
  const file = `driver=file,node-name=${diskNode(disk.id)}-file,read-only=${readOnly},filename=${escape(disk.path)}`;
  const format = `driver=${disk.format},node-name=${diskNode(disk.id)},read-only=${readOnly},file=${diskNode(disk.id)}-file`;
  return ['-blockdev', `${file}${isWritable(disk) ? ',discard=unmap' : ''}`, '-blockdev', format];
}

function usbController({ disks, config }: QemuPlan): string[] {
  return config.pointer !== undefined || disks.some((disk) => disk.bus === 'usb')
    ? ['-device', 'qemu-xhci,id=usb']
    : [];
}

/** Hard disks are tried first, then the CD: an installed system boots from its disk after the installer's reboot. */
function diskDevice(disk: MachineDisk, index: number): string[] {
  if (disk.bus === 'pflash') return [];
  const drive = `drive=${diskNode(disk.id)},id=${disk.id}`;
  const devices = {
    virtio: `virtio-blk-pci,${drive},bootindex=${index + 1}`,
    cdrom: `ide-cd,${drive},bootindex=${index + 1001}`,
    usb: `usb-storage,${drive},bus=usb.0,removable=on`,
  };
  return ['-device', devices[disk.bus]];
}

/** Name of the block node of a medium that can be put into a drive. */
export function mediumNode(name: string): string {
  return `medium-${name}`;
}

/** Id of a drive's device: the CD drive is the one that a boot disc would be in. */
export function driveDevice(drive: Drive): string {
  return drive === 'cd' ? 'iso' : drive;
}

/** All that may be put into a drive is opened at the start: QEMU's sandbox need not let it open anything later. */
function shelfArguments({ shelf = {} }: MachineConfig): string[][] {
  return Object.entries(shelf).map(([name, path]) => {
    const node = mediumNode(name);
    const file = `driver=file,node-name=${node}-file,read-only=on,filename=${escape(path)}`;
    return ['-blockdev', file, '-blockdev', `driver=raw,node-name=${node},read-only=on,file=${node}-file`];
  });
}

function driveArguments({ drives = [] }: MachineConfig): string[][] {
  return drives.map(({ drive, medium }) => {
    const inside = medium === null ? '' : `,drive=${mediumNode(medium)}`;
    const id = `id=${driveDevice(drive)}`;
    // Only an empty floppy drive must be told what it takes: 3½ inches and 1.44 MB.
    return [
      '-device',
      drive === 'cd' ? `ide-cd,${id}${inside},bootindex=1001` : `floppy,${id}${inside},drive-type=144`,
    ];
  });
}

/** `restrict`: what the guest sends goes nowhere, but for answers to who came in through a forwarded port. */
function forwardArguments(forwards: readonly Forward[]): string[][] {
  if (forwards.length === 0) return [];
  const doors = forwards.map(({ hostPort, guestPort }) => `,hostfwd=tcp:127.0.0.1:${hostPort}-:${guestPort}`);
  return [
    ['-netdev', `user,id=doors,restrict=on${doors.join('')}`],
    ['-device', 'virtio-net-pci,netdev=doors,romfile='],
  ];
}

/** Frames go to and come from a socket that QEMU inherits: it opens none itself. */
function cableArguments({ network, ports = [] }: MachineConfig): string[][] {
  if (network === undefined) return [];
  return [
    ['-netdev', `socket,id=cable,fd=${FIRST_PORT_FD + ports.length}`],
    ['-device', `virtio-net-pci,netdev=cable,mac=${GUEST_MAC},romfile=`],
  ];
}

function portArguments(ports: readonly string[]): string[][] {
  if (ports.length === 0) return [];
  return [
    ['-device', 'virtio-serial-pci,id=ports'],
    ...ports.flatMap((name, index) => [
      ['-chardev', `socket,id=port${index},fd=${FIRST_PORT_FD + index}`],
      ['-device', `virtserialport,bus=ports.0,chardev=port${index},name=${escape(name)}`],
    ]),
  ];
}

function kernelArguments(kernel: MachineConfig['kernel']): string[][] {
  if (!kernel) return [];
  return [
    ['-kernel', kernel.path],
    kernel.initrd === undefined ? [] : ['-initrd', kernel.initrd],
    kernel.args === undefined ? [] : ['-append', kernel.args],
  ];
}

/** A comma ends a value in QEMU's option syntax; doubled, it stands for itself. */
function escape(value: string): string {
  return value.replaceAll(',', ',,');
}
