/** What the bytes of an extent are, for people: `disk:0+512` says little. Pure. */
const SECTOR = 512;

/** `boot sector`, `before the first file system`, …; undefined for what is not an extent. */
export function placeOf(path: string): string | undefined {
  const [, space, offset, size] = /^([^:/]+):(\d+)\+(\d+)$/.exec(path) ?? [];
  if (offset === undefined || size === undefined) return undefined;
  if (space !== 'disk') return `in the logical volume ${space}, outside of any file system`;
  const [start, end] = [Number(offset), Number(offset) + Number(size)];
  if (start === 0 && end === SECTOR) return 'boot sector: what the firmware runs first';
  if (start === 0) return 'boot sector and what follows it';
  if (end <= EARLY_BYTES) return 'between the boot sector and the first file system: boot loaders lie here';
  return 'outside of any file system';
}

/** File systems begin at 1 MiB or later on disks partitioned since about 2010. */
const EARLY_BYTES = 1024 * 1024;
