/** The fields of a feed link (`portalgun_feed`), inside the signed bytes. What they mean is judged in links.ts. */
import { isDigest } from '../../crypto/digest.ts';
import { isJsonObject, type JsonValue } from '../../crypto/strict-json.ts';
import { isAuthorId } from './identity.ts';
import { refuse, type Refusal } from './refusal.ts';
import type { FeedLink, Scope } from './types.ts';

/** Lower-case letters, digits, dots, hyphens: goes into protocol names and file names. */
const NETWORK = /^[a-z0-9][a-z0-9.-]{0,62}$/;
/** 128 random bits: knowing the id of a private group is not something one guesses. */
const PRIVATE_SCOPE = /^[0-9a-f]{32}$/;

/** The scope of feeds that everybody may carry. */
export const PUBLIC_SCOPE = 'public';

export function isNetwork(value: unknown): value is string {
  return typeof value === 'string' && NETWORK.test(value);
}

export function isScope(value: unknown): value is Scope {
  return value === PUBLIC_SCOPE || (typeof value === 'string' && PRIVATE_SCOPE.test(value));
}

/** Fields that this version does not know are left out. */
export function parseFeedLink(value: JsonValue | undefined): FeedLink | Refusal {
  if (!isJsonObject(value)) return bad('is not an object');
  const { network, author, scope, recovery, epoch, seq, prev } = value;
  if (!isNetwork(network)) return bad('has no valid network');
  if (!isAuthorId(author)) return bad('has no valid author');
  if (!isScope(scope)) return bad('has no valid scope');
  if (!isCount(recovery) || !isCount(epoch)) return bad('has no valid recovery and epoch');
  if (!isCount(seq) || seq === 0) return bad('has no valid seq: they count from 1');
  if (prev !== null && !isDigest(prev)) return bad('has no valid prev');
  // Each recovery opens an epoch.
  if (recovery > epoch) return bad('has more recoveries than epochs');
  const first = recovery === 0 && epoch === 0 && seq === 1;
  // A group's feed may begin when its author has changed keys already.
  const mayBegin = first || (scope !== PUBLIC_SCOPE && seq === 1);
  if (prev === null ? !mayBegin : first)
    return bad('has a prev that does not fit: the very first record has none, every other one has');
  return { network, author, scope, recovery, epoch, seq, prev };
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function bad(what: string): Refusal {
  return refuse('bad-statement', `the feed link ${what}`);
}
