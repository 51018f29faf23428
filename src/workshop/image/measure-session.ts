/** The host's side of the measuring VM's commands (measure-init.ts is the other). One command at a time. */
import type { Duplex } from 'node:stream';
import { FailedError, type PortalgunError } from '../../errors.ts';
import { type ByteReader, readBytes } from './byte-reader.ts';
import type { DiskLayout, Partition } from './disk-layout.ts';
import { dirtyFileSystem } from './file-system-head.ts';
import { MAX_ANSWER_LINE_BYTES, MAX_KERNEL_WORDS_BYTES, MAX_PARTITIONS } from './limits.ts';
import { TAR_RECORD_BYTES } from './measure-init.ts';
import type { MappedVolume } from './lvm/volumes.ts';
import type { Normaliser } from './normalise.ts';
import type { ContentTap, TreeCopy } from './types.ts';
import { readSockets, readTreeEntries, type TreeEntry } from './tree-entries.ts';

const SECTOR = 512;

export interface MeasureSession {
  /** `disk` as the guest's kernel calls it (`vda`). */
  layout(disk: string): Promise<DiskLayout>;
  /** Bytes of a disk as they are; read to the end before the next command. */
  raw(disk: string, offset: number, sizeBytes: number): AsyncGenerator<Buffer, void, undefined>;
  tree(options: {
    readonly device: string;
    readonly name: string;
    readonly type: string;
    readonly mountOptions: string;
    readonly normaliser: Normaliser;
    readonly onBytes?: (sizeBytes: number) => void;
    readonly tap?: ContentTap | undefined;
    readonly copy?: TreeCopy | undefined;
  }): Promise<readonly TreeEntry[]>;
  /** From now on the device `VOLUME_DEVICE` is this logical volume. */
  map(disk: string, volume: MappedVolume, access: 'ro' | 'rw'): Promise<void>;
}

/** What `map` makes, for the other commands. */
export const VOLUME_DEVICE = 'dm-0';

/** `onChunk` is called whenever the VM has sent something. */
export function openMeasureSession(port: Duplex, onChunk?: () => void): MeasureSession {
  const reader = readBytes(port, onChunk);
  const send = (...words: readonly (string | number)[]): void => {
    port.write(`${words.join(' ')}\n`);
  };
  return {
    async layout(disk) {
      send('layout', disk);
      return readLayout(reader, disk);
    },
    async *raw(disk, offset, sizeBytes) {
      send('raw', disk, offset, sizeBytes);
      yield* reader.chunks(sizeBytes);
      await expectEnd(reader, `reading ${sizeBytes} bytes of ${disk} at ${offset}`);
    },
    async tree({ device, name, type, mountOptions, normaliser, onBytes, tap, copy }) {
      send('tree', device, type, mountOptions);
      const answer = await line(reader);
      if (answer === 'unmountable') throw unmountable(type, name, await reader.until(0, MAX_KERNEL_WORDS_BYTES));
      if (answer !== 'ok') throw failed(`mounting the ${type} file system of ${name}`, answer);
      const options = {
        name,
        recordBytes: TAR_RECORD_BYTES,
        normaliser,
        tap,
        copy,
        ...(onBytes === undefined ? {} : { onBytes }),
      };
      const entries = await readTreeEntries(reader, options);
      const sockets = await readSockets(reader, name);
      await expectEnd(reader, `reading the files of ${name}`);
      return [...entries, ...sockets];
    },
    async map(disk, volume, access) {
      const rows = mapTable(disk, volume);
      send('map', access, rows.length);
      for (const row of rows) send(row);
      await expectEnd(reader, `putting ${volume.name} together`);
    },
  };
}

/** Linux Documentation/admin-guide/device-mapper, linear.rst and striped.rst: `START LENGTH linear|striped …`, in sectors. */
function mapTable(disk: string, { rows }: MappedVolume): readonly string[] {
  let at = 0;
  return rows.map(({ sectors, stripeSectors, places }) => {
    const devices = places.map(
      ({ partition, sector }) => `/dev/${partition === 0 ? disk : `${disk}${partition}`} ${sector}`,
    );
    const target = places.length === 1 ? 'linear' : `striped ${places.length} ${stripeSectors}`;
    const row = `${at} ${sectors} ${target} ${devices.join(' ')}`;
    at += sectors;
    return row;
  });
}

async function readLayout(reader: ByteReader, disk: string): Promise<DiskLayout> {
  const numbers = (words: readonly string[]): number[] =>
    words.map((word) => (/^\d{1,15}$/.test(word) ? Number(word) : Number.NaN));
  const partitions: Partition[] = [];
  let sizeBytes = Number.NaN;
  while (true) {
    const answer = await line(reader);
    const [what, ...words] = answer.split(' ');
    if (what === 'end') break;
    if (what === 'disk') sizeBytes = (numbers(words.slice(1))[0] ?? Number.NaN) * SECTOR;
    if (what !== 'part') continue;
    const [number = Number.NaN, start = Number.NaN, size = Number.NaN] = numbers(words);
    partitions.push({ number, offset: start * SECTOR, sizeBytes: size * SECTOR });
    if (partitions.length > MAX_PARTITIONS) throw failed(`listing the partitions of ${disk}`, 'too many');
  }
  const values = [sizeBytes, ...partitions.flatMap((each) => [each.number, each.offset, each.sizeBytes])];
  if (!values.every((value) => Number.isSafeInteger(value))) throw failed(`listing the partitions of ${disk}`, 'odd');
  return { sizeBytes, partitions: partitions.toSorted((a, b) => a.offset - b.offset) };
}

async function expectEnd(reader: ByteReader, what: string): Promise<void> {
  const answer = await line(reader);
  if (answer !== 'end 0') throw failed(what, answer);
}

async function line(reader: ByteReader): Promise<string> {
  return (await reader.until(0x0a, MAX_ANSWER_LINE_BYTES)).toString('latin1');
}

/** Whether an XFS was written back is known to its log alone: the kernel reads it, and may not write. */
function unmountable(type: string, name: string, words: Buffer): PortalgunError {
  const said = words
    .toString('latin1')
    .replaceAll(/[^\n -~]/g, '')
    .trimEnd();
  if (type === 'xfs' && said.includes('recovery required on read-only device')) {
    return dirtyFileSystem(name, 'its log holds changes that are not written back');
  }
  const last = said.slice(said.lastIndexOf('\n') + 1).slice(0, MAX_ANSWER_LINE_BYTES);
  return failed(`mounting the ${type} file system of ${name}`, last === '' ? 'the kernel gives no reason' : last);
}

function failed(what: string, answer: string): FailedError {
  const status = JSON.stringify(answer.slice(0, 200));
  return new FailedError('image/measure-failed', `the measuring VM failed at ${what}: ${status}`, {
    hint: 'the file system may be damaged: check it, or build again',
    facts: { what, answer: answer.slice(0, 200) },
  });
}
