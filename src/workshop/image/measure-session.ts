/** The host's side of the measuring VM's commands (measure-init.ts is the other). One command at a time. */
import type { Duplex } from 'node:stream';
import { FailedError } from '../../errors.ts';
import { type ByteReader, readBytes } from './byte-reader.ts';
import type { DiskLayout, Partition } from './disk-layout.ts';
import { MAX_ANSWER_LINE_BYTES, MAX_PARTITIONS } from './limits.ts';
import { TAR_RECORD_BYTES } from './measure-init.ts';
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
    /** A file system that cannot be mounted ends this command alone, and not the VM. */
    readonly lenient?: boolean;
  }): Promise<readonly TreeEntry[]>;
}

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
    async tree({ device, name, type, mountOptions, normaliser, onBytes, tap, copy, lenient }) {
      send('tree', device, type, mountOptions, ...(lenient === true ? ['lenient'] : []));
      const answer = await line(reader);
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
  };
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

function failed(what: string, answer: string): FailedError {
  const status = JSON.stringify(answer.slice(0, 80));
  return new FailedError('image/measure-failed', `the measuring VM failed at ${what}: ${status}`, {
    hint: 'the file system may be damaged: check it, or build again',
    facts: { what, answer: answer.slice(0, 80) },
  });
}
