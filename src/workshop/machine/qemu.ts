/** A `Machine` that is a QEMU process. Started stopped, wired up, then let go. */
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Duplex } from 'node:stream';
import { FailedError, UsageError } from '../../errors.ts';
import { openGuestServices, type GuestServices } from '../network/guest-services.ts';
import { DiskFiles } from './disk-files.ts';
import { createCamera } from './frames.ts';
import { DISK_FREE_BYTES, KEY_EVENTS_PER_CALL, MEMORY_READ_BYTES } from './limits.ts';
import { migrationSocket } from './memory-image.ts';
import { KeyQueue } from './key-queue.ts';
import { loadMemory, storeMemory } from './migration.ts';
import { diedError, spawnQemu } from './process.ts';
import type { QemuProcess } from './process.ts';
import type { Drive } from '../../recipe/types.ts';
import { driveDevice, mediumNode, qemuArguments } from './qemu-args.ts';
import { connectQmp, isObject } from './qmp.ts';
import type { Qmp, QmpEvent } from './qmp.ts';
import { checkDisk, checkMemory } from './resources.ts';
import { listenToSerial } from './serial-line.ts';
import type { SerialLine } from './serial-line.ts';
import { measureWithheld } from './withheld.ts';
import type { Frame, KeyEvent, Machine, MachineEvent, PointerEvent, SavedState, StartOptions } from './types.ts';

/**
 * Starts (or restores) a machine. Rejects with `machine/qemu-missing`, `machine/died` with QEMU's own words, or
 * `machine/bad-memory-image`; nothing is left behind then.
 */
export async function startMachine(options: StartOptions): Promise<Machine> {
  options.signal?.throwIfAborted();
  migrationSocket(options.runtimeDir);
  checkMemory(options.config.memoryMiB);
  await mkdir(options.runtimeDir, { recursive: true, mode: 0o700 });
  const disks = new DiskFiles(options);
  let pictures: string | undefined;
  let qemu: QemuProcess | undefined;
  try {
    pictures = await pictureFolder(options.runtimeDir);
    for (const folder of disks.folders()) await checkDisk(folder, DISK_FREE_BYTES);
    if (options.restore) await disks.lieOver();
    const args = qemuArguments({
      config: options.config,
      accelerator: options.accelerator,
      disks: disks.current,
      incoming: options.restore !== undefined,
    });
    const started = await spawnQemu(
      options.qemu ?? 'qemu-system-x86_64',
      args,
      2 + (options.config.ports?.length ?? 0) + (options.config.network === undefined ? 0 : 1),
      options.surroundings,
    );
    qemu = started;
    const [control, serial, ...others] = started.sockets;
    if (!control || !serial) throw new Error('unreachable: QEMU has its sockets');
    const whyClosed = async () => diedError(await started.reap());
    const qmp = await connectQmp(control, { signal: options.signal }, whyClosed);
    const ports = others.slice(0, options.config.ports?.length ?? 0);
    const cable = options.config.network && others.at(-1);
    const network = cable && openGuestServices(cable, { ...options.config.network, outside: options.outside });
    const machine = new QemuMachine(options, {
      qemu,
      qmp,
      withheldMs: measureWithheld(await processors(qmp)),
      serial: listenToSerial(serial),
      ports,
      disks,
      pictures,
      ...(network && { network }),
    });
    if (options.restore)
      await loadMemory(qmp, options.restore.memoryPath, migrationSocket(options.runtimeDir), options.signal);
    await qmp.call('cont', undefined, { signal: options.signal });
    return machine;
  } catch (error) {
    qemu?.kill();
    await qemu?.ended;
    await disks.discard();
    if (pictures !== undefined) await rm(pictures, { recursive: true, force: true });
    await rm(options.runtimeDir, { recursive: true, force: true });
    throw error;
  }
}

interface Parts {
  readonly qemu: QemuProcess;
  readonly qmp: Qmp;
  readonly withheldMs: () => number;
  readonly serial: SerialLine;
  readonly ports: readonly Duplex[];
  readonly network?: GuestServices;
  readonly disks: DiskFiles;
  readonly pictures: string;
}

class QemuMachine implements Machine {
  readonly accelerator: Machine['accelerator'];
  readonly qemuVersion: string;
  readonly frame: (signal?: AbortSignal) => Promise<Frame>;
  readonly withheldMs: () => number;
  readonly #options: StartOptions;
  readonly #parts: Parts;
  readonly #keys: KeyQueue;
  readonly #listeners = new Set<(event: MachineEvent) => void>();
  #running = false;
  /** `shutdown` or `died`, once it has happened. */
  #over: MachineEvent | undefined;
  #closing: Promise<void> | undefined;
  /** Why we ended QEMU ourselves: its own last words would not tell. */
  #endedBecause: string | undefined;

  constructor(options: StartOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#keys = new KeyQueue({ isEmpty: () => this.#keysRead(), put: (keys) => this.#putKeys(keys) });
    this.accelerator = options.accelerator;
    this.qemuVersion = parts.qmp.version;
    this.withheldMs = parts.withheldMs;
    this.frame = createCamera(parts.qmp, parts.pictures);
    parts.qmp.onEvent((event) => this.#onQmpEvent(event));
    void this.#watchProcess();
  }

  get network(): GuestServices | undefined {
    return this.#parts.network;
  }

  get running(): boolean {
    return this.#running;
  }

  async sendKeys(events: readonly KeyEvent[], signal?: AbortSignal): Promise<void> {
    if (events.length > KEY_EVENTS_PER_CALL) {
      throw new UsageError(
        'machine/too-many-keys',
        `${events.length} key events at once: at most ${KEY_EVENTS_PER_CALL}`,
      );
    }
    await this.#keys.send(events, signal);
  }

  async #putKeys(events: readonly KeyEvent[]): Promise<void> {
    await this.#parts.qmp.call('input-send-event', {
      events: events.map(({ key, down }) => ({ type: 'key', data: { down, key: { type: 'qcode', data: key } } })),
    });
  }

  /** Bit 0 of the keyboard controller's status: a byte waits for the guest. Reading it changes nothing; bit 5: it is a mouse's. */
  async #keysRead(): Promise<boolean> {
    if (!this.#running) return true; // nobody reads any more, and nobody is kept waiting
    const said = await this.#parts.qmp.call('human-monitor-command', { 'command-line': 'i /b 0x64' });
    const [, status] = /= 0x([0-9a-f]{1,2})\b/.exec(String(said)) ?? [];
    return status === undefined || (Number.parseInt(status, 16) & 0x21) !== 0x01;
  }

  async sendPointer(events: readonly PointerEvent[]): Promise<void> {
    if (this.#options.config.pointer === undefined) {
      throw new UsageError('machine/no-pointer', 'this machine has no pointer');
    }
    await this.#parts.qmp.call('input-send-event', { events: events.flatMap(inputEvents) });
  }

  async pointerReady(): Promise<boolean> {
    // Events go to the current pointer only, and a tablet becomes that when the guest first asks it for news.
    const mice = await this.#parts.qmp.call('query-mice');
    return objects(mice).some((mouse) => mouse['absolute'] === true && mouse['current'] === true);
  }

  serialOutput(): Uint8Array {
    return this.#parts.serial.output();
  }

  writeSerial(bytes: Uint8Array): Promise<void> {
    return this.#parts.serial.write(bytes);
  }

  port(name: string): Promise<Duplex> {
    const stream = this.#parts.ports[this.#options.config.ports?.indexOf(name) ?? -1];
    if (stream) return Promise.resolve(stream);
    return Promise.reject(new UsageError('machine/no-such-port', `this machine has no port named "${name}"`));
  }

  async power(action: 'off' | 'reset' | 'acpi-off'): Promise<void> {
    const { qmp } = this.#parts;
    switch (action) {
      case 'acpi-off':
        await qmp.call('system_powerdown');
        return;
      case 'off':
        // Not `quit`: as after the guest's own power-off, the last screen and the disks are still to be read.
        await qmp.call('stop');
        this.#tell({ type: 'shutdown', byGuest: false });
        return;
      case 'reset':
        this.#over = undefined;
        await qmp.call('system_reset');
        await qmp.call('cont');
    }
  }

  async changeMedium(drive: Drive, medium: string | null): Promise<void> {
    const { qmp } = this.#parts;
    const id = driveDevice(drive);
    // Taken out and put in again it would be new to the guest, whose next read then fails.
    if (await this.#holds(id, medium)) return;
    try {
      // A guest that has locked the drive is only asked to let go by this, and QEMU calls that success: the tray is closed still.
      await qmp.call('blockdev-open-tray', { id });
      await qmp.call('blockdev-remove-medium', { id });
    } catch (error) {
      if (!(error instanceof FailedError) || !/is locked|is not open/.test(error.message)) throw error;
      throw new FailedError(
        'machine/tray-locked',
        `the guest holds its ${drive} drive closed: what is in it is in use`,
        {
          hint: 'let the guest unmount it first',
          cause: error,
        },
      );
    }
    if (medium === null) return;
    await qmp.call('blockdev-insert-medium', { id, 'node-name': mediumNode(medium) });
    await qmp.call('blockdev-close-tray', { id });
  }

  async #holds(id: string, medium: string | null): Promise<boolean> {
    const drives = objects(await this.#parts.qmp.call('query-block'));
    const drive = drives.find(({ qdev }) => qdev === id);
    const inserted = drive?.['inserted'];
    if (!isObject(inserted)) return medium === null && drive !== undefined;
    return medium !== null && inserted['node-name'] === mediumNode(medium) && drive?.['tray_open'] !== true;
  }

  onEvent(listener: (event: MachineEvent) => void): () => void {
    this.#listeners.add(listener);
    if (this.#over) listener(this.#over);
    return () => this.#listeners.delete(listener);
  }

  get memoryBytes(): number {
    return this.#options.config.memoryMiB * 2 ** 20;
  }

  async readMemory(address: number, sizeBytes: number): Promise<Uint8Array> {
    if (sizeBytes > MEMORY_READ_BYTES) {
      throw new UsageError('machine/too-much-memory', `${sizeBytes} bytes at once: at most ${MEMORY_READ_BYTES}`);
    }
    const file = join(this.#parts.pictures, `memory-${randomBytes(4).toString('hex')}`);
    try {
      await this.#parts.qmp.call('pmemsave', { val: address, size: sizeBytes, filename: file });
      return await readFile(file);
    } finally {
      await rm(file, { force: true });
    }
  }

  async vgaMemoryAddress(): Promise<number | null> {
    const buses = await this.#parts.qmp.call('query-pci');
    for (const device of objects(buses).flatMap((bus) => objects(bus['devices']))) {
      if (isObject(device['class_info']) && device['class_info']['class'] === PCI_CLASS_VGA) {
        const region = objects(device['regions']).find((region) => region['bar'] === 0);
        if (typeof region?.['address'] === 'number' && region['address'] > 0) return region['address'];
      }
    }
    return null;
  }

  async save(memoryPath: string, options: { leaveStopped?: boolean } = {}): Promise<SavedState> {
    const { qmp, disks } = this.#parts;
    const goOn = this.#running && options.leaveStopped !== true;
    await qmp.call('stop');
    // The disks first: what they hold after `stop` is what the saved memory knows of, and migration gives up its hold on them.
    const frozen = await disks.freeze(qmp);
    const memoryBytes = await storeMemory(qmp, memoryPath, migrationSocket(this.#options.runtimeDir));
    disks.keepFrozen();
    if (goOn) await qmp.call('cont');
    return { memoryPath, memoryBytes, disks: frozen };
  }

  diskFiles(): Readonly<Record<string, string>> {
    return this.#parts.disks.files();
  }

  close(options: { keepDisks?: boolean } = {}): Promise<void> {
    this.#closing ??= this.#close(options.keepDisks === true);
    return this.#closing;
  }

  async #close(keepDisks: boolean): Promise<void> {
    const { qemu, qmp, disks, pictures } = this.#parts;
    // `quit` flushes the disks; QEMU may be gone already, or hang: either way the process is waited for, then killed.
    await qmp.call('quit', undefined, { timeoutMs: 2_000 }).catch(() => undefined);
    await qemu.reap();
    this.#parts.network?.close();
    qmp.close(new FailedError('machine/closed', 'this machine was closed'));
    try {
      if (!keepDisks) await disks.discard();
    } finally {
      const folders = [pictures, this.#options.runtimeDir];
      await Promise.all(folders.map((folder) => rm(folder, { recursive: true, force: true })));
    }
  }

  async #watchProcess(): Promise<void> {
    const end = await this.#parts.qemu.ended;
    this.#running = false;
    if (this.#closing) return;
    this.#tell({ type: 'died', status: end.status, lastWords: this.#endedBecause ?? end.lastWords });
  }

  /** QEMU stops the guest where its disk cannot grow. It is ended then: what it froze before is kept, and resumed from. */
  #endForLackOfRoom(): void {
    const folders = this.#parts.disks.folders().join(', ');
    const error = new FailedError('machine/disk-full', `there is no room left in ${folders} for the guest's disk`, {
      hint: 'free some space (portalgun checkpoints prune), then run the same command again: it goes on from its last checkpoint',
      facts: { folders: this.#parts.disks.folders() },
    });
    this.#endedBecause = error.message;
    this.#parts.qmp.close(error);
    this.#parts.qemu.kill();
  }

  #onQmpEvent({ event, data }: QmpEvent): void {
    if (event === 'BLOCK_IO_ERROR' && data['nospace'] === true) this.#endForLackOfRoom();
    if (event === 'RESUME') this.#running = true;
    if (event === 'STOP') this.#running = false;
    if (event === 'RESET') this.#tell({ type: 'reset' });
    if (event === 'SHUTDOWN' && !this.#closing) {
      this.#running = false;
      this.#tell({ type: 'shutdown', byGuest: data['guest'] === true });
    }
  }

  #tell(event: MachineEvent): void {
    if (event.type !== 'reset') this.#over = event;
    for (const listener of this.#listeners) listener(event);
  }
}

/** The threads of this host that the guest's processors are. */
async function processors(qmp: Qmp): Promise<number[]> {
  const threads = objects(await qmp.call('query-cpus-fast')).map((cpu) => cpu['thread-id']);
  return threads.filter((thread) => typeof thread === 'number');
}

function inputEvents(event: PointerEvent): object[] {
  if ('button' in event) return [{ type: 'btn', data: { button: event.button, down: event.down } }];
  return [
    { type: 'abs', data: { axis: 'x', value: event.x } },
    { type: 'abs', data: { axis: 'y', value: event.y } },
  ];
}

/** PCI class code of a VGA-compatible display controller. */
const PCI_CLASS_VGA = 0x0300;

/** Pictures of 3 MB at 25 a second are no work for a disk: in memory where the host has a tmpfs for it. */
async function pictureFolder(runtimeDir: string): Promise<string> {
  const name = `portalgun-${basename(runtimeDir)}-`;
  try {
    return await mkdtemp(join('/dev/shm', name));
  } catch {
    // No /dev/shm (macOS), or it is not ours to write: the runtime folder is as good, only slower.
    return mkdtemp(join(runtimeDir, 'pictures-'));
  }
}

function objects(value: unknown): Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isObject) : [];
}
