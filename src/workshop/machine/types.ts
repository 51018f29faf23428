/**
 * A machine as the rest of the workshop sees it: something with a screen, a keyboard, a serial line and a power button,
 * whose state can be saved and restored. QEMU (qemu.ts) is the first implementation.
 */

import type { Duplex } from 'node:stream';
import type { Drive } from '../../recipe/types.ts';
import type { GuestServices } from '../network/guest-services.ts';
import type { Outside } from '../network/outside.ts';

/** One picture of the screen. `rgb` holds width × height × 3 bytes, rows from the top. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
  /** Counts up by one with each frame that differs from the one before. */
  readonly sequence: number;
  /** Host time of capture: `performance.now()`, milliseconds. */
  readonly capturedAtMs: number;
}

/** A key by its QEMU `qcode` name (`a`, `shift`, `ret`, `f10`), pressed or released. */
export interface KeyEvent {
  readonly key: string;
  readonly down: boolean;
}

export type PointerButton = 'left' | 'middle' | 'right';

/** Where the pointer goes (0 to `POINTER_RANGE` from the left and from the top), or a button of it. */
export type PointerEvent =
  | { readonly x: number; readonly y: number }
  | { readonly button: PointerButton; readonly down: boolean };

/** Largest coordinate of an absolute pointer: the right and the lower edge. */
export const POINTER_RANGE = 0x7fff;

export type MachineEvent =
  | { readonly type: 'shutdown'; readonly byGuest: boolean }
  | { readonly type: 'reset' }
  /** QEMU died: its exit status or signal and its last words on stderr. */
  | { readonly type: 'died'; readonly status: string; readonly lastWords: string };

export interface MachineDisk {
  readonly id: string;
  /** Host path. */
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  readonly readOnly?: boolean;
  /** How the guest sees it. `usb` is removable and read-only; `virtio` is a hard disk; `pflash` holds UEFI's variables. */
  readonly bus: 'virtio' | 'usb' | 'cdrom' | 'pflash';
}

/** Id of the disk that holds UEFI's variables: what no disk of a recipe can be called. */
export const UEFI_VARIABLES = 'uefi.variables';

/** `allow`: places that the guest's proxy leads to (`host`, `host:port`). None: what the recipe serves is all there is. */
export interface GuestNetworkConfig {
  readonly allow: readonly string[];
}

/** A drive whose medium can be changed while the machine runs. */
export interface MediaDrive {
  readonly drive: Drive;
  /** Name of the medium that is in it when the machine starts, or is restored; `null` where it is empty. */
  readonly medium: string | null;
}

/** A TCP port of the host's loopback that leads to one of the guest. */
export interface Forward {
  readonly hostPort: number;
  readonly guestPort: number;
}

/** Everything that decides what the guest is. Canonical JSON of it (paths left out) is part of a checkpoint's key. */
export interface MachineConfig {
  readonly arch: 'x86_64' | 'i386';
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly disks: readonly MachineDisk[];
  /** Drives whose medium changes, and the raw files, by name, that may be put into them. */
  readonly drives?: readonly MediaDrive[];
  readonly shelf?: Readonly<Record<string, string>>;
  /** Direct boot of an installer's kernel. A verified VM never has this (docs/decisions). */
  readonly kernel?: { readonly path: string; readonly initrd?: string; readonly args?: string };
  /** UEFI instead of the BIOS: the firmware's code, which is never written. Its variables are the disk on the bus `pflash`. */
  readonly firmware?: { readonly path: string };
  /** What the monitor says that it prefers, in pixels; absent: what QEMU's does. */
  readonly display?: { readonly width: number; readonly height: number };
  /** Seconds since 1970 that the guest's clock starts at; absent: the host's clock. */
  readonly clockEpochSeconds?: number;
  /** What the firmware says that the machine is (SMBIOS type 1); absent: that it has none. */
  readonly uuid?: string;
  /** An absolute pointer, exactly one. Absent where nobody points: a machine with one is another machine. */
  readonly pointer?: 'tablet';
  /** A network card whose cable ends in this process (network/): what it leads to is stated here. Absent: no card. */
  readonly network?: GuestNetworkConfig;
  /** A network card for these alone: the guest reaches neither the host nor anything beyond it. Absent: no card. */
  readonly forwards?: readonly Forward[];
  /** Extra virtio-serial ports by name, each a unix socket of ours (the measuring VM's way out). */
  readonly ports?: readonly string[];
}

export interface Machine {
  /** The accelerator in use, and QEMU's version (`7.2.22`). */
  readonly accelerator: 'kvm' | 'hvf' | 'tcg';
  readonly qemuVersion: string;
  readonly running: boolean;
  /** What the guest finds at the other end of its cable; absent where it has none. */
  readonly network?: GuestServices | undefined;
  /** For how long in all the host has let the guest's processors wait for one of its own, milliseconds; 0 where it does not tell. */
  withheldMs(): number;
  /** Current picture. Rejects with `machine/died` after QEMU's death. */
  frame(signal?: AbortSignal): Promise<Frame>;
  /**
   * In one QMP call, so that they arrive together or not at all; in several, one behind the other, where they are more bytes than
   * a keyboard holds (five keys at once). At most 16 events (8 keys). Waits while the guest has not read what was sent before and
   * there may be no room for more; rejects with `machine/keys-unread` where it never does. `signal` ends this waiting alone:
   * keys that there is room for are sent, so that whoever was stopped can still let go of what is held.
   */
  sendKeys(events: readonly KeyEvent[], signal?: AbortSignal): Promise<void>;
  /** All events at once. Rejects with `machine/no-pointer` where the machine has none. */
  sendPointer(events: readonly PointerEvent[]): Promise<void>;
  /** Does the guest read the pointer? Until its driver does, what is sent is lost. */
  pointerReady(): Promise<boolean>;
  /**
   * Bytes the guest wrote to its first serial port since power-on (or since it was restored). After 64 MiB nothing more
   * is taken.
   */
  serialOutput(): Uint8Array;
  writeSerial(bytes: Uint8Array): Promise<void>;
  /** Duplex stream of a named virtio-serial port from `MachineConfig.ports`. */
  port(name: string): Promise<Duplex>;
  power(action: 'off' | 'reset' | 'acpi-off'): Promise<void>;
  /**
   * Puts the medium of this name into the drive, or empties it (`null`). Rejects with `machine/tray-locked` where the guest
   * holds the drive closed; it has then been asked to let go.
   */
  changeMedium(drive: Drive, medium: string | null): Promise<void>;
  /** Calls back for each event until the returned function is called. Past `shutdown`/`died` are told at once. */
  onEvent(listener: (event: MachineEvent) => void): () => void;
  /** Of the guest's memory, which begins at address 0. */
  readonly memoryBytes: number;
  /** Reads guest-physical memory: how fonts are learned from VGA plane 2. */
  readMemory(address: number, sizeBytes: number): Promise<Uint8Array>;
  /** Where the display adapter's frame buffer lies (`query-pci`, class 0x0300, BAR 0), or null. */
  vgaMemoryAddress(): Promise<number | null>;
  /**
   * Stops the guest, writes its memory and devices to `memoryPath` (zstd, 0600), freezes each writable disk as it is now
   * (the machine goes on in a fresh overlay) and, unless `leaveStopped`, lets the guest run on. Overlays name what they
   * rest on by absolute path: frozen files must stay where they are; `memoryPath` may be moved.
   */
  save(memoryPath: string, options?: { leaveStopped?: boolean }): Promise<SavedState>;
  /**
   * Host path of the file that each writable disk is written to now, by disk id: the configured file itself, or the
   * newest overlay over it. `flattenDisk` (disks.ts) makes a disk of it that stands alone.
   */
  diskFiles(): Readonly<Record<string, string>>;
  /**
   * Ends QEMU and removes its runtime folder, and those overlays that no saved state rests on, unless `keepDisks`.
   * Safe to call twice.
   */
  close(options?: { keepDisks?: boolean }): Promise<void>;
}

export interface SavedState {
  readonly memoryPath: string;
  readonly memoryBytes: number;
  /** Host path of the frozen file (never to be written again) of each writable disk, by disk id. */
  readonly disks: Readonly<Record<string, string>>;
}

/** What of this host QEMU sees otherwise than it is: to try a build under other conditions. */
export interface Surroundings {
  /** The one processor that it may run on. */
  readonly cpu?: number;
  /** Takes root: a UTS namespace of its own. */
  readonly hostName?: string;
}

export interface StartOptions {
  readonly config: MachineConfig;
  /** Runtime folder for a socket and pictures; made if missing, 0700. Keep it short: unix socket paths are limited. */
  readonly runtimeDir: string;
  /** Where overlays are made; made if missing. Default: beside the disk that they lie over. They outlive the machine. */
  readonly overlayDir?: string;
  readonly accelerator: 'kvm' | 'hvf' | 'tcg';
  /**
   * Resume from this state instead of powering on. `config` is the one that was saved, but for the path and format of each writable
   * disk: its frozen file, which stays as it is (the machine writes to a fresh overlay).
   */
  readonly restore?: { readonly memoryPath: string };
  /** QEMU's program. Default: `qemu-system-x86_64`. */
  readonly qemu?: string;
  readonly surroundings?: Surroundings;
  /** The way out of this host for the guest's proxy. Default: the internet. */
  readonly outside?: Outside;
  readonly signal?: AbortSignal;
}
