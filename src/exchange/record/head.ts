/**
 * Signed heads: "on this day my feed ended here". A head expires, so that who relays only old records cannot pass them
 * off as the newest (threat 5). It orders nothing: order is (recovery, epoch, seq).
 */
import { canonicalJson } from '../../crypto/canonical.ts';
import { isDigest } from '../../crypto/digest.ts';
import { publicKeyOf } from '../../crypto/ed25519.ts';
import { isJsonObject, parseStrictJson, type JsonValue } from '../../crypto/strict-json.ts';
import { PortalgunError, UsageError } from '../../errors.ts';
import { decodeDsse, preAuthEncoding } from './dsse.ts';
import { verifySignature, type OpenOptions } from './envelope.ts';
import { firstKeys, keyAt, type FeedKeys } from './feed-keys.ts';
import { isNetwork, isScope } from './feed-link.ts';
import { authorIdOf, isAuthorId } from './identity.ts';
import {
  CLOCK_TOLERANCE_MS,
  HEAD_DEFAULT_LIFETIME_MS,
  HEAD_MAX_BYTES,
  HEAD_MAX_LIFETIME_MS,
  JSON_MAX_DEPTH,
} from './limits.ts';
import { comparePositions } from './links.ts';
import { isRefusal, refuse, type Refusal } from './refusal.ts';
import { sealPayload } from './sign.ts';
import type { FeedHead } from './types.ts';

export const HEAD_PAYLOAD_TYPE = 'application/vnd.portalgun.head.v1+json';

declare const verified: unique symbol;

/** Made by `readHead` alone. */
export interface SignedHead {
  readonly [verified]: true;
  readonly network: string;
  readonly head: FeedHead;
  readonly issuedAt: Date;
  readonly expiresAt: Date;
  /** The one canonical encoding. */
  readonly envelope: Uint8Array;
}

export type HeadOptions = Pick<OpenOptions, 'network' | 'keys' | 'verifier' | 'feedKeys'>;

/** RFC 3339 in UTC to the second, the one form in which heads write a time. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/;

/**
 * Signs where a feed ends. Throws `record/bad-lifetime` over 30 days, `record/not-yours` where the key is not the one that
 * signs there.
 */
export function signHead(
  seed: Uint8Array,
  network: string,
  head: FeedHead,
  options: { readonly now: Date; readonly lifetimeMs?: number; readonly feedKeys?: FeedKeys },
): SignedHead {
  const lifetimeMs = options.lifetimeMs ?? HEAD_DEFAULT_LIFETIME_MS;
  if (!(lifetimeMs > 0 && lifetimeMs <= HEAD_MAX_LIFETIME_MS)) {
    throw new UsageError('record/bad-lifetime', 'A signed head lasts at most 30 days.');
  }
  if (authorIdOf(publicKeyOf(seed)) !== keyAt(options.feedKeys ?? firstKeys(head.author), head)) {
    throw new UsageError('record/not-yours', `This key cannot sign for ${head.author}.`);
  }
  const { author, scope, recovery, epoch, seq, id } = head;
  const issuedAt = formatTime(options.now);
  const expiresAt = formatTime(new Date(options.now.getTime() + lifetimeMs));
  const payload = Buffer.from(canonicalJson({ network, author, scope, recovery, epoch, seq, id, issuedAt, expiresAt }));
  const signed = openHead(sealPayload(seed, HEAD_PAYLOAD_TYPE, payload), { ...options, network });
  if (isRefusal(signed)) throw new UsageError('record/cannot-sign', `This head cannot be published: ${signed.detail}.`);
  return signed;
}

/** A head from outside, judged at a time. One dated further ahead than clocks may differ is refused (threat 18). */
export function openHead(bytes: Uint8Array, options: HeadOptions & { readonly now: Date }): SignedHead | Refusal {
  const signed = readHead(bytes, options);
  if (isRefusal(signed)) return signed;
  if (signed.issuedAt.getTime() > options.now.getTime() + CLOCK_TOLERANCE_MS) {
    return refuse('bad-statement', `the head is dated ${formatTime(signed.issuedAt)}, which is still to come`);
  }
  return signed;
}

/** As `openHead`, whatever the time: for proofs, where a date changes nothing. */
export function readHead(bytes: Uint8Array, options: HeadOptions): SignedHead | Refusal {
  const dsse = decodeDsse(bytes, HEAD_MAX_BYTES);
  if (isRefusal(dsse)) return dsse;
  if (dsse.payloadType !== HEAD_PAYLOAD_TYPE) return refuse('bad-encoding', 'the payload is not a signed head');
  const content = parseContent(dsse.payload);
  if (isRefusal(content)) return content;
  if (content.network !== options.network) {
    return refuse('wrong-network', `the head is for the network ${content.network}, and this is ${options.network}`);
  }
  const signer = keyAt(options.feedKeys ?? firstKeys(content.head.author), content.head);
  if (typeof signer !== 'string') return signer;
  const refused = verifySignature(preAuthEncoding(dsse.payloadType, dsse.payload), dsse, signer, options);
  if (refused !== undefined) return refused;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the one maker
  return { ...content, envelope: dsse.encoded } as SignedHead;
}

/** Whose feed a head speaks of, nothing verified yet; undefined for what is none. */
export function feedOfHead(bytes: Uint8Array): Pick<FeedHead, 'author' | 'scope'> | undefined {
  const dsse = decodeDsse(bytes, HEAD_MAX_BYTES);
  if (isRefusal(dsse) || dsse.payloadType !== HEAD_PAYLOAD_TYPE) return undefined;
  const content = parseContent(dsse.payload);
  return isRefusal(content) ? undefined : content.head;
}

function parseContent(payload: Uint8Array): Pick<SignedHead, 'network' | 'head' | 'issuedAt' | 'expiresAt'> | Refusal {
  let value: JsonValue;
  try {
    value = parseStrictJson(payload, { maxBytes: HEAD_MAX_BYTES, maxDepth: JSON_MAX_DEPTH });
  } catch (error) {
    if (error instanceof PortalgunError) return refuse('bad-statement', error.message);
    throw error;
  }
  if (!isJsonObject(value)) return refuse('bad-statement', 'the head is not a JSON object');
  const { network, author, scope, recovery, epoch, seq, id, ...times } = value;
  if (!isNetwork(network) || !isAuthorId(author) || !isScope(scope))
    return refuse('bad-statement', 'the head names no feed');
  if (!isCount(recovery) || !isCount(epoch) || recovery > epoch || !isCount(seq) || seq === 0 || !isDigest(id)) {
    return refuse('bad-statement', 'the head names no record');
  }
  const issuedAt = parseTime(times['issuedAt']);
  const expiresAt = parseTime(times['expiresAt']);
  if (issuedAt === undefined || expiresAt === undefined) return refuse('bad-statement', 'the head has no proper times');
  const lifetimeMs = expiresAt.getTime() - issuedAt.getTime();
  if (lifetimeMs <= 0 || lifetimeMs > HEAD_MAX_LIFETIME_MS) {
    return refuse('bad-statement', 'the head does not expire within 30 days of being issued');
  }
  return { network, head: { author, scope, recovery, epoch, seq, id }, issuedAt, expiresAt };
}

/** Whether a feed's voice counts for anything automatic. `head` is the newest signed head that this node holds. */
export type Freshness =
  | { readonly state: 'fresh'; readonly until: Date }
  /** Nothing signed has been heard since. */
  | { readonly state: 'stale'; readonly since: Date }
  /** The author has signed more records than this node could get. */
  | { readonly state: 'behind'; readonly missingFrom: number; readonly upTo: number }
  /** No signed head was ever seen: a first run, or an author who never signed one. */
  | { readonly state: 'unknown' };

export function freshnessOf(signed: SignedHead | undefined, stored: FeedHead | undefined, now: Date): Freshness {
  if (signed === undefined) return { state: 'unknown' };
  if (now.getTime() > signed.expiresAt.getTime() + CLOCK_TOLERANCE_MS)
    return { state: 'stale', since: signed.expiresAt };
  if (stored === undefined || comparePositions(stored, signed.head) < 0) {
    return { state: 'behind', missingFrom: (stored?.seq ?? 0) + 1, upTo: signed.head.seq };
  }
  return { state: 'fresh', until: signed.expiresAt };
}

function parseTime(value: JsonValue | undefined): Date | undefined {
  if (typeof value !== 'string' || !TIME.test(value)) return undefined;
  const time = new Date(value);
  // `2026-02-31` parses to March: only what is written back the same is a date.
  return !Number.isNaN(time.getTime()) && formatTime(time) === value ? time : undefined;
}

function formatTime(time: Date): string {
  return `${time.toISOString().slice(0, 19)}Z`;
}

function isCount(value: JsonValue | undefined): value is number {
  return typeof value === 'number' && value >= 0;
}
