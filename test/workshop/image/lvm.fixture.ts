/** Physical volumes as bytes, with whatever somebody may write into them: real ones come from LVM itself (written-in-a-guest.vm.test.ts). */
import { lvmChecksum } from '../../../src/workshop/image/lvm/label.ts';

export const EXTENT = 8 * 512;
/** Where the first extent is: behind the label, and a metadata area from 4 KiB to 64 KiB. */
export const FIRST_EXTENT = 64 * 1024;
const AREA = { offset: 4096, sizeBytes: FIRST_EXTENT - 4096 };

export const ID = (letter: string): string =>
  ['6', '4', '4', '4', '4', '4', '6'].map((n) => letter.repeat(Number(n))).join('-');

export interface GroupOptions {
  readonly name?: string;
  readonly id?: string;
  readonly seqno?: number;
  readonly physical?: Readonly<Record<string, { readonly id: string; readonly extents: number }>>;
  readonly volumes?: Readonly<Record<string, string>>;
}

/** One segment in a row: `extents` extents of `physical` from `from` on. */
export function inARow(extents: number, physical: string, from: number): string {
  return volume([`extent_count = ${extents} type = "striped" stripe_count = 1 stripes = ["${physical}", ${from}]`]);
}

/** Segments that follow one another; a segment that says its own `start_extent` is left as it is. */
export function volume(segments: readonly string[], status = '"READ", "WRITE", "VISIBLE"'): string {
  let next = 0;
  const sections = segments.map((segment, index) => {
    const start = segment.includes('start_extent') ? '' : `start_extent = ${next} `;
    next += Number(/extent_count = (\d+)/.exec(segment)?.[1] ?? 0);
    return `segment${index + 1} { ${start}${segment} }`;
  });
  return `id = "${ID('v')}" status = [${status}] creation_time = 1732752000 segment_count = ${segments.length} ${sections.join(' ')}`;
}

export function groupText(options: GroupOptions): string {
  const physical = Object.entries(options.physical ?? { pv0: { id: ID('a'), extents: 20 } }).map(
    ([name, { id, extents }]) =>
      `${name} { id = "${id}" device = "/dev/vda" pe_start = ${FIRST_EXTENT / 512} pe_count = ${extents} }`,
  );
  const volumes = Object.entries(options.volumes ?? {}).map(([name, text]) => `${name} { ${text} }`);
  return `${options.name ?? 'vg'} {
    id = "${options.id ?? ID('g')}" # a comment
    seqno = ${options.seqno ?? 1}
    status = ["RESIZEABLE", "READ", "WRITE"]
    extent_size = ${EXTENT / 512}
    physical_volumes { ${physical.join(' ')} }
    logical_volumes { ${volumes.join(' ')} }
  }
  contents = "Text Format Volume Group"
  version = 1
  creation_time = 1732752000\n\0`;
}

/** `change` is told the label's sector, the area's header and all bytes; checksums are made after it, but for `spoil`. */
export function physicalVolume(options: {
  readonly id: string;
  readonly text?: string;
  readonly extents?: number;
  /** Where in its area the text begins. */
  readonly textAt?: number;
  readonly change?: (parts: { label: Buffer; header: Buffer; bytes: Buffer }) => void;
  readonly spoil?: (parts: { label: Buffer; header: Buffer; bytes: Buffer }) => void;
}): Buffer {
  const bytes = Buffer.alloc(FIRST_EXTENT + (options.extents ?? 20) * EXTENT);
  const label = bytes.subarray(512, 1024);
  label.write('LABELONE', 0, 'latin1');
  label.writeBigUInt64LE(1n, 8);
  label.writeUInt32LE(32, 20);
  label.write('LVM2 001', 24, 'latin1');
  label.write(options.id.replaceAll('-', ''), 32, 'latin1');
  label.writeBigUInt64LE(BigInt(bytes.length), 64);
  label.writeBigUInt64LE(BigInt(FIRST_EXTENT), 72);
  label.writeBigUInt64LE(BigInt(AREA.offset), 104);
  label.writeBigUInt64LE(BigInt(AREA.sizeBytes), 112);
  const area = bytes.subarray(AREA.offset, AREA.offset + AREA.sizeBytes);
  const header = area.subarray(0, 512);
  header.write(' LVM2 x[5A%r0N*>', 4, 'latin1');
  header.writeUInt32LE(1, 20);
  header.writeBigUInt64LE(BigInt(AREA.offset), 24);
  header.writeBigUInt64LE(BigInt(AREA.sizeBytes), 32);
  const text = Buffer.from(options.text ?? '', 'latin1');
  const at = options.textAt ?? 512;
  if (text.length > 0) {
    const first = text.copy(area, at);
    text.copy(area, 512, first);
    header.writeBigUInt64LE(BigInt(at), 40);
    header.writeBigUInt64LE(BigInt(text.length), 48);
    header.writeUInt32LE(lvmChecksum(text), 56);
  }
  options.change?.({ label, header, bytes });
  header.writeUInt32LE(lvmChecksum(header.subarray(4)), 0);
  label.writeUInt32LE(lvmChecksum(label.subarray(20)), 16);
  options.spoil?.({ label, header, bytes });
  return bytes;
}
