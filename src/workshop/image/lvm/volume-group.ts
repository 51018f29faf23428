/** What a volume group's description says, checked: numbers in range, names that are names, no hole in a volume. Pure. */
import { MAX_LOGICAL_VOLUMES, MAX_VOLUME_SEGMENTS } from '../limits.ts';
import { type GroupSection, type GroupValue, parseGroupText } from './group-text.ts';
import { badVolumeGroup } from './refuse.ts';

/** All counts are of extents, or where the name says so of sectors of 512 bytes. */
export interface VolumeGroup {
  readonly name: string;
  readonly id: string;
  readonly seqno: number;
  /** As it was written. */
  readonly text: string;
  readonly extentSectors: number;
  readonly physicalVolumes: ReadonlyMap<string, PhysicalVolume>;
  readonly volumes: readonly LogicalVolume[];
}

export interface PhysicalVolume {
  readonly id: string;
  readonly startSector: number;
  readonly extents: number;
}

export interface LogicalVolume {
  readonly name: string;
  /** Consecutive from the first extent on. Undefined: of a kind that is not put together here (mirror, RAID, thin, cache, …). */
  readonly segments: readonly Segment[] | undefined;
  /** What of the physical volumes is known to be its own, whatever its kind. */
  readonly areas: readonly Area[];
}

export interface Segment {
  readonly extents: number;
  /** One: in a row. More: turn by turn, `stripeSectors` each. */
  readonly stripes: readonly Area[];
  readonly stripeSectors: number;
}

export interface Area {
  /** Name of a physical volume, such as `pv0`. */
  readonly physical: string;
  readonly start: number;
  readonly extents: number;
}

const NAME = /^(?!\.{1,2}$)[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,126}$/;
/** Other flags stand for work that is under way, or for a part of another volume. */
const PLAIN_FLAGS: ReadonlySet<GroupValue> = new Set(['READ', 'WRITE', 'VISIBLE', 'FIXED_MINOR']);

/** Rejects with `image/bad-volume-group`. `where` names the partition, for people. */
export function readVolumeGroup(text: string, where: string): VolumeGroup {
  const bad = (why: string): Error => badVolumeGroup(where, why);
  const root = parseGroupText(text);
  if (root === undefined) throw bad('its description cannot be read');
  const groups = [...root].filter(([, value]) => value instanceof Map);
  const [name, group] = groups[0] ?? [];
  if (name === undefined || !(group instanceof Map) || groups.length !== 1 || !NAME.test(name)) {
    throw bad('its description is not of one group');
  }
  const read = reader(group, bad);
  const extentSectors = read.count('extent_size', 1);
  const physicalVolumes = new Map<string, PhysicalVolume>();
  for (const [key, section] of sectionsOf(group, 'physical_volumes')) {
    const of = reader(section, bad);
    physicalVolumes.set(key, {
      id: of.text('id'),
      startSector: of.count('pe_start', 1),
      extents: of.count('pe_count'),
    });
  }
  const described = sectionsOf(group, 'logical_volumes');
  if (described.length > MAX_LOGICAL_VOLUMES) throw bad(`it has ${described.length} volumes`);
  const parts = namesUsed(described);
  let left = MAX_VOLUME_SEGMENTS;
  const volumes = described.map(([key, section]): LogicalVolume => {
    if (!NAME.test(key)) throw bad('a volume has an odd name');
    const count = reader(section, bad).count('segment_count');
    left -= count;
    if (left < 0) throw bad(`its volumes have more than ${MAX_VOLUME_SEGMENTS} segments`);
    const segments = readSegments(section, count, { extentSectors, physicalVolumes, bad });
    const areas = segments.flatMap(({ stripes }) => stripes);
    const flags = section.get('status');
    const plain =
      Array.isArray(flags) && flags.includes('VISIBLE') && flags.every((flag: GroupValue) => PLAIN_FLAGS.has(flag));
    const whole = count > 0 && segments.length === count && plain && !parts.has(key);
    return { name: key, segments: whole ? segments : undefined, areas };
  });
  return { name, id: read.text('id'), seqno: read.count('seqno'), text, extentSectors, physicalVolumes, volumes };
}

/** Those that are in a row or turn by turn on physical volumes; fewer than `count` where others are among them. */
function readSegments(
  volume: GroupSection,
  count: number,
  group: {
    readonly extentSectors: number;
    readonly physicalVolumes: ReadonlyMap<string, PhysicalVolume>;
    readonly bad: (why: string) => Error;
  },
): readonly Segment[] {
  const { bad, extentSectors } = group;
  const segments: Segment[] = [];
  let next = 0;
  for (let number = 1; number <= count; number += 1) {
    const section = volume.get(`segment${number}`);
    if (!(section instanceof Map)) throw bad(`a volume has no segment ${number} of ${count}`);
    const read = reader(section, bad);
    const extents = read.count('extent_count', 1);
    if (read.count('start_extent') !== next) throw bad('a volume has a hole, or overlaps itself');
    next += extents;
    if (!Number.isSafeInteger(next * extentSectors * 512)) throw bad('a volume is larger than any disk');
    if (section.get('type') !== 'striped') continue;
    const list = section.get('stripes');
    const stripes = read.count('stripe_count', 1);
    const stripeSectors = stripes === 1 ? 0 : read.count('stripe_size', 8);
    if (!Array.isArray(list) || list.length !== 2 * stripes || extents % stripes !== 0)
      throw bad('its stripes are odd');
    if (stripes > 1 && ((stripeSectors & (stripeSectors - 1)) !== 0 || extentSectors % stripeSectors !== 0)) {
      throw bad('its stripes are of an odd size');
    }
    const areas = readAreas(list, extents / stripes, group);
    if (areas !== undefined) segments.push({ extents, stripes: areas, stripeSectors });
  }
  return segments;
}

/** Undefined where a stripe is on a volume, and not on a physical one. */
function readAreas(
  list: readonly GroupValue[],
  extents: number,
  {
    physicalVolumes,
    bad,
  }: { readonly physicalVolumes: ReadonlyMap<string, PhysicalVolume>; readonly bad: (why: string) => Error },
): readonly Area[] | undefined {
  const areas: Area[] = [];
  for (let index = 0; index < list.length; index += 2) {
    const [name, start] = [list[index], list[index + 1]];
    if (typeof name !== 'string' || !isCount(start)) throw bad('its stripes are odd');
    const physical = physicalVolumes.get(name);
    if (physical === undefined) return undefined;
    if (start + extents > physical.extents) throw bad('a volume reaches beyond the end of its physical volume');
    areas.push({ physical: name, start, extents });
  }
  return areas;
}

/** Every word in a volume's segments that could be another volume's name: what is a part of another is none of its own. */
function namesUsed(volumes: readonly (readonly [string, GroupSection])[]): ReadonlySet<string> {
  const used = new Set<string>();
  for (const [, volume] of volumes) {
    for (const segment of volume.values()) {
      if (!(segment instanceof Map)) continue;
      for (const [key, value] of segment) {
        if (key === 'type') continue;
        for (const each of Array.isArray(value) ? value : [value]) if (typeof each === 'string') used.add(each);
      }
    }
  }
  return used;
}

function sectionsOf(section: GroupSection, key: string): readonly (readonly [string, GroupSection])[] {
  const value = section.get(key);
  if (!(value instanceof Map)) return [];
  return [...value].flatMap(([name, each]) => (each instanceof Map ? [[name, each] as const] : []));
}

function reader(section: GroupSection, bad: (why: string) => Error) {
  return {
    count(key: string, least = 0): number {
      const value = section.get(key);
      if (!isCount(value) || value < least) throw bad(`its description has no proper ${key}`);
      return value;
    },
    text(key: string): string {
      const value = section.get(key);
      if (typeof value !== 'string') throw bad(`its description has no proper ${key}`);
      return value;
    },
  };
}

function isCount(value: GroupValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
