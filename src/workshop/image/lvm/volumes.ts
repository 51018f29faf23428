/**
 * The volumes that the physical volumes of one disk make up together, and what each byte of those is. Pure. There is no way
 * round in circles: a volume is put together of physical volumes alone, and a physical volume inside of a volume is not opened.
 */
import type { Part } from '../disk-layout.ts';
import { MAX_LVM_METADATA_BYTES } from '../limits.ts';
import type { PhysicalLabel } from './label.ts';
import { badVolumeGroup } from './refuse.ts';
import type { Area, LogicalVolume, VolumeGroup } from './volume-group.ts';

const SECTOR = 512;

/** A partition with a label, and the descriptions of its group that it holds. */
export interface Member {
  readonly partition: number;
  /** For people: `p2`. */
  readonly name: string;
  readonly label: PhysicalLabel;
  readonly groups: readonly VolumeGroup[];
}

export interface MappedVolume {
  /** As device-mapper calls it: group and volume with a hyphen between, hyphens in them doubled. */
  readonly name: string;
  readonly sizeBytes: number;
  readonly rows: readonly MapRow[];
}

/** Sectors in a row on one partition, or turn by turn on several. */
export interface MapRow {
  readonly sectors: number;
  readonly stripeSectors: number;
  readonly places: readonly { readonly partition: number; readonly sector: number }[];
}

export interface PlannedVolumes {
  /** Of each partition with a label, from its start to its end. */
  readonly parts: ReadonlyMap<number, readonly Part[]>;
  /** Those that can be opened, sorted by name. */
  readonly volumes: readonly MappedVolume[];
}

/** Rejects with `image/bad-volume-group` where the descriptions contradict each other, or what is there. */
export function planVolumes(members: readonly Member[]): PlannedVolumes {
  const byId = new Map<string, Member>();
  for (const member of members) {
    const other = byId.get(member.label.id);
    if (other !== undefined) throw badVolumeGroup(member.name, `it says that it is the one in ${other.name}`);
    byId.set(member.label.id, member);
  }
  const parts = new Map<number, readonly Part[]>(
    members.map(({ partition, label }) => [
      partition,
      [{ offset: 0, sizeBytes: label.sizeBytes, holds: 'lvm2-unused' }],
    ]),
  );
  const volumes: MappedVolume[] = [];
  const owners = new Map<string, VolumeGroup>();
  for (const group of groupsInForce(members)) {
    const places = new Map<string, Member>();
    for (const [key, { id, startSector, extents }] of group.physicalVolumes) {
      const member = byId.get(id);
      if (member === undefined) continue;
      if (owners.has(id)) throw badVolumeGroup(member.name, `two groups say that it is theirs`);
      owners.set(id, group);
      if ((startSector + extents * group.extentSectors) * SECTOR > member.label.sizeBytes) {
        throw badVolumeGroup(member.name, 'its extents reach beyond its end');
      }
      places.set(key, member);
    }
    const mapped = new Map(group.volumes.map((volume) => [volume, mapVolume(group, volume, places)]));
    for (const volume of mapped.values()) if (volume !== undefined) volumes.push(volume);
    for (const [key, member] of places) parts.set(member.partition, divide(group, key, member, mapped));
  }
  volumes.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { parts, volumes };
}

/** Of each group the newest description; a member that was away may hold an older one. */
function groupsInForce(members: readonly Member[]): readonly VolumeGroup[] {
  const byName = new Map<string, { group: VolumeGroup; name: string }>();
  for (const { name, groups } of members) {
    for (const group of groups) {
      const known = byName.get(group.name);
      if (known !== undefined && known.group.id !== group.id) {
        throw badVolumeGroup(name, `another one, in ${known.name}, has its name ${JSON.stringify(group.name)}`);
      }
      if (known?.group.seqno === group.seqno && known.group.text !== group.text) {
        throw badVolumeGroup(name, `its description is not that in ${known.name}`);
      }
      if (known === undefined || known.group.seqno < group.seqno) byName.set(group.name, { group, name });
    }
  }
  return [...byName.values()].map(({ group }) => group);
}

/** Undefined for a volume of another kind, or one of which a part is on another disk. */
function mapVolume(
  group: VolumeGroup,
  volume: LogicalVolume,
  members: ReadonlyMap<string, Member>,
): MappedVolume | undefined {
  const rows: MapRow[] = [];
  for (const { extents, stripes, stripeSectors } of volume.segments ?? []) {
    const places = stripes.flatMap(({ physical, start }) => {
      const partition = members.get(physical)?.partition;
      if (partition === undefined) return [];
      return [{ partition, sector: startOf(group, physical) + start * group.extentSectors }];
    });
    if (places.length < stripes.length) return undefined;
    rows.push({ sectors: extents * group.extentSectors, stripeSectors, places });
  }
  if (rows.length === 0) return undefined;
  const name = [group.name, volume.name].map((each) => each.replaceAll('-', '--')).join('-');
  return { name, sizeBytes: rows.reduce((sum, { sectors }) => sum + sectors, 0) * SECTOR, rows };
}

/** One physical volume: its descriptions, its volumes, and what none of them owns. */
function divide(
  group: VolumeGroup,
  key: string,
  { name, label }: Member,
  mapped: ReadonlyMap<LogicalVolume, MappedVolume | undefined>,
): readonly Part[] {
  const owned = [...mapped]
    .flatMap(([{ areas }, volume]) => areas.map((area) => ({ area, volume })))
    .filter(({ area }) => area.physical === key)
    .sort((a, b) => a.area.start - b.area.start);
  const parts: Part[] = [];
  let at = 0;
  const add = (end: number, what: Omit<Part, 'offset' | 'sizeBytes'>): void => {
    if (end > at) parts.push({ offset: at, sizeBytes: end - at, ...what });
    at = Math.max(at, end);
  };
  /** Free, but where a description is kept at its end. */
  const addUnowned = (end: number): void => {
    const described =
      at === 0 || label.metadataAreas.some(({ offset, sizeBytes }) => offset < end && offset + sizeBytes > at);
    const small = end - at <= MAX_LVM_METADATA_BYTES;
    add(
      end,
      described ? { holds: 'lvm2-metadata', ...(small ? { role: 'lvm-metadata' } : {}) } : { holds: 'lvm2-unused' },
    );
  };
  addUnowned(startOf(group, key) * SECTOR);
  for (const { area, volume } of owned) {
    const { from, to } = bytesOf(group, area);
    if (from < at) throw badVolumeGroup(name, 'two of its volumes share extents');
    addUnowned(from);
    add(to, volume === undefined ? { holds: 'lvm2-other' } : { volume: volume.name });
  }
  addUnowned(label.sizeBytes);
  return parts;
}

function startOf(group: VolumeGroup, key: string): number {
  return group.physicalVolumes.get(key)?.startSector ?? 0;
}

function bytesOf(
  group: VolumeGroup,
  { physical, start, extents }: Area,
): { readonly from: number; readonly to: number } {
  const from = (startOf(group, physical) + start * group.extentSectors) * SECTOR;
  return { from, to: from + extents * group.extentSectors * SECTOR };
}
