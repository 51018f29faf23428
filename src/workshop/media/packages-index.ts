/**
 * The Packages index of one suite. Debian's main index has 50 MB and 63,000 stanzas, of which a build needs a dozen: the
 * text is kept as it is, only the places of names are noted, and stanzas are parsed when somebody asks for them.
 */
import { isDigest, type Digest } from '../../crypto/digest.ts';
import { RefusedError } from '../../errors.ts';
import { parseStanza } from './deb822.ts';
import { parseClauses, parseProvides, type Clause, type Provided } from './depends.ts';

/** One version of a package, as the signed index has it. */
export interface PackageStanza {
  readonly name: string;
  readonly version: string;
  readonly architecture: string;
  readonly sha256: Digest;
  readonly sizeBytes: number;
  /** Relative to the archive's address; empty where it is not said. */
  readonly filename: string;
  /** `required` … `extra`; empty where it is not said. */
  readonly priority: string;
  /** Pre-Depends and Depends, in this order. */
  readonly depends: readonly Clause[];
  readonly provides: readonly Provided[];
}

export interface PackagesIndex {
  /** All versions of a package, in the order of the index. */
  byName(name: string): readonly PackageStanza[];
  /** Packages that offer `name` in their Provides. */
  providersOf(name: string): readonly PackageStanza[];
}

const FIELD = '\nPackage: ';
const PROVIDES = '\nProvides: ';
const NAME = /^[a-z0-9][a-z0-9+.-]*$/;
const VERSION = /^(?:[0-9]{1,9}:)?[A-Za-z0-9.+:~-]+$/;
/** Downwards only. */
const FILENAME = /^(?!.*(?:^|\/)\.{1,2}(?:\/|$))[^\s\\/][^\s\\]{0,500}$/;
const ARCHITECTURE = /^[a-z0-9-]+$/;

/**
 * `text` is the whole verified index, one character a byte (latin1): names and digests are ASCII, and descriptions are
 * never shown. Methods throw `media/index-malformed` when they come upon a stanza that cannot be read.
 */
export function packagesIndex(text: string, what: string): PackagesIndex {
  // A leading line end makes the first stanza look like all others.
  const source = `\n${text}`;
  let places: Map<string, number[]> | undefined;
  let providers: Map<string, number[]> | undefined;
  const parsed = new Map<number, PackageStanza>();

  const stanzaAt = (place: number): PackageStanza => {
    const known = parsed.get(place);
    if (known) return known;
    const stanza = readStanza(source.slice(place, endOf(source, place)), what);
    parsed.set(place, stanza);
    return stanza;
  };
  return {
    byName(name) {
      places ??= placesOf(source, FIELD, (value) => [value.trim()]);
      return (places.get(name) ?? []).map(stanzaAt);
    },
    providersOf(name) {
      providers ??= placesOf(source, PROVIDES, (value) =>
        value.split(',').map((item) => item.trim().split(/[ (:]/, 1)[0] ?? ''),
      );
      return (providers.get(name) ?? [])
        .map(stanzaAt)
        .filter((stanza) => stanza.provides.some((offer) => offer.name === name));
    },
  };
}

/** Start of the stanza of each line that begins with `field`, by the names in that line. */
function placesOf(source: string, field: string, namesIn: (value: string) => string[]): Map<string, number[]> {
  const places = new Map<string, number[]>();
  for (let at = source.indexOf(field); at >= 0; at = source.indexOf(field, at + 1)) {
    const before = source.lastIndexOf('\n\n', at);
    const start = before < 0 ? 0 : before + 1;
    const end = source.indexOf('\n', at + field.length);
    for (const name of namesIn(source.slice(at + field.length, end < 0 ? undefined : end))) {
      const known = places.get(name);
      if (!known) places.set(name, [start]);
      else if (known.at(-1) !== start) known.push(start);
    }
  }
  return places;
}

function endOf(source: string, start: number): number {
  const end = source.indexOf('\n\n', start + 1);
  return end < 0 ? source.length : end;
}

function readStanza(text: string, what: string): PackageStanza {
  const wrong = (why: string) =>
    new RefusedError('media/index-malformed', `${what} has a stanza that cannot be read: ${why}.`, { facts: { what } });
  try {
    const fields = parseStanza(text);
    const field = (name: string, pattern: RegExp): string => {
      const value = fields.get(name) ?? '';
      if (!pattern.test(value)) throw new Error(`its ${name} is "${value.slice(0, 60)}"`);
      return value;
    };
    const name = field('package', NAME);
    const sha256 = `sha256:${field('sha256', /^[0-9a-f]{64}$/)}`;
    if (!isDigest(sha256)) throw new Error(`${name} has no digest`);
    return {
      name,
      version: field('version', VERSION),
      architecture: field('architecture', ARCHITECTURE),
      sha256,
      sizeBytes: Number(field('size', /^[0-9]{1,12}$/)),
      filename: fields.has('filename') ? field('filename', FILENAME) : '',
      priority: fields.get('priority') ?? '',
      depends: [...parseClauses(fields.get('pre-depends')), ...parseClauses(fields.get('depends'))],
      provides: parseProvides(fields.get('provides')),
    };
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
}
