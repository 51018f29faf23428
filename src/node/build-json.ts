/**
 * `build.json`: written by us, checked when read, because a home may be damaged, or another version's. It ends with a digest of
 * what it says, so that one changed bit is found, wherever it is; what wrote builds before that had none.
 */
import { isDigest, sha256 } from '../crypto/digest.ts';
import { RefusedError, UnavailableError } from '../errors.ts';
import type { BuildRecord } from './build-records.ts';
import { ownJson, ownValue } from './own-json.ts';

export const BUILD_RECORD_VERSION = 1;

export function formatBuildJson(record: BuildRecord): string {
  return format(record);
}

/** Rejects with `build/damaged`, or `build/newer`. `id`: the name of its folder. */
export function parseBuildJson(text: string, id: string): BuildRecord {
  let value: unknown;
  try {
    value = ownJson(text);
  } catch (cause) {
    throw damaged(id, 'it is not JSON', cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(id, 'it is no object');
  const { digest, ...said } = ownValue<Record<string, unknown>>(value);
  // Before all else: a version that we do not know may be one changed bit. Its text, as two texts may say the same.
  if (digest !== undefined && text !== format(said)) throw damaged(id, 'it is not what was written');
  const { version } = said;
  if (typeof version === 'number' && Number.isSafeInteger(version) && version > BUILD_RECORD_VERSION) {
    throw new UnavailableError('build/newer', `the build ${id} is a newer portalgun's (version ${version})`, {
      hint: 'Update portalgun, or use the version that built it.',
      facts: { id, version, known: BUILD_RECORD_VERSION },
    });
  }
  if (!isBuildRecord(said)) throw damaged(id, 'a field is missing, unknown, or has a wrong value');
  if (said.id !== id) throw damaged(id, `it is that of another build, ${JSON.stringify(said.id)}`);
  return said;
}

/** The digest is not of canonical JSON, as digests elsewhere are: a record quotes guests and tools, whose words may have no such form. */
function format(said: object): string {
  return `${JSON.stringify({ ...said, digest: sha256(JSON.stringify(said)) }, null, 2)}\n`;
}

function isBuildRecord(value: Record<string, unknown>): value is Record<string, unknown> & BuildRecord {
  return (
    Object.keys(value).every((key) => FIELDS.has(key)) &&
    value['version'] === BUILD_RECORD_VERSION &&
    ['id', 'recipeName', 'startedAt'].every((key) => typeof value[key] === 'string') &&
    ['startedRecipe', 'finalRecipe'].every((key) => isDigest(value[key])) &&
    STATES.has(value['status']) &&
    Number.isSafeInteger(value['tookMs']) &&
    Array.isArray(value['repairs'])
  );
}

/** Another one is one of these, damaged. */
const FIELDS: ReadonlySet<string> = new Set<keyof BuildRecord>([
  'version',
  'id',
  'recipeName',
  'startedRecipe',
  'finalRecipe',
  'status',
  'startedAt',
  'tookMs',
  'repairs',
  'failure',
  'buildKey',
  'manifest',
  'image',
  'builder',
  'normalise',
  'lockFile',
  'attestation',
  'conditions',
  'again',
  'published',
]);

const STATES: ReadonlySet<unknown> = new Set<BuildRecord['status']>(['running', 'done', 'failed', 'interrupted']);

function damaged(id: string, what: string, cause?: unknown): RefusedError {
  return new RefusedError('build/damaged', `build.json of the build ${id} is damaged: ${what}`, {
    hint: `Remove the folder builds/${id} in your home of portalgun, and build it again.`,
    facts: { id, what },
    cause,
  });
}
