/**
 * A FAT16 file system as a stream of bytes: the same files give the same bytes, always. After Microsoft's "FAT: General
 * Overview of On-Disk Format" 1.03; every installer's kernel reads it before it has other modules.
 *
 * There is no partition table: the disk is the file system. Files lie in the root folder or in one folder below it.
 */
import { UsageError } from '../../errors.ts';
import { longNameEntries, shortEntry, shortNames } from './fat-names.ts';
import { MAX_DISK_BYTES } from './limits.ts';

export interface FatFile {
  /** `install.sh`, or `pool/busybox-static.deb`. */
  readonly path: string;
  readonly sizeBytes: number;
  /** Must give exactly `sizeBytes`. */
  content(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface FatOptions {
  /** At most 11 characters, A-Z, 0-9, space. */
  readonly label: string;
  /** Serial number of the volume, 32 bits. */
  readonly volumeId: number;
  /** Seconds since 1970 that all files carry; FAT knows 1980 to 2107, in steps of two seconds. */
  readonly epochSeconds: number;
}

const SECTOR = 512;
const FATS = 2;
const DIRECTORY_ENTRY = 32;
/** The number of clusters is what makes a FAT16: fewer would be read as FAT12, more as FAT32. A margin on both sides. */
const MIN_CLUSTERS = 4100;
const MAX_CLUSTERS = 65500;
const END_OF_CHAIN = 0xffff;
const MEDIA_FIXED_DISK = 0xf8;
/** mtools wants whole tracks. */
const SECTORS_PER_TRACK = 32;
const ZEROS = Buffer.alloc(64 * 1024);

interface Node {
  readonly name: string;
  readonly file: FatFile | undefined;
  readonly children: Node[];
  sizeBytes: number;
  firstCluster: number;
}

interface Layout {
  readonly sectorsPerCluster: number;
  readonly reservedSectors: number;
  readonly fatSectors: number;
  readonly rootEntries: number;
  readonly clusters: number;
  readonly totalSectors: number;
}

/** The bytes of the file system from the first to the last. Throws `media/disk-too-large` or `media/disk-file-name`. */
export async function* fatImage(files: readonly FatFile[], options: FatOptions): AsyncGenerator<Uint8Array> {
  const root = treeOf(files);
  const nodes = inOrder(root);
  const layout = layOut(root, nodes);
  const clusterBytes = layout.sectorsPerCluster * SECTOR;
  const fat = Buffer.alloc(layout.fatSectors * SECTOR);
  fat.writeUInt16LE(0xff00 | MEDIA_FIXED_DISK, 0);
  fat.writeUInt16LE(END_OF_CHAIN, 2);
  let next = 2;
  for (const node of nodes) {
    const count = Math.ceil(node.sizeBytes / clusterBytes);
    // An empty file has no cluster.
    node.firstCluster = count === 0 ? 0 : next;
    for (let index = 0; index < count; index++, next++) {
      fat.writeUInt16LE(index === count - 1 ? END_OF_CHAIN : next + 1, next * 2);
    }
  }

  yield bootSector(layout, options);
  yield Buffer.alloc((layout.reservedSectors - 1) * SECTOR);
  for (let copy = 0; copy < FATS; copy++) yield fat;
  yield padTo(directory(root, undefined, options), layout.rootEntries * DIRECTORY_ENTRY);
  for (const node of nodes) {
    let written = 0;
    const content = node.file ? node.file.content() : [directory(node, root, options)];
    for await (const chunk of content) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== node.sizeBytes)
      throw new RangeError(`${node.name} gave ${written} bytes instead of ${node.sizeBytes}`);
    yield ZEROS.subarray(0, (clusterBytes - (written % clusterBytes)) % clusterBytes);
  }
  for (let left = (layout.clusters - (next - 2)) * clusterBytes; left > 0; left -= ZEROS.length) {
    yield ZEROS.subarray(0, Math.min(left, ZEROS.length));
  }
}

/** Sorted by path, so that the order in which files are named does not matter. */
function treeOf(files: readonly FatFile[]): Node {
  const root: Node = { name: '', file: undefined, children: [], sizeBytes: 0, firstCluster: 0 };
  for (const file of [...files].sort((a, b) => (a.path < b.path ? -1 : 1))) {
    const parts = file.path.split('/');
    const name = parts.pop() ?? '';
    if (parts.length > 1) throw badName(file.path, 'folders in folders are not made');
    let parent = root;
    for (const part of parts) {
      let child = parent.children.find((node) => node.name === part);
      if (!child) {
        child = { name: checkName(part, file.path), file: undefined, children: [], sizeBytes: 0, firstCluster: 0 };
        parent.children.push(child);
      }
      if (child.file) throw badName(file.path, `${part} is a file`);
      parent = child;
    }
    const taken = parent.children.some((node) => node.name.toLowerCase() === name.toLowerCase());
    if (taken) throw badName(file.path, 'another file has this name, and FAT does not tell capitals apart');
    parent.children.push({
      name: checkName(name, file.path),
      file,
      children: [],
      sizeBytes: file.sizeBytes,
      firstCluster: 0,
    });
  }
  return root;
}

/** Folders first, then files: the order in which they lie on the disk. */
function inOrder(root: Node): Node[] {
  const folders = root.children.filter((node) => !node.file);
  for (const folder of folders) folder.sizeBytes = (2 + entriesOf(folder)) * DIRECTORY_ENTRY;
  return [...folders, ...[root, ...folders].flatMap((folder) => folder.children.filter((node) => node.file))];
}

function entriesOf(folder: Node): number {
  return folder.children.reduce((sum, child) => sum + longNameEntries(child.name, '').length / DIRECTORY_ENTRY + 1, 0);
}

function layOut(root: Node, nodes: readonly Node[]): Layout {
  const total = nodes.reduce((sum, node) => sum + node.sizeBytes, 0);
  if (total > MAX_DISK_BYTES) {
    throw new UsageError('media/disk-too-large', `The disk would hold ${total} bytes, at most ${MAX_DISK_BYTES} fit.`, {
      hint: 'name fewer packages, or set `closure: false`',
      facts: { sizeBytes: total, limitBytes: MAX_DISK_BYTES },
    });
  }
  // The volume's label takes the first entry. Whole sectors only.
  const rootEntries = Math.max(512, Math.ceil((1 + entriesOf(root)) / 16) * 16);
  for (let sectorsPerCluster = 1; sectorsPerCluster <= 64; sectorsPerCluster *= 2) {
    const needed = nodes.reduce((sum, node) => sum + Math.ceil(node.sizeBytes / (sectorsPerCluster * SECTOR)), 0);
    if (needed > MAX_CLUSTERS) continue;
    const clusters = Math.max(needed, MIN_CLUSTERS);
    const fatSectors = Math.ceil(((clusters + 2) * 2) / SECTOR);
    const rest = FATS * fatSectors + (rootEntries * DIRECTORY_ENTRY) / SECTOR + clusters * sectorsPerCluster;
    const reservedSectors = SECTORS_PER_TRACK - (rest % SECTORS_PER_TRACK);
    return {
      sectorsPerCluster,
      reservedSectors,
      fatSectors,
      rootEntries,
      clusters,
      totalSectors: reservedSectors + rest,
    };
  }
  throw new RangeError('MAX_DISK_BYTES is more than a FAT16 can hold');
}

function bootSector(layout: Layout, { label, volumeId }: FatOptions): Buffer {
  const sector = Buffer.alloc(SECTOR);
  // A jump over the parameters to an endless loop: nobody boots from this disk.
  sector.set([0xeb, 0x3c, 0x90], 0);
  sector.write('PORTALGN', 3, 'latin1');
  sector.writeUInt16LE(SECTOR, 11);
  sector.writeUInt8(layout.sectorsPerCluster, 13);
  sector.writeUInt16LE(layout.reservedSectors, 14);
  sector.writeUInt8(FATS, 16);
  sector.writeUInt16LE(layout.rootEntries, 17);
  const small = layout.totalSectors < 0x10000;
  sector.writeUInt16LE(small ? layout.totalSectors : 0, 19);
  sector.writeUInt8(MEDIA_FIXED_DISK, 21);
  sector.writeUInt16LE(layout.fatSectors, 22);
  sector.writeUInt16LE(SECTORS_PER_TRACK, 24);
  sector.writeUInt16LE(64, 26);
  sector.writeUInt32LE(small ? 0 : layout.totalSectors, 32);
  sector.writeUInt8(0x80, 36);
  sector.writeUInt8(0x29, 38);
  sector.writeUInt32LE(volumeId >>> 0, 39);
  sector.write(label.padEnd(11), 43, 11, 'latin1');
  sector.write('FAT16   ', 54, 'latin1');
  sector.set([0xeb, 0xfe], 62);
  sector.set([0x55, 0xaa], 510);
  return sector;
}

function directory(folder: Node, parent: Node | undefined, { label, epochSeconds }: FatOptions): Buffer {
  const entry = (shortName: string, attributes: number, firstCluster: number, sizeBytes: number) =>
    shortEntry({ shortName, attributes, firstCluster, sizeBytes, epochSeconds });
  const entries: Buffer[] = parent
    ? // The root folder counts as cluster 0.
      [entry('.', ATTRIBUTE.folder, folder.firstCluster, 0), entry('..', ATTRIBUTE.folder, parent.firstCluster, 0)]
    : [entry(label.padEnd(11), ATTRIBUTE.label, 0, 0)];
  const short = shortNames(folder.children.map((child) => child.name));
  for (const [index, child] of folder.children.entries()) {
    const shortName = short[index] ?? '';
    entries.push(longNameEntries(child.name, shortName));
    entries.push(
      entry(
        shortName,
        child.file ? ATTRIBUTE.file : ATTRIBUTE.folder,
        child.firstCluster,
        child.file ? child.sizeBytes : 0,
      ),
    );
  }
  return Buffer.concat(entries);
}

const ATTRIBUTE = { label: 0x08, folder: 0x10, file: 0x20 } as const;

function padTo(bytes: Buffer, length: number): Buffer {
  return Buffer.concat([bytes], length);
}

function checkName(name: string, path: string): string {
  if (name === '' || name === '.' || name === '..') throw badName(path, 'it has an empty part');
  if (name.length > 255) throw badName(path, 'it is longer than 255 characters');
  // Printable ASCII only: a guest's kernel may lack the tables for more.
  if (!/^[\u0020-\u007e]+$/.test(name) || /["*/:<>?\\|]/.test(name))
    throw badName(path, 'it has a character that FAT does not take');
  if (/[. ]$/.test(name) || name.startsWith(' '))
    throw badName(path, 'it begins or ends with a space, or ends with a dot');
  return name;
}

function badName(path: string, why: string): UsageError {
  return new UsageError(
    'media/disk-file-name',
    `A file cannot be put on the disk as ${JSON.stringify(path)}: ${why}.`,
    { facts: { path } },
  );
}
