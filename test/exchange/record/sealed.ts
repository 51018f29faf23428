/** An author's envelopes, good ones and bad ones, and how they are opened. */
import assert from 'node:assert/strict';
import { sign } from '../../../src/crypto/ed25519.ts';
import { canonicalJson } from '../../../src/crypto/canonical.ts';
import { encodeDsse, preAuthEncoding } from '../../../src/exchange/record/dsse.ts';
import {
  isRefusal,
  openEnvelope,
  RECORD_PAYLOAD_TYPE,
  type RefusalReason,
} from '../../../src/exchange/record/index.ts';
import { at, draft, feed, linkOf, NETWORK, newAuthor } from './author.ts';

export const author = newAuthor();
export const record = at(feed(author, 1), 0);
export const open = (bytes: Uint8Array) => openEnvelope(bytes, { network: NETWORK });

export function assertRefused(bytes: Uint8Array, reason: RefusalReason, detail: RegExp): void {
  const result = open(bytes);
  assert.ok(isRefusal(result), 'it was opened');
  assert.equal(result.refused, reason, result.detail);
  assert.match(result.detail, detail);
}

/** What the author signs as a record, whatever it is. */
export function seal(
  payload: string | Uint8Array,
  changes: { payloadType?: string; keyid?: string; seed?: Uint8Array } = {},
): Uint8Array {
  const { payloadType = RECORD_PAYLOAD_TYPE, keyid = author.id, seed = author.seed } = changes;
  const bytes = Buffer.from(payload);
  return encodeDsse({ payloadType, payload: bytes, signature: sign(seed, preAuthEncoding(payloadType, bytes)), keyid });
}

export function statement(changes: Record<string, unknown> = {}, link: Record<string, unknown> = {}): string {
  return canonicalJson({
    _type: 'https://in-toto.io/Statement/v1',
    ...draft('x'),
    portalgun_feed: { ...linkOf(author, 1, null), ...link },
    ...changes,
  });
}

export function parsed(json: string): object {
  const value: unknown = JSON.parse(json);
  assert.ok(typeof value === 'object' && value !== null);
  return value;
}
