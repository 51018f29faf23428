/** A suite's Release file, parsed from verified text only, and the question whether it is fresh. */
import { isDigest, type Digest } from '../../crypto/digest.ts';
import { RefusedError } from '../../errors.ts';
import { parseStanza } from './deb822.ts';
import { CLOCK_TOLERANCE_MS } from './limits.ts';

export interface Release {
  readonly origin: string;
  readonly label: string;
  /** `oldstable`: changes its meaning with the years. */
  readonly suite: string;
  /** `bookworm`: does not. */
  readonly codename: string;
  readonly date: Date;
  /** Debian sets it for security and updates, not for stable releases. */
  readonly validUntil: Date | undefined;
  /** Backports and experimental: apt takes nothing from there unless told to. */
  readonly notAutomatic: boolean;
  /** Indexes are there under their digests too. */
  readonly acquireByHash: boolean;
  /** By path under the suite's folder, for example `main/binary-amd64/Packages`. */
  readonly files: ReadonlyMap<string, { readonly sha256: Digest; readonly sizeBytes: number }>;
}

const FILE_LINE = /^([0-9a-f]{64}) +([0-9]{1,15}) (\S+)$/;
/** "Sat, 11 Jul 2026 10:16:37 UTC": the one form that Debian's archive software writes. */
const DATE =
  /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), {1,2}(\d{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) (\d{4}) (\d{2}):(\d{2}):(\d{2}) (?:UTC|GMT|\+0000)$/;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** Throws `media/release-malformed`. `what` names the file to a person. */
export function parseRelease(text: string, what: string): Release {
  const wrong = (why: string) =>
    new RefusedError('media/release-malformed', `${what} cannot be used: ${why}.`, { facts: { what } });
  let fields: ReadonlyMap<string, string>;
  try {
    fields = parseStanza(text);
  } catch (error) {
    throw wrong(error instanceof Error ? error.message : String(error));
  }
  const dateOf = (name: string): Date | undefined => {
    const value = fields.get(name);
    if (value === undefined) return undefined;
    const date = parseDate(value);
    if (!date) throw wrong(`its ${name} is not a date: "${value.slice(0, 60)}"`);
    return date;
  };
  const date = dateOf('date');
  if (!date) throw wrong('it has no date');
  const files = new Map<string, { sha256: Digest; sizeBytes: number }>();
  for (const line of (fields.get('sha256') ?? '').split('\n')) {
    if (line.trim() === '') continue;
    const match = FILE_LINE.exec(line.trim());
    const sha256 = `sha256:${match?.[1] ?? ''}`;
    const path = match?.[3];
    if (!isDigest(sha256) || path === undefined)
      throw wrong(`a line of its SHA256 list cannot be read: "${line.slice(0, 100)}"`);
    const known = files.get(path);
    if (known && known.sha256 !== sha256) throw wrong(`it lists ${path} with two digests`);
    files.set(path, { sha256, sizeBytes: Number(match?.[2]) });
  }
  if (files.size === 0) throw wrong('it has no SHA256 list');
  const suite = fields.get('suite') ?? '';
  const codename = fields.get('codename') ?? suite;
  if (codename === '') throw wrong('it names neither codename nor suite');
  return {
    origin: fields.get('origin') ?? '',
    label: fields.get('label') ?? '',
    suite,
    codename,
    date,
    validUntil: dateOf('valid-until'),
    notAutomatic: fields.get('notautomatic') === 'yes',
    acquireByHash: fields.get('acquire-by-hash') === 'yes',
    files,
  };
}

export interface FreshnessQuestion {
  readonly release: Release;
  readonly what: string;
  readonly now: Date;
  /** Date of the newest Release that was accepted before for the same suite. */
  readonly newestAccepted: Date | undefined;
  /** A lock names exact versions: their Release may have run out since, but may not be older than one seen before. */
  readonly pinned: boolean;
}

/**
 * Throws `media/release-in-future`, `media/release-rollback` or `media/release-expired`. Gives back warnings.
 * A mirror (or somebody between) who repeats an old signed file could otherwise hide security updates for ever.
 */
export function checkFreshness({ release, what, now, newestAccepted, pinned }: FreshnessQuestion): string[] {
  const { date, validUntil } = release;
  const facts = { what, date: date.toISOString(), now: now.toISOString() };
  if (date.getTime() > now.getTime() + CLOCK_TOLERANCE_MS) {
    throw new RefusedError(
      'media/release-in-future',
      `${what} is dated ${date.toISOString()}, but it is ${now.toISOString()} here.`,
      {
        hint: "set this machine's clock",
        facts,
      },
    );
  }
  if (newestAccepted && date.getTime() < newestAccepted.getTime()) {
    throw new RefusedError(
      'media/release-rollback',
      `${what} is dated ${date.toISOString()}, older than the one of ${newestAccepted.toISOString()} that was accepted here before.`,
      {
        hint: 'somebody may be holding updates back: run `sudo apt-get update`, and look at your mirror if it stays so',
        facts: { ...facts, newestAccepted: newestAccepted.toISOString() },
      },
    );
  }
  if (!validUntil || validUntil.getTime() >= now.getTime()) return [];
  const message = `${what} is dated ${date.toISOString()} and was valid until ${validUntil.toISOString()}.`;
  if (pinned) return [`${message} The lock names exact versions, so it is still used.`];
  throw new RefusedError('media/release-expired', message, {
    hint: 'run `sudo apt-get update` with a network, then try again',
    facts: { ...facts, validUntil: validUntil.toISOString() },
  });
}

function parseDate(value: string): Date | undefined {
  const match = DATE.exec(value);
  if (!match) return undefined;
  const [, day, month, year, hours, minutes, seconds] = match;
  return new Date(
    Date.UTC(Number(year), MONTHS.indexOf(month ?? ''), Number(day), Number(hours), Number(minutes), Number(seconds)),
  );
}
