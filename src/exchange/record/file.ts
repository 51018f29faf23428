/** Records in files, for people and other tools: DSSE's JSON form, which cosign and in-toto's tools read as well. */
import { RefusedError } from '../../errors.ts';
import { dsseFromJson, dsseToJson } from './dsse.ts';
import { openParsed, parseSealed, readEnvelope } from './envelope.ts';
import { firstKeys, type FeedKeys } from './feed-keys.ts';
import { isRefusal, type Refusal } from './refusal.ts';
import type { AuthorId, Scope, VerifiedRecord } from './types.ts';

/** An opening brace: no canonical envelope begins with it (a field's tag comes first). */
const BRACE = 0x7b;

/** One line of JSON, with a line end. */
export function recordToJson(record: VerifiedRecord): string {
  const sealed = readEnvelope(record.envelope);
  if (isRefusal(sealed)) throw refusal(sealed);
  return `${dsseToJson(sealed.dsse)}\n`;
}

export interface FileOptions {
  readonly network: string;
  /** Who signs in a feed, as far as its key records are known here. Left out: each author's first key alone. */
  readonly keysOf?: (author: AuthorId, scope: Scope) => FeedKeys;
  /** Why a record whose signature holds does not stand at its place all the same, as far as the keys' own records tell. */
  readonly standing?: (record: VerifiedRecord) => Refusal | undefined;
}

/** Opens a record from a file, in JSON form or as it travels. Throws `record/refused` (exit code 3) with the reason. */
export function openRecordFile(bytes: Uint8Array, options: FileOptions): VerifiedRecord {
  const { network, keysOf = firstKeys, standing } = options;
  const start = bytes.findIndex((byte) => byte !== 0x20 && byte !== 0x09 && byte !== 0x0a && byte !== 0x0d);
  const envelope = bytes[start] === BRACE ? dsseFromJson(bytes) : bytes;
  if (!(envelope instanceof Uint8Array)) throw refusal(envelope);
  const sealed = readEnvelope(envelope);
  if (isRefusal(sealed)) throw refusal(sealed);
  const parsed = parseSealed(sealed, network);
  if (isRefusal(parsed)) throw refusal(parsed);
  const { author, scope } = parsed.link;
  const record = openParsed(sealed, parsed, { feedKeys: keysOf(author, scope) });
  if (isRefusal(record)) throw refusal(record);
  const wrong = standing?.(record);
  if (wrong !== undefined) throw refusal(wrong);
  return record;
}

const NO_RECORD =
  'A record is what portalgun why RECORD --proof FILE writes, byte for byte; an exported file needs its .attestation.json beside it.';

const HINTS: Readonly<Partial<Record<Refusal['refused'], string>>> = {
  'too-large': NO_RECORD,
  'bad-encoding': NO_RECORD,
  'unknown-key':
    'Its author has changed keys. Whoever has the feed writes them down: portalgun why RECORD --keys FILE; then verify --keys FILE.',
};

function refusal({ refused, detail }: Refusal): RefusedError {
  const hint = HINTS[refused];
  return new RefusedError('record/refused', `This record does not hold: ${detail}.`, {
    ...(hint !== undefined && { hint }),
    facts: { refused },
  });
}
