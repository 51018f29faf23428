/**
 * Lists of checksums, as distributions sign them: `HASH  NAME` (sha256sum) and `SHA256 (NAME) = HASH` (BSD), with comments.
 *
 * The text is what a verifier has given back, and nothing else. A line that cannot be read in exactly one way spoils the
 * whole list: readers that disagree about a line disagree about what was signed.
 */
import { RefusedError, UsageError } from '../../errors.ts';
import { MAX_CHECKSUM_LINES } from './limits.ts';

export type ChecksumAlgorithm = 'sha256' | 'sha512';

/** What was signed about one file. */
export interface SignedFile {
  readonly name: string;
  /** At least one; all that are there must hold. Lower-case hex. */
  readonly digests: Readonly<Partial<Record<ChecksumAlgorithm, string>>>;
  /** Where the list says it (Fedora's does). */
  readonly sizeBytes: number | undefined;
}

const BSD = /^([A-Z0-9-]{1,20}) \((.{1,255})\) = ([0-9a-f]{32,128})$/;
const GNU = /^([0-9a-f]{32,128}) [ *](.{1,255})$/;
/** Fedora states sizes in comments: `# NAME: 2295853056 bytes`. */
const SIZE = /^# (\S{1,255}): (\d{1,15}) bytes$/;
const HEX_DIGITS: Readonly<Record<ChecksumAlgorithm, number>> = { sha256: 64, sha512: 128 };

/**
 * What `text` says of the file `name`. Throws `media/checksums-malformed`, or `media/not-in-checksums` where it is not listed.
 * `what` names the list to a person.
 */
export function signedFile(text: string, name: string, what: string): SignedFile {
  const wrong = (why: string) =>
    new RefusedError('media/checksums-malformed', `${what} cannot be used: ${why}.`, { facts: { what } });
  // oxlint-disable-next-line no-control-regex -- finding control characters is what it is for
  if (/[^\P{Cc}\n\t]|[\p{Zl}\p{Zp}]/u.test(text)) throw wrong('it holds control characters');
  const lines = text.split('\n');
  if (lines.length > MAX_CHECKSUM_LINES) throw wrong(`it has more than ${MAX_CHECKSUM_LINES} lines`);
  const digests = new Map<ChecksumAlgorithm, string>();
  const sizes = new Set<number>();
  const names = new Set<string>();
  for (const line of lines) {
    if (line === '') continue;
    if (line.startsWith('#')) {
      const size = SIZE.exec(line);
      if (size?.[1] === name) sizes.add(Number(size[2]));
      continue;
    }
    const entry = entryOf(line);
    if (!entry) throw wrong(`a line of it cannot be read: ${JSON.stringify(line.slice(0, 100))}`);
    if (!isPlainPath(entry.name))
      throw wrong(`it names a file in an odd way: ${JSON.stringify(entry.name.slice(0, 100))}`);
    names.add(entry.name);
    if (entry.name !== name || entry.algorithm === undefined) continue;
    const known = digests.get(entry.algorithm);
    if (known !== undefined && known !== entry.digest) throw wrong(`it lists ${name} with two different digests`);
    digests.set(entry.algorithm, entry.digest);
  }
  if (sizes.size > 1) throw wrong(`it gives two sizes of ${name}`);
  if (digests.size === 0) {
    throw new UsageError('media/not-in-checksums', `${what} lists no SHA-256 or SHA-512 of ${name}.`, {
      hint: 'name another version in the recipe: the list has only what is offered now',
      facts: { what, name, listed: [...names].slice(0, 20) },
    });
  }
  return { name, digests: Object.fromEntries(digests), sizeBytes: [...sizes][0] };
}

/** `algorithm` undefined: a weaker one, which counts for nothing. Undefined: no line of a list. */
function entryOf(
  line: string,
): { readonly name: string; readonly algorithm: ChecksumAlgorithm | undefined; readonly digest: string } | undefined {
  const bsd = BSD.exec(line);
  if (bsd) {
    const [, label = '', name = '', digest = ''] = bsd;
    const algorithm = label === 'SHA256' ? 'sha256' : label === 'SHA512' ? 'sha512' : undefined;
    if (algorithm !== undefined && digest.length !== HEX_DIGITS[algorithm]) return undefined;
    return { name, algorithm, digest };
  }
  const gnu = GNU.exec(line);
  if (!gnu) return undefined;
  const [, digest = '', name = ''] = gnu;
  const algorithm = digest.length === 64 ? 'sha256' : digest.length === 128 ? 'sha512' : undefined;
  return { name: name.startsWith('./') ? name.slice(2) : name, algorithm, digest };
}

/** Relative, within the list's own folder, and without the escapes of sha256sum. */
function isPlainPath(name: string): boolean {
  return (
    !/[\\"\t]/.test(name) &&
    name.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && part === part.trim())
  );
}
