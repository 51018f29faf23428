/** The entries of one disk, in the words of the measuring VM's session: what is where, then each part in its turn. */
import { createHash } from 'node:crypto';
import { type Digest, sha256 } from '../../crypto/digest.ts';
import { withoutDiskIds } from './disk-id.ts';
import { type Partition, type PartitionContent, planRegions, type Region } from './disk-layout.ts';
import { recogniseFileSystem } from './file-system-head.ts';
import { HEAD_BYTES } from './limits.ts';
import { badVolumeGroup } from './lvm/refuse.ts';
import { type PhysicalLabel, locateText, lvmChecksum, readLabel } from './lvm/label.ts';
import { readVolumeGroup, type VolumeGroup } from './lvm/volume-group.ts';
import { type MappedVolume, type Member, planVolumes } from './lvm/volumes.ts';
import { type MeasureSession, VOLUME_DEVICE } from './measure-session.ts';
import type { Normaliser } from './normalise.ts';
import { recogniseOther, TAIL_BYTES } from './other-content.ts';
import type { ContentTap, ManifestEntry, TreeCopy } from './types.ts';

export interface DeviceOptions {
  readonly normaliser: Normaliser;
  readonly onBytes: (sizeBytes: number) => void;
  /** Told how many bytes a disk has before they are read. */
  readonly add: (diskBytes: number) => void;
  readonly tap: ContentTap | undefined;
  readonly copy: TreeCopy | undefined;
  /** Of a running machine: journals are replayed. */
  readonly running: boolean;
}

/** A disk or a logical volume: its device in the VM, and the names of its bytes and of a file system that is all of it. */
interface Space {
  readonly device: string;
  readonly bytes: string;
  readonly tree: (partition: number) => string;
}

/** `disk` as the VM's kernel calls it. */
export async function measureDevice(
  session: MeasureSession,
  disk: string,
  options: DeviceOptions,
): Promise<readonly ManifestEntry[]> {
  const found = await session.layout(disk);
  options.add(found.sizeBytes);
  const diskHead = await collect(session.raw(disk, 0, Math.min(HEAD_BYTES, found.sizeBytes)));
  const whole: Partition = { number: 0, offset: 0, sizeBytes: found.sizeBytes };
  const partitions = found.partitions.length > 0 ? found.partitions : [whole];
  const contents = new Map<number, PartitionContent>();
  const members: Member[] = [];
  for (const partition of partitions) {
    const name = partitionName(partition.number);
    const { content, label } = await recognise(session, disk, { ...partition, name }, options);
    if (content !== undefined) contents.set(partition.number, content);
    if (content === undefined && label !== undefined) {
      const groups = await readGroups(session, disk, { ...partition, name }, label);
      members.push({ partition: partition.number, name, label, groups });
    }
  }
  const { parts, volumes } = planVolumes(members);
  for (const [number, each] of parts) contents.set(number, { kind: 'parts', parts: each });
  // A disk with nothing on it that is known has no partition 0: its first sector may be an MBR without partitions.
  const layout = contents.has(0) ? { ...found, partitions } : found;
  const space: Space = { device: disk, bytes: 'disk', tree: partitionName };
  const entries = await measureRegions(session, space, planRegions(layout, contents, diskHead), options);
  for (const volume of volumes) entries.push(...(await measureVolume(session, disk, volume, options)));
  return entries;
}

async function measureVolume(
  session: MeasureSession,
  disk: string,
  volume: MappedVolume,
  options: DeviceOptions,
): Promise<readonly ManifestEntry[]> {
  const { name, sizeBytes } = volume;
  await session.map(disk, volume, options.running ? 'rw' : 'ro');
  const place = { number: 0, offset: 0, sizeBytes };
  const { content, label } = await recognise(session, VOLUME_DEVICE, { ...place, name }, options);
  // A volume inside a volume is not opened: so there is no going round in circles.
  const inside: PartitionContent | undefined =
    content ?? (label && { kind: 'parts', parts: [{ offset: 0, sizeBytes, holds: 'lvm2-member' }] });
  const contents = new Map(inside === undefined ? [] : [[0, inside] as const]);
  const regions = planRegions({ sizeBytes, partitions: [place] }, contents, Buffer.alloc(0));
  const space: Space = { device: VOLUME_DEVICE, bytes: name, tree: () => name };
  return measureRegions(session, space, regions, options);
}

/** What a partition, or a volume, holds by its own marks. A file system counts before anything else. */
async function recognise(
  session: MeasureSession,
  device: string,
  place: Partition & { readonly name: string },
  { running }: DeviceOptions,
): Promise<{ readonly content?: PartitionContent; readonly label?: PhysicalLabel }> {
  const { offset, sizeBytes } = place;
  const head = await collect(session.raw(device, offset, Math.min(HEAD_BYTES, sizeBytes)));
  const fileSystem = recogniseFileSystem(head, place, { running });
  if (fileSystem !== undefined) return { content: { kind: 'tree', head: fileSystem } };
  const label = readLabel(head, place);
  if (label !== undefined) return { label };
  const tailBytes = Math.min(TAIL_BYTES, sizeBytes);
  const tail = await collect(session.raw(device, offset + sizeBytes - tailBytes, tailBytes));
  const parts = recogniseOther(head, tail, sizeBytes);
  return parts === undefined ? {} : { content: { kind: 'parts', parts } };
}

/** The descriptions of volume groups that a physical volume holds: none where it belongs to no group yet. */
async function readGroups(
  session: MeasureSession,
  disk: string,
  { name, offset }: { readonly name: string; readonly offset: number },
  label: PhysicalLabel,
): Promise<readonly VolumeGroup[]> {
  const read = (range: { readonly offset: number; readonly sizeBytes: number }): Promise<Buffer> =>
    collect(session.raw(disk, offset + range.offset, range.sizeBytes));
  const groups: VolumeGroup[] = [];
  for (const area of label.metadataAreas) {
    const header = await read({ offset: area.offset, sizeBytes: Math.min(area.sizeBytes, 512) });
    const located = locateText(header, area, name);
    if (located === undefined) continue;
    const pieces: Buffer[] = [];
    for (const piece of located.pieces) pieces.push(await read(piece));
    const text = Buffer.concat(pieces);
    if (lvmChecksum(text) !== located.checksum) throw badVolumeGroup(name, 'its description has another checksum');
    groups.push(readVolumeGroup(text.toString('latin1'), name));
  }
  return groups;
}

async function measureRegions(
  session: MeasureSession,
  space: Space,
  regions: readonly Region[],
  options: DeviceOptions,
): Promise<ManifestEntry[]> {
  const entries: ManifestEntry[] = [];
  for (const region of regions) {
    const { offset, sizeBytes } = region;
    const path = `${space.bytes}:${offset}+${sizeBytes}`;
    if (region.kind === 'extent') {
      entries.push(await measureExtent(session, space.device, path, region, options));
      continue;
    }
    if (region.kind === 'volume') {
      entries.push({ kind: 'filesystem', path, sizeBytes, name: region.name, type: 'lvm2' });
      continue;
    }
    const { partition, head } = region;
    const name = space.tree(partition);
    const { type, mountOptions } = head;
    entries.push({ kind: 'filesystem', path, sizeBytes, name, type });
    const { normaliser, onBytes, tap, copy } = options;
    const device = partition === 0 ? space.device : `${space.device}${partition}`;
    const tree = { device, name, type, mountOptions, normaliser, onBytes, tap, copy };
    for (const entry of await session.tree(tree)) entries.push(entry);
  }
  return entries;
}

async function measureExtent(
  session: MeasureSession,
  device: string,
  path: string,
  region: Extract<Region, { kind: 'extent' }>,
  options: DeviceOptions,
): Promise<ManifestEntry> {
  const { offset, sizeBytes, role, holds } = region;
  const entry = { kind: 'extent', path, sizeBytes, ...(holds === undefined ? {} : { holds }) } as const;
  const bytes = session.raw(device, offset, sizeBytes);
  const tap = options.tap?.(path);
  if (role !== undefined && options.normaliser.diskId) {
    const content = await collect(bytes);
    options.onBytes(sizeBytes);
    const rewritten = withoutDiskIds(role, content);
    tap?.update(rewritten);
    return { ...entry, sha256: sha256(rewritten), rule: 'disk-id' };
  }
  const hash = createHash('sha256');
  for await (const piece of bytes) {
    hash.update(piece);
    tap?.update(piece);
    options.onBytes(piece.length);
  }
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  return { ...entry, sha256: digest };
}

async function collect(bytes: AsyncIterable<Buffer>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return Buffer.concat(pieces);
}

function partitionName(number: number): string {
  return `p${number}`;
}
