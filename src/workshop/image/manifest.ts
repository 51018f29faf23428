/**
 * The manifest's text: docs/manifest.md is the format. One spelling for one content: what `parseManifest` accepts,
 * `formatManifest` writes again byte for byte.
 */
import { type Digest, isDigest, sha256 } from '../../crypto/digest.ts';
import { FailedError, RefusedError } from '../../errors.ts';
import { dirHash1 } from './dir-hash.ts';
import { unescapeName } from './escape.ts';
import { MAX_ENTRIES, MAX_LINE_BYTES, MAX_MANIFEST_BYTES, MAX_VOLUME_NAME_CHARACTERS } from './limits.ts';
import { EXTENT_CONTENTS, type Manifest, type ManifestEntry } from './types.ts';

export { type Change, diffManifests, type ManifestDifference } from './manifest-diff.ts';

/** Version of the text format; part of the build key. */
export const MANIFEST_FORMAT = 2;

const LETTERS = {
  file: 'f',
  directory: 'd',
  symlink: 'l',
  fifo: 'p',
  socket: 's',
  block: 'b',
  character: 'c',
  extent: 'x',
  filesystem: 'v',
} as const;

const KINDS: ReadonlyMap<string, ManifestEntry['kind']> = new Map([
  ['f', 'file'],
  ['d', 'directory'],
  ['l', 'symlink'],
  ['p', 'fifo'],
  ['s', 'socket'],
  ['b', 'block'],
  ['c', 'character'],
  ['x', 'extent'],
  ['v', 'filesystem'],
]);

type TreeEntry = Extract<ManifestEntry, { readonly mode: number }>;

/** The manifest of these entries, in whatever order they come. Rejects two entries with one path. */
export function formatManifest(entries: readonly ManifestEntry[], normaliser: Digest): Manifest {
  if (entries.length > MAX_ENTRIES) {
    throw new FailedError('image/too-many-entries', `the disk has more than ${MAX_ENTRIES} files and extents`);
  }
  const sorted = entries.toSorted((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  sorted.forEach((entry, index) => {
    if (sorted[index - 1]?.path === entry.path) {
      throw new FailedError('image/duplicate-path', `the disk has two entries with the path ${entry.path}`);
    }
  });
  const lines = [`portalgun-manifest ${MANIFEST_FORMAT}`, `normaliser ${normaliser}`, ...sorted.map(formatLine)];
  const text = `${lines.join('\n')}\n`;
  return { text, digest: sha256(text), entries: sorted, normaliser, dirHash1: dirHash1(sorted) };
}

/** Reads a manifest from anywhere. Rejects with `image/bad-manifest` whatever is not its one canonical form. */
export function parseManifest(bytes: Uint8Array, maxBytes: number = MAX_MANIFEST_BYTES): Manifest {
  if (bytes.length > maxBytes) throw bad(0, `it is larger than ${maxBytes} bytes`);
  const text = Buffer.from(bytes).toString('latin1');
  const [header, normaliserLine, ...lines] = text.split('\n');
  if (header !== `portalgun-manifest ${MANIFEST_FORMAT}`) {
    throw bad(1, `it does not start with "portalgun-manifest ${MANIFEST_FORMAT}"`);
  }
  const normaliser = normaliserLine?.replace(/^normaliser /, '');
  if (!isDigest(normaliser) || normaliserLine !== `normaliser ${normaliser}`) throw bad(2, 'no normaliser digest');
  if (lines.pop() !== '') throw bad(lines.length + 3, 'the last line is not complete');
  if (lines.length > MAX_ENTRIES) throw bad(0, `it has more than ${MAX_ENTRIES} entries`);
  let previous: string | undefined;
  const entries = lines.map((line, index) => {
    const entry = parseLine(line);
    if (entry === undefined || formatLine(entry) !== line) throw bad(index + 3, 'not a canonical entry');
    if (previous !== undefined && previous >= entry.path) throw bad(index + 3, 'not in order, or there twice');
    previous = entry.path;
    return entry;
  });
  return { text, digest: sha256(bytes), entries, normaliser, dirHash1: dirHash1(entries) };
}

/** One entry's line, without line feed. */
export function formatLine(entry: ManifestEntry): string {
  if (entry.kind === 'filesystem') {
    return `v - - - ${entry.sizeBytes} - - - ${entry.path} ${entry.name}:${entry.type} -`;
  }
  if (entry.kind === 'extent') {
    return `x - - - ${entry.sizeBytes} ${entry.sha256 ?? '-'} - ${entry.rule ?? '-'} ${entry.path} ${entry.holds ?? '-'} -`;
  }
  return [
    LETTERS[entry.kind],
    entry.mode.toString(8).padStart(4, '0'),
    entry.uid,
    entry.gid,
    entry.sizeBytes,
    entry.sha256 ?? '-',
    entry.xattrs ?? '-',
    entry.rule ?? '-',
    entry.path,
    formatTarget(entry),
    entry.hardLinkOf ?? '-',
  ].join(' ');
}

/** `>TARGET` of a symbolic link, `MAJOR:MINOR` of a device. */
function formatTarget(entry: TreeEntry): string {
  if (entry.linkTarget !== undefined) return `>${entry.linkTarget}`;
  return entry.device === undefined ? '-' : entry.device.join(':');
}

/** Undefined for anything odd; that the line is canonical is seen by formatting it again. */
function parseLine(line: string): ManifestEntry | undefined {
  if (line.length > MAX_LINE_BYTES) return undefined;
  const fields = line.split(' ');
  const [letter, mode, uid, gid, size, digest, xattrs, rule, path, target, first] = fields;
  if (fields.length !== 11 || letter === undefined || path === undefined || target === undefined) return undefined;
  const kind = KINDS.get(letter);
  const sizeBytes = natural(size);
  if (kind === undefined || sizeBytes === undefined) return undefined;
  if ((digest !== '-' && !isDigest(digest)) || (xattrs !== '-' && !isDigest(xattrs))) return undefined;
  if (rule === undefined || !/^(?:-|[a-z0-9][a-z0-9-]{0,63})$/.test(rule)) return undefined;
  const named = {
    ...(digest === '-' ? {} : { sha256: digest }),
    ...(rule === '-' ? {} : { rule }),
  };
  if (kind === 'filesystem' || kind === 'extent') {
    const [, space, offset, length] = /^([^:]*):(\d{1,16})\+(\d{1,16})$/.exec(path) ?? [];
    if (space !== 'disk' && !isVolumeName(space)) return undefined;
    if (natural(offset) === undefined || natural(length) !== sizeBytes) return undefined;
    if (kind === 'extent') {
      const holds = EXTENT_CONTENTS.find((each) => each === target);
      return { kind, path, sizeBytes, ...named, ...(holds === undefined ? {} : { holds }) };
    }
    const [, name, type] = /^([^:]*):([a-z0-9]{1,16})$/.exec(target) ?? [];
    return type !== undefined && isTreeName(name) ? { kind, path, sizeBytes, name, type } : undefined;
  }
  const owner = { mode: octal(mode), uid: natural(uid), gid: natural(gid) };
  if (owner.mode === undefined || owner.uid === undefined || owner.gid === undefined || !isTreePath(path))
    return undefined;
  if ((kind === 'file') !== (digest !== '-')) return undefined;
  const link = parseTarget(kind, target);
  if (link === undefined || first === undefined || (first !== '-' && !isTreePath(first))) return undefined;
  return {
    kind,
    path,
    mode: owner.mode,
    uid: owner.uid,
    gid: owner.gid,
    sizeBytes,
    ...named,
    ...link,
    ...(first === '-' ? {} : { hardLinkOf: first }),
    ...(isDigest(xattrs) ? { xattrs } : {}),
  };
}

function parseTarget(kind: TreeEntry['kind'], target: string): Pick<TreeEntry, 'linkTarget' | 'device'> | undefined {
  if (kind === 'symlink') {
    const linkTarget = target.slice(1);
    return target.startsWith('>') && unescapeName(linkTarget) !== undefined ? { linkTarget } : undefined;
  }
  if (kind === 'block' || kind === 'character') {
    const [major, minor, ...more] = target.split(':').map(natural);
    return major === undefined || minor === undefined || more.length > 0 ? undefined : { device: [major, minor] };
  }
  return target === '-' ? {} : undefined;
}

/** A partition (`p1`), or a logical volume. */
function isTreeName(name: string | undefined): name is string {
  return name !== undefined && (/^p\d{1,3}$/.test(name) || isVolumeName(name));
}

/** As device-mapper calls it, `group-volume`: a hyphen in either is written twice, so that there is one that is not. */
function isVolumeName(name: string | undefined): name is string {
  return name !== undefined && name.length <= MAX_VOLUME_NAME_CHARACTERS && VOLUME_NAME.test(name);
}

const VOLUME_NAME = /^[A-Za-z0-9_+.](?:[A-Za-z0-9_+.]|--)*-(?!-)[A-Za-z0-9_+.](?:[A-Za-z0-9_+.]|--)*$/;

/** `p1:/…`, escaped, without empty, `.` or `..` parts. */
function isTreePath(path: string): boolean {
  const [, name, inside] = /^([^:/]*):\/(.*)$/.exec(path) ?? [];
  if (!isTreeName(name) || inside === undefined || unescapeName(inside) === undefined) return false;
  return inside === '' || inside.split('/').every((part) => part !== '' && part !== '.' && part !== '..');
}

function natural(digits: string | undefined): number | undefined {
  if (digits === undefined || !/^(?:0|[1-9]\d{0,15})$/.test(digits)) return undefined;
  const value = Number(digits);
  return Number.isSafeInteger(value) ? value : undefined;
}

function octal(digits: string | undefined): number | undefined {
  return digits !== undefined && /^[0-7]{4}$/.test(digits) ? Number.parseInt(digits, 8) : undefined;
}

function bad(line: number, what: string): RefusedError {
  const where = line === 0 ? '' : ` (line ${line})`;
  return new RefusedError('image/bad-manifest', `this is not a manifest${where}: ${what}`, { facts: { line, what } });
}
