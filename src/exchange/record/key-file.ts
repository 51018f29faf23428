/**
 * Key records in a file: what it takes to check a record of an author who has changed keys, for who does not have that
 * author's feed. One record a line, each in DSSE's JSON form, so any other tool reads a line too. docs/key-files.md has
 * the rules in order.
 *
 * It shows that a chain of keys leads from the author id to the record. Whether its author has shown somebody else another
 * chain, no file can say.
 */
import { RefusedError } from '../../errors.ts';
import { advanceKeys, changeIn, firstKeys, hasRoom, type FeedKeys } from './feed-keys.ts';
import { PUBLIC_SCOPE } from './feed-link.ts';
import { openRecordFile, recordToJson } from './file.ts';
import { standsInGroup } from './group-links.ts';
import { keyActionOf } from './key-change.ts';
import { KEY_FILE_MAX_BYTES, KEY_FILE_MAX_RECORDS } from './limits.ts';
import { compareEpochs, comparePositions, positionOf, type Position } from './links.ts';
import { refuse, type Refusal } from './refusal.ts';
import type { AuthorId, VerifiedRecord } from './types.ts';

/** What the key records of one feed say. */
export interface KeyChain {
  readonly keys: FeedKeys;
  /** Where each epoch ends that another has followed, by the place of the last record that stays. */
  readonly ends: readonly Position[];
  /** Where the newest key was revoked. */
  readonly revokedAt: Position | null;
  /** How many key records there are. */
  readonly records: number;
}

export interface KeyFile {
  /** Of an author's public feed: it says who signs in a private group's too. */
  readonly chainOf: (author: AuthorId) => KeyChain;
}

/** One line for each. */
export function keyRecordsToText(records: readonly VerifiedRecord[]): string {
  return records.map(recordToJson).join('');
}

/** Throws `record/bad-key-records` (exit code 3), naming the line and what is wrong with it. */
export function openKeyFile(bytes: Uint8Array, network: string): KeyFile {
  if (bytes.length > KEY_FILE_MAX_BYTES) throw bad(`it has more than ${KEY_FILE_MAX_BYTES} bytes`);
  const lines = Buffer.from(bytes).toString('utf8').split('\n');
  if (lines.at(-1) === '') lines.pop();
  if (lines.length > KEY_FILE_MAX_RECORDS) throw bad(`it has more than ${KEY_FILE_MAX_RECORDS} lines`);
  if (lines.length === 0) throw bad('it is empty');
  const chains = new Map<AuthorId, KeyChain & { readonly last: Position }>();
  for (const [index, line] of lines.entries()) {
    const record = openLine(line, index + 1, network, (author) => chains.get(author)?.keys);
    const { author } = record.link;
    const before = chains.get(author);
    const chain = grow(before, record, index + 1);
    const after = before?.last;
    if (after !== undefined && comparePositions(record.link, after) <= 0) {
      throw bad(`line ${index + 1} does not come after the line before it: ${place(record.link)}, and ${place(after)}`);
    }
    chains.set(author, { ...chain, last: positionOf(record.link) });
  }
  return { chainOf: (author) => chains.get(author) ?? empty(author) };
}

function openLine(
  line: string,
  number: number,
  network: string,
  known: (author: AuthorId) => FeedKeys | undefined,
): VerifiedRecord {
  try {
    return openRecordFile(Buffer.from(line), {
      network,
      keysOf: (author) => known(author) ?? firstKeys(author),
    });
  } catch (error) {
    if (error instanceof RefusedError) throw bad(`line ${number}: ${error.message}`, error);
    throw error;
  }
}

function grow(before: KeyChain | undefined, record: VerifiedRecord, line: number): KeyChain {
  const { link, statement } = record;
  const chain = before ?? empty(link.author);
  const action = keyActionOf(statement, link);
  if ('refused' in action) throw bad(`line ${line} is no key record: ${action.detail}`);
  if (action.action === 'follow')
    throw bad(`line ${line} is of a private group, in which the public feed says who signs`);
  if (chain.revokedAt !== null && action.action !== 'recover') {
    throw bad(`line ${line} comes after a revocation, and only a recovery can`);
  }
  if ('keep' in action && !hasRoom(chain.keys, action)) throw bad(`line ${line} is one key change too many`);
  const keys = advanceKeys(chain.keys, record);
  const kept =
    'keep' in action
      ? [...chain.ends.filter((end) => comparePositions(end, action.keep) < 0), action.keep]
      : chain.ends;
  const revokedAt = action.action === 'revoke' ? positionOf(link) : null;
  return { keys, ends: kept.map(positionOf), revokedAt, records: chain.records + 1 };
}

/** Whether a record, whose signature is by the key of its epoch, stands where these key records let it. */
export function standsIn({ keys, ends, revokedAt }: KeyChain, record: VerifiedRecord): Refusal | undefined {
  const { link } = record;
  if (link.scope !== PUBLIC_SCOPE) return standsInGroup(keys, link);
  if (isBeside(keys, record)) return refuse('replayed', 'there is another key record where it changes the key');
  const end = ends.find(({ recovery, epoch }) => recovery === link.recovery && epoch === link.epoch);
  if (end !== undefined && link.seq > end.seq) {
    return refuse(
      'replayed',
      `its key was given up after record ${end.seq} of epoch ${end.epoch}, and it is record ${link.seq}`,
    );
  }
  // The recovery key, by which this one is signed, outranks the revocation.
  const isRecovery = changeIn(record)?.action === 'recover';
  if (revokedAt !== null && !isRecovery && comparePositions(link, revokedAt) > 0) {
    return refuse('revoked', `its key was revoked with record ${revokedAt.seq}, and it is record ${link.seq}`);
  }
  return undefined;
}

/** A key change that is none of these, where they have one: no key that was given up since can make another. */
function isBeside({ epochs }: FeedKeys, { id, link, statement }: VerifiedRecord): boolean {
  const change = changeIn({ link, statement });
  const newest = epochs.at(-1);
  if (change === undefined || newest === undefined) return false;
  const isBehind =
    compareEpochs(link, newest) <= 0 || (change.action === 'recover' && link.recovery <= newest.recovery);
  return isBehind && !epochs.some(({ opened }) => opened?.id === id);
}

function empty(author: AuthorId): KeyChain {
  return { keys: firstKeys(author), ends: [], revokedAt: null, records: 0 };
}

function place({ recovery, epoch, seq }: Position): string {
  return `${recovery}/${epoch}/${seq}`;
}

function bad(why: string, cause?: unknown): RefusedError {
  return new RefusedError('record/bad-key-records', `These key records do not hold: ${why.replace(/\.$/, '')}.`, {
    cause,
  });
}
