/**
 * Measures finished disks with a small VM of our own: its disks are attached read-only, it mounts what Linux can mount and
 * sends everything out; hashing is done here. So a manifest depends neither on the measured guest nor on what this host can
 * mount, and a hostile file system meets a kernel that holds nothing.
 */
import { FailedError, InterruptedError, PortalgunError } from '../../errors.ts';
import type { NormaliseRule } from '../../recipe/types.ts';
import type { Machine, StartOptions } from '../machine/types.ts';
import { MAX_LAST_WORDS_BYTES, MEASURE_MEMORY_MIB, MEASURE_STALL_MS } from './limits.ts';
import { formatManifest } from './manifest.ts';
import { measureDevice } from './measure-device.ts';
import { MEASURE_PORT } from './measure-init.ts';
import type { MeasuringTools } from './measure-initramfs.ts';
import { openMeasureSession } from './measure-session.ts';
import { compileRules, type Normaliser } from './normalise.ts';
import type { ContentTap, Manifest, TreeCopy } from './types.ts';

/** `no_timer_check`: on a busy host an emulated timer may come too late for the kernel's check of it, which then panics. */
export const KERNEL_ARGUMENTS = 'console=ttyS0 quiet panic=-1 no_timer_check';

export interface MeasuredDisk {
  readonly path: string;
  readonly format: 'raw' | 'qcow2';
  /** Where they are not those of all disks of this VM. */
  readonly normalise?: readonly NormaliseRule[];
  readonly tap?: ContentTap;
}

export interface MeasureOptions {
  readonly tools: MeasuringTools;
  readonly normalise: readonly NormaliseRule[];
  readonly startMachine: (options: StartOptions) => Promise<Machine>;
  /** For the VM's sockets; made, and removed by the machine. */
  readonly runtimeDir: string;
  readonly accelerator: StartOptions['accelerator'];
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: MeasureProgress) => void;
  /** Also given the content of what it asks for, on the way. */
  readonly tap?: ContentTap | undefined;
  /** Given all files of the disks. One that is slow holds up the VM, and so must not take as long as `stallMs`. */
  readonly copy?: TreeCopy | undefined;
  /** Milliseconds without a byte from the VM after which it counts as stuck. */
  readonly stallMs?: number;
}

/** Bytes of files and extents read so far; the total is that of the disks, which is more than what their files hold. */
export interface MeasureProgress {
  readonly doneBytes: number;
  readonly diskBytes: number;
}

/** One disk. See `measureDisks`. */
export async function measureDisk(
  options: MeasureOptions & { readonly diskPath: string; readonly format: MeasuredDisk['format'] },
): Promise<Manifest> {
  const [manifest] = await measureDisks({ ...options, disks: [{ path: options.diskPath, format: options.format }] });
  if (manifest === undefined) throw new TypeError('one disk gives one manifest');
  return manifest;
}

/**
 * Measures disks in one VM, a manifest each. The disks must not be in use. Rejects with `image/dirty-file-system`,
 * `image/odd-layout`, `image/bad-file-system`, `image/bad-volume-group` (refused), `image/measure-failed`, `image/measure-ended`,
 * `image/measure-stuck`, `image/bad-archive`, `image/bad-answer` (failed), or as interrupted.
 */
export async function measureDisks(
  options: MeasureOptions & { readonly disks: readonly MeasuredDisk[] },
): Promise<readonly Manifest[]> {
  return inMeasuringVm(options, options.disks, async (measure) => {
    const manifests: Manifest[] = [];
    for (const index of options.disks.keys()) manifests.push(await measure(index));
    return manifests;
  });
}

export interface MeasuredBuild {
  readonly manifest: Manifest;
  /** For each stage the text of its manifest, or why there is none. */
  readonly stages: readonly (string | Error)[];
}

/**
 * A finished disk, and what it was before, in one VM. The stages are disks of a running machine: their journals are replayed,
 * so each must be a copy, or an overlay, that may be written to. A stage that cannot be read (half a file system, say) is
 * none, and nothing else fails for it; the finished disk is measured first, and as strictly as by `measureDisks`.
 */
export async function measureBuild(
  options: MeasureOptions & { readonly disk: MeasuredDisk; readonly stages: readonly MeasuredDisk[] },
): Promise<MeasuredBuild> {
  const disks = [options.disk, ...options.stages.map((stage) => ({ ...stage, running: true }))];
  return inMeasuringVm(options, disks, async (measure) => {
    const manifest = await measure(0);
    const stages: (string | Error)[] = [];
    for (const index of options.stages.keys()) {
      try {
        // The text alone: the entries of twenty manifests would fill the memory of a small machine.
        stages.push((await measure(index + 1)).text);
      } catch (error) {
        if (options.signal?.aborted === true || !(error instanceof PortalgunError)) throw error;
        stages.push(error);
      }
    }
    return { manifest, stages };
  });
}

/** `running`: taken from a running machine, and attached so that its journal can be replayed. */
interface AttachedDisk extends MeasuredDisk {
  readonly running?: boolean;
}

async function inMeasuringVm<T>(
  options: MeasureOptions,
  disks: readonly AttachedDisk[],
  work: (measure: (index: number) => Promise<Manifest>) => Promise<T>,
): Promise<T> {
  const normalisers = disks.map(({ normalise = options.normalise }) => compileRules(normalise));
  if (options.signal?.aborted === true) throw new InterruptedError();
  const machine = await options.startMachine({
    config: {
      arch: 'x86_64',
      cpus: 1,
      memoryMiB: MEASURE_MEMORY_MIB,
      disks: disks.map(({ path, format, running }, index) => ({
        id: `measured${index}`,
        path,
        format,
        readOnly: running !== true,
        bus: 'virtio',
      })),
      kernel: {
        path: options.tools.kernelPath,
        initrd: options.tools.initrdPath,
        args: KERNEL_ARGUMENTS,
      },
      ports: [MEASURE_PORT],
    },
    runtimeDir: options.runtimeDir,
    accelerator: options.accelerator,
    ...(options.signal === undefined ? {} : { signal: options.signal }),
  });
  try {
    return await measureIn(machine, normalisers, options, disks, work);
  } finally {
    await machine.close();
  }
}

async function measureIn<T>(
  machine: Machine,
  normalisers: readonly Normaliser[],
  options: MeasureOptions,
  disks: readonly AttachedDisk[],
  work: (measure: (index: number) => Promise<Manifest>) => Promise<T>,
): Promise<T> {
  const port = await machine.port(MEASURE_PORT);
  let reason: PortalgunError | undefined;
  const end = (error: PortalgunError): void => {
    reason ??= error;
    port.destroy();
  };
  // What a destroyed port says is told by `reason`.
  port.on('error', () => end(new FailedError('image/measure-ended', 'the measuring VM stopped in the middle')));
  const stallMs = options.stallMs ?? MEASURE_STALL_MS;
  const stuck = setTimeout(() => end(stuckError(stallMs)), stallMs);
  const interrupt = (): void => end(new InterruptedError());
  options.signal?.addEventListener('abort', interrupt, { once: true });
  const forget = machine.onEvent((event) => {
    const how = event.type === 'died' ? `died (${event.status})` : `ended (${event.type})`;
    end(new FailedError('image/measure-ended', `the measuring VM ${how} before it was done`, { facts: { event } }));
  });
  try {
    const session = openMeasureSession(port, () => stuck.refresh());
    let doneBytes = 0;
    let diskBytes = 0;
    const onBytes = (sizeBytes: number): void => {
      // Holes of a file count as read: it may be larger than its disk.
      doneBytes = Math.min(doneBytes + sizeBytes, diskBytes);
      options.onProgress?.({ doneBytes, diskBytes });
    };
    const add = (sizeBytes: number): void => void (diskBytes += sizeBytes);
    return await work(async (index) => {
      // The kernel names virtio disks in the order of their slots.
      const device = `vd${'abcdefghijklmnopqrstuvwxyz'.charAt(index)}`;
      const [disk, normaliser] = [disks[index], normalisers[index]];
      if (disk === undefined || normaliser === undefined) throw new TypeError(`there is no disk ${index}`);
      const running = disk.running === true;
      const { tap, copy } = running ? {} : { ...options, ...(disk.tap && { tap: disk.tap }) };
      try {
        const entries = await measureDevice(session, device, { normaliser, onBytes, add, tap, copy, running });
        // Holes and the structure of file systems are not read, and yet done with.
        onBytes(diskBytes - doneBytes);
        return formatManifest(entries, normaliser.digest);
      } catch (error) {
        throw withLastWords(reason ?? error, machine);
      }
    });
  } finally {
    clearTimeout(stuck);
    forget();
    options.signal?.removeEventListener('abort', interrupt);
  }
}

/** A hostile file system may write on the VM's console: what it wrote must not act on the person's terminal. */
function printable(bytes: Uint8Array): string {
  return Buffer.from(bytes)
    .toString('latin1')
    .replaceAll(/[^\n -~]/g, '');
}

function stuckError(stallMs: number): FailedError {
  return new FailedError('image/measure-stuck', `the measuring VM has sent nothing for ${stallMs / 1000} s`, {
    hint: 'run it again; if it happens again, look at its last words with --verbose',
  });
}

/** What the VM's kernel and programs said is the reason, for failures of the VM; refusals speak for themselves. */
function withLastWords(error: unknown, machine: Machine): unknown {
  if (!(error instanceof FailedError)) return error;
  const { code, hint, facts } = error;
  const lastWords = printable(machine.serialOutput().slice(-MAX_LAST_WORDS_BYTES));
  const lines = lastWords.trimEnd().split('\n');
  // Our script's own reason, if it gave one; otherwise the kernel's last line.
  const lastLine = lines.findLast((line) => line.startsWith('portalgun:')) ?? lines.at(-1) ?? '';
  const message = lastLine === '' ? error.message : `${error.message}; its last words: ${lastLine}`;
  const details = { facts: { ...facts, lastWords }, cause: error, ...(hint === undefined ? {} : { hint }) };
  return new FailedError(code, message, details);
}
