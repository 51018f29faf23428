/** The entries of one file system, from the archive that the measuring VM sends. Content is hashed as it streams by. */
import { createHash } from 'node:crypto';
import { type Digest, sha256 } from '../../crypto/digest.ts';
import { FailedError } from '../../errors.ts';
import type { ByteReader } from './byte-reader.ts';
import { escapeName } from './escape.ts';
import { MAX_ENTRIES, MAX_PATH_BYTES } from './limits.ts';
import { type Normaliser, normaliseContent } from './normalise.ts';
import { readTar, type TarEntry } from './tar-reader.ts';
import type { ContentTap, ManifestEntry, TreeCopy } from './types.ts';

export type TreeEntry = Extract<ManifestEntry, { readonly mode: number }>;

interface TreeOptions {
  /** Prefix of the paths: `p1`. */
  readonly name: string;
  readonly normaliser: Normaliser;
  /** Told the bytes of each file as they come. */
  readonly onBytes?: (sizeBytes: number) => void;
  readonly tap?: ContentTap | undefined;
  readonly copy?: TreeCopy | undefined;
}

/** Reads one archive. */
export async function readTreeEntries(
  reader: ByteReader,
  options: TreeOptions & { readonly recordBytes: number },
): Promise<readonly TreeEntry[]> {
  const entries = new Map<string, TreeEntry>();
  for await (const read of readTar(reader, options.recordBytes)) {
    const tar = { ...read, attributes: countedAttributes(read) };
    const inside = pathInside(tar.path);
    const path = `${options.name}:${inside}`;
    if (entries.has(path)) throw odd(`sent ${path} twice`);
    if (!isBelowDirectory(path, entries)) throw odd(`sent ${path} without a directory above it`);
    if (entries.size >= MAX_ENTRIES) throw odd(`sent more than ${MAX_ENTRIES} files`);
    const stated = { path, ...attributesDigest(tar) };
    if (tar.kind === 'hardlink') {
      const first = entries.get(`${options.name}:${pathInside(tar.link)}`);
      if (first === undefined || first.kind === 'directory') throw odd(`sent a link ${path} to nothing`);
      await options.copy?.entry(options.name, tar, stated);
      entries.set(path, { ...first, path, hardLinkOf: first.hardLinkOf ?? first.path });
      continue;
    }
    await options.copy?.entry(options.name, tar, stated);
    const common = { ...stated, mode: tar.mode, uid: tar.uid, gid: tar.gid, sizeBytes: 0 };
    switch (tar.kind) {
      case 'file':
        entries.set(path, { ...common, kind: 'file', ...(await readContent(tar, inside, options)) });
        break;
      case 'symlink':
        if (!isName(tar.link)) throw odd(`sent a link ${path} to what is no path`);
        entries.set(path, { ...common, kind: 'symlink', linkTarget: escapeName(tar.link) });
        break;
      case 'block':
      case 'character':
        entries.set(path, { ...common, kind: tar.kind, device: tar.device });
        break;
      default:
        entries.set(path, { ...common, kind: tar.kind });
    }
  }
  return smallestNameFirst([...entries.values()]);
}

/** Sockets come in a list of their own: tar leaves them out. `MODE UID GID\nPATH\0` each, an empty one last. */
export async function readSockets(reader: ByteReader, name: string): Promise<readonly TreeEntry[]> {
  const entries: TreeEntry[] = [];
  while (true) {
    const record = await reader.until(0, MAX_PATH_BYTES + 64);
    if (record.length === 0) return entries;
    const [, mode, uid, gid] = /^([0-7]{1,4}) (\d{1,10}) (\d{1,10})\n/.exec(record.toString('latin1')) ?? [];
    if (mode === undefined || entries.length >= MAX_ENTRIES) throw odd('sent an odd list of sockets');
    const path = `${name}:${pathInside(record.subarray(record.indexOf(0x0a) + 1))}`;
    const owner = { mode: Number.parseInt(mode, 8), uid: Number(uid), gid: Number(gid) };
    entries.push({ kind: 'socket', path, ...owner, sizeBytes: 0 });
  }
}

async function readContent(
  tar: TarEntry,
  inside: string,
  options: TreeOptions,
): Promise<{ readonly sizeBytes: number; readonly sha256: Digest; readonly rule?: string }> {
  const rule = options.normaliser.ruleFor({ path: inside, mode: tar.mode, sizeBytes: tar.sizeBytes });
  const tap = options.tap?.(`${options.name}:${inside}`);
  const hash = createHash('sha256');
  const kept: Buffer[] = [];
  for await (const piece of tar.content()) {
    hash.update(piece);
    if (rule === undefined) tap?.update(piece);
    else kept.push(Buffer.from(piece));
    await options.copy?.content(piece);
    options.onBytes?.(piece.length);
  }
  const content = Buffer.concat(kept);
  const rewritten = rule === undefined ? undefined : normaliseContent(rule, content);
  if (rule !== undefined) tap?.update(rewritten ?? content);
  if (rule === undefined || rewritten === undefined) {
    return { sizeBytes: tar.sizeBytes, sha256: `sha256:${hash.digest('hex')}` };
  }
  return { sizeBytes: rewritten.length, sha256: sha256(rewritten), rule: rule.name };
}

/** ACLs count in GNU tar's text form. The binary form of the same is left out: nothing would hold it to be the same. */
function countedAttributes({ attributes }: TarEntry): TarEntry['attributes'] {
  return new Map([...attributes].filter(([name]) => !name.startsWith('system.posix_acl_')));
}

/** Digest over the attributes sorted by name, each as `LENGTH:NAME,LENGTH:VALUE,` (netstrings). */
function attributesDigest(tar: TarEntry): { readonly xattrs?: Digest } {
  const names = [...tar.attributes.keys()].sort();
  if (names.length === 0) return {};
  const pieces = names.flatMap((name) => [Buffer.from(name, 'latin1'), tar.attributes.get(name) ?? Buffer.alloc(0)]);
  return { xattrs: sha256(Buffer.concat(pieces.flatMap((each) => [`${each.length}:`, each, ',']).map(toBuffer))) };
}

function toBuffer(value: string | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
}

/** `./etc/fstab` → `/etc/fstab`, and `.` → `/`; escaped. */
function pathInside(path: Buffer): string {
  const escaped = escapeName(path);
  const [found, inside = ''] = /^\.(?:\/(.*?)\/?)?$/.exec(escaped) ?? [];
  const parts = inside === '' ? [] : inside.split('/');
  if (found === undefined || !isName(path) || parts.some((each) => ['', '.', '..'].includes(each))) {
    throw odd(`sent the path ${escaped.slice(0, 200)}`);
  }
  return `/${inside}`;
}

/** Whether a file system can hold it. Behind a zero byte, who unpacks it reads another one than we do. */
function isName(bytes: Buffer): boolean {
  return bytes.length > 0 && bytes.length <= MAX_PATH_BYTES && !bytes.includes(0);
}

/** What lies below a symbolic link would be written to wherever that leads. */
function isBelowDirectory(path: string, entries: ReadonlyMap<string, TreeEntry>): boolean {
  const parent = path.slice(0, path.lastIndexOf('/'));
  return parent.endsWith(':') || entries.get(parent)?.kind === 'directory';
}

/** Which name of an inode comes first in an archive depends on the order of its folders: here it is the smallest. */
function smallestNameFirst(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  const smallest = new Map<string, string>();
  for (const { path, hardLinkOf } of entries) {
    if (hardLinkOf === undefined) continue;
    const known = smallest.get(hardLinkOf) ?? hardLinkOf;
    smallest.set(hardLinkOf, path < known ? path : known);
  }
  return entries.map((entry) => {
    const first = smallest.get(entry.hardLinkOf ?? entry.path);
    if (first === undefined) return entry;
    const { hardLinkOf: _, ...rest } = entry;
    return first === entry.path ? rest : { ...rest, hardLinkOf: first };
  });
}

function odd(what: string): FailedError {
  return new FailedError('image/bad-answer', `the measuring VM ${what}`);
}
