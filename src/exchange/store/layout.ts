/**
 * Where what lies in LevelDB. Keys are parts with NUL between them; no part can hold one. Numbers are padded, so that
 * the order of keys is the order of records.
 *
 * | key | value |
 * |---|---|
 * | `meta version` · `meta network` · `meta named` | text |
 * | `record <id>` | the canonical envelope |
 * | `link <author> <scope> <recovery> <epoch> <seq>` | the record's id, text |
 * | `mark <author> <scope>` | the highest accepted place: JSON of a FeedHead |
 * | `type <predicateType> <id>` | nothing. By type and not by kind: what is unknown today is found tomorrow |
 * | `named <digest> <author> <id>` | nothing: the record names the digest (record/named.ts) |
 * | `fork <author> <scope>` | JSON: the place, both envelopes and the key records in base64 |
 * | `choice <author> <scope>` | JSON: which of two rival recoveries the person has chosen, with the proof that there are two |
 * | `keys <author> <scope>` | JSON of FeedKeys: who signs where |
 * | `head <author> <scope>` | the newest signed head, its canonical envelope |
 * | `note <key>` | JSON |
 * | `blob <digest>` | bytes |
 */
import type { Digest } from '../../crypto/digest.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';
import type { Position } from '../record/links.ts';
import type { AuthorId, Scope } from '../record/types.ts';

/**
 * Raised with every change after which an older portalgun would leave something out: an older layout is migrated when it is
 * opened, a newer one refused. 2: `named` and `choice`, which a portalgun that reads 1 neither writes nor heeds. 3: feeds of
 * groups that follow key changes, which one that reads 2 does not take back with the public feed.
 */
export const LAYOUT_VERSION = 3;
/** The oldest that is migrated. */
export const OLDEST_LAYOUT = 1;

const SEPARATOR = '\0';
/** In UTF-8 it sorts behind every character that a key holds. */
const AFTER_ALL = '\u{10ffff}';

export interface Feed {
  readonly author: AuthorId;
  readonly scope: Scope;
}

/** Where a feed without records is. */
export const BEFORE_ALL: Position = { recovery: 0, epoch: 0, seq: 0 };

export const VERSION_KEY = key('meta', 'version');
export const NETWORK_KEY = key('meta', 'network');
/** Which version of record/named.ts the keys under `named` are of. */
export const NAMED_KEY = key('meta', 'named');
export const NAMED_VERSION = 1;

export function recordKey(id: Digest): string {
  return key('record', id);
}

export function linkKey(feed: Feed, { recovery, epoch, seq }: Position): string {
  return key('link', feed.author, feed.scope, padded(recovery), padded(epoch), padded(seq));
}

/** The links behind a place, to the end of the feed. */
export function linksAfter(feed: Feed, after: Position): { readonly gte: string; readonly lt: string } {
  const { lt } = under('link', feed.author, feed.scope);
  return { gte: linkKey(feed, { ...after, seq: after.seq + 1 }), lt };
}

export function markKey(feed: Feed): string {
  return key('mark', feed.author, feed.scope);
}

export function typeKey(predicateType: string, id: Digest): string {
  return key('type', predicateType, id);
}

export function namedKey(digest: Digest, author: AuthorId, id: Digest): string {
  return key('named', digest, author, id);
}

/** Author and record of such a key. */
export function namedIn(text: string): readonly [AuthorId, string] {
  const [, , author = '', id = ''] = text.split(SEPARATOR);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- `namedKey` alone makes them
  return [author as AuthorId, id];
}

/** What of a digest's lies behind an author's. */
export function namedAfter(digest: Digest, author: AuthorId): { readonly gte: string; readonly lt: string } {
  return { gte: under('named', digest, author).lt, lt: under('named', digest).lt };
}

export function forkKey(feed: Feed): string {
  return key('fork', feed.author, feed.scope);
}

export function choiceKey(feed: Feed): string {
  return key('choice', feed.author, feed.scope);
}

export function keysKey(feed: Feed): string {
  return key('keys', feed.author, feed.scope);
}

export function headKey(feed: Feed): string {
  return key('head', feed.author, feed.scope);
}

export function noteKey(name: string): string {
  return key('note', name);
}

export function blobKey(digest: Digest): string {
  return key('blob', digest);
}

/** All keys that begin with these parts, as a range for LevelDB. */
export function under(...parts: readonly string[]): { readonly gte: string; readonly lt: string } {
  const prefix = `${parts.join(SEPARATOR)}${SEPARATOR}`;
  return { gte: prefix, lt: `${prefix}${AFTER_ALL}` };
}

/** The feed that says who signs in this one. */
export function publicFeed({ author }: Feed): Feed {
  return { author, scope: PUBLIC_SCOPE };
}

/** One name for a feed in a Map. */
export function feedName(feed: Feed): string {
  return `${feed.author} ${feed.scope}`;
}

/** The last part of a key. */
export function lastPart(text: string): string {
  return text.slice(text.lastIndexOf(SEPARATOR) + 1);
}

function key(...parts: readonly string[]): string {
  return parts.join(SEPARATOR);
}

/** 16 digits hold 2^53 - 1. */
function padded(count: number): string {
  return String(count).padStart(16, '0');
}
