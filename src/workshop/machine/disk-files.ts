/** The files under a machine's disks: what it writes to now, what is frozen, and what can go. */
import { randomBytes } from 'node:crypto';
import { mkdir, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { createOverlay } from './disks.ts';
import { diskNode, isWritable } from './qemu-args.ts';
import type { Qmp } from './qmp.ts';
import type { MachineDisk, StartOptions } from './types.ts';

/** Which file each disk is in, and which of the overlays nobody needs once the machine is gone. */
export class DiskFiles {
  current: readonly MachineDisk[];
  readonly #overlayDir: string | undefined;
  /** Name of the block node that each disk is written through, where an overlay was added since the start. */
  readonly #nodes = new Map<string, string>();
  #disposable: string[] = [];

  constructor({ config, overlayDir }: StartOptions) {
    this.current = config.disks.map((disk) => ({ ...disk, path: resolve(disk.path) }));
    this.#overlayDir = overlayDir;
  }

  files(): Record<string, string> {
    return Object.fromEntries(this.current.filter(isWritable).map((disk) => [disk.id, disk.path]));
  }

  /** Where the machine will write. */
  folders(): string[] {
    return [...new Set(this.current.filter(isWritable).map((disk) => dirname(disk.path)))];
  }

  /** Puts a fresh overlay over each writable disk, before QEMU opens them. */
  async lieOver(): Promise<void> {
    this.current = await this.#overlays();
  }

  /** Lets QEMU go on in fresh overlays, all disks at once; gives the files that are frozen now. */
  async freeze(qmp: Qmp): Promise<Record<string, string>> {
    const frozen = this.files();
    const next = await this.#overlays();
    const actions = [];
    for (const disk of next.filter(isWritable)) {
      const name = `${diskNode(disk.id)}-${randomBytes(3).toString('hex')}`;
      await qmp.call('blockdev-add', {
        driver: 'qcow2',
        'node-name': name,
        backing: null,
        file: { driver: 'file', filename: disk.path, discard: 'unmap' },
      });
      actions.push({
        type: 'blockdev-snapshot',
        data: { node: this.#nodes.get(disk.id) ?? diskNode(disk.id), overlay: name },
      });
      this.#nodes.set(disk.id, name);
    }
    if (actions.length > 0) await qmp.call('transaction', { actions });
    this.current = next;
    return frozen;
  }

  /** What was frozen belongs to a saved state now, and so does all that it rests on. */
  keepFrozen(): void {
    const now = new Set(this.current.map((disk) => disk.path));
    this.#disposable = this.#disposable.filter((path) => now.has(path));
  }

  /** Removes the overlays that no saved state rests on. */
  async discard(): Promise<void> {
    await Promise.all(this.#disposable.map((path) => rm(path, { force: true })));
  }

  #overlays(): Promise<MachineDisk[]> {
    return Promise.all(this.current.map(async (disk) => (isWritable(disk) ? this.#overlay(disk) : disk)));
  }

  async #overlay(disk: MachineDisk): Promise<MachineDisk> {
    const folder = this.#overlayDir ?? dirname(disk.path);
    await mkdir(folder, { recursive: true, mode: 0o700 });
    const path = join(resolve(folder), `${disk.id}-${randomBytes(6).toString('hex')}.qcow2`);
    this.#disposable.push(path);
    await createOverlay(path, disk);
    return { ...disk, path, format: 'qcow2' };
  }
}
