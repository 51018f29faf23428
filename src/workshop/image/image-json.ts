/**
 * `image.json`: written by us, checked when read, because a home may be damaged, or another version's. It ends with a digest of
 * what it says, so that one changed bit is found, wherever it is; what wrote images before that had none.
 */
import { digestOf } from '../../crypto/canonical.ts';
import { type Digest, isDigest } from '../../crypto/digest.ts';
import { PortalgunError, RefusedError, UnavailableError } from '../../errors.ts';
import { IMAGE_VERSION, type ImageDisk, type ImageFile, type StoredImage } from './image-types.ts';

const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

/** Names of images and disks: one part of a path, never `.` or `..`. */
export function isImageId(id: string): boolean {
  return ID.test(id);
}

export function formatImageJson(image: StoredImage): string {
  return `${JSON.stringify({ ...image, digest: digestOf(image) }, null, 2)}\n`;
}

/** Rejects with `image/newer` or `image/damaged`. */
export function parseImageJson(text: string, id: string): StoredImage {
  const value = parse(text, id);
  if (!isObject(value)) throw damaged(id, 'it is no object');
  const { digest, ...said } = value;
  // Before all else: a version that we do not know may be one changed bit.
  if (digest !== undefined && digest !== digestIn(said)) throw damaged(id, 'it is not what was written');
  const { version } = said;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > IMAGE_VERSION) {
    throw new UnavailableError('image/newer', `the image ${id} was stored by a newer portalgun (version ${version})`, {
      hint: 'update portalgun, or use the version that built the image',
      facts: { id, version, known: IMAGE_VERSION },
    });
  }
  if (!isStoredImage(said)) throw damaged(id, 'a field is missing or has a wrong value');
  if (said.id !== id) throw damaged(id, `it is that of another image, ${JSON.stringify(said.id)}`);
  return said;
}

/** Undefined where it has none, because of a text that nothing of ours has written. */
function digestIn(said: object): Digest | undefined {
  try {
    return digestOf(said);
  } catch (error) {
    if (error instanceof PortalgunError) return undefined;
    throw error;
  }
}

function parse(text: string, id: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw damaged(id, 'it is not JSON', cause);
  }
}

function isStoredImage(value: Record<string, unknown>): value is Record<string, unknown> & StoredImage {
  const { machine, disks, measuredDisk } = value;
  return (
    Object.keys(value).every((key) => FIELDS.has(key)) &&
    value['version'] === IMAGE_VERSION &&
    ['id', 'recipeName', 'startedAt', 'finishedAt'].every((key) => typeof value[key] === 'string') &&
    ['recipe', 'resolved', 'lock', 'manifest'].every((key) => isDigest(value[key])) &&
    (value['buildKey'] === undefined || isDigest(value['buildKey'])) &&
    isObject(machine) &&
    (machine['arch'] === 'x86_64' || machine['arch'] === 'i386') &&
    (machine['firmware'] === undefined || machine['firmware'] === 'uefi') &&
    isCount(machine['cpus']) &&
    isCount(machine['memoryMiB']) &&
    Array.isArray(disks) &&
    disks.length > 0 &&
    disks.every(isDisk) &&
    disks.some((disk: ImageDisk) => disk.id === measuredDisk)
  );
}

/** Another one is one of these, damaged. */
const FIELDS: ReadonlySet<string> = new Set<keyof StoredImage>([
  'version',
  'id',
  'recipeName',
  'recipe',
  'resolved',
  'lock',
  'buildKey',
  'startedAt',
  'finishedAt',
  'machine',
  'manifest',
  'measuredDisk',
  'disks',
]);

function isDisk(value: unknown): value is ImageDisk {
  return (
    isObject(value) &&
    isFile(value) &&
    value['format'] === 'raw' &&
    typeof value['id'] === 'string' &&
    isImageId(value['id']) &&
    (value['personal'] === undefined || isFile(value['personal']))
  );
}

function isFile(value: unknown): value is ImageFile {
  if (!isObject(value)) return false;
  const { file } = value;
  return typeof file === 'string' && isImageId(file) && isCount(value['sizeBytes']) && isDigest(value['sha256']);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

function damaged(id: string, what: string, cause?: unknown): RefusedError {
  return new RefusedError('image/damaged', `image.json of the image ${id} is damaged: ${what}`, {
    hint: 'remove the image and build it again',
    facts: { id, what },
    cause,
  });
}
