/** Making records. What is signed is opened again like anybody's: the one maker stays `openEnvelope`. */
import { publicKeyOf, sign } from '../../crypto/ed25519.ts';
import { UsageError } from '../../errors.ts';
import { firstKeys, type FeedKeys } from './feed-keys.ts';
import { encodeDsse, preAuthEncoding } from './dsse.ts';
import { openEnvelope, RECORD_PAYLOAD_TYPE } from './envelope.ts';
import { authorIdOf } from './identity.ts';
import { isRefusal } from './refusal.ts';
import { encodeStatement, type Draft } from './statement.ts';
import type { FeedLink, VerifiedRecord } from './types.ts';

/**
 * Signs a draft at one place of a feed. `seed` is that of the key that signs there, 32 bytes: the author's first, unless
 * `feedKeys` say otherwise. Throws `record/not-yours` where it is another's, `record/cannot-sign` where the result would be
 * refused by every reader, `crypto/not-canonical`.
 */
export function signRecord(
  seed: Uint8Array,
  link: FeedLink,
  draft: Draft,
  feedKeys: FeedKeys = firstKeys(link.author),
): VerifiedRecord {
  const key = authorIdOf(publicKeyOf(seed));
  const record = openEnvelope(sealPayload(seed, RECORD_PAYLOAD_TYPE, encodeStatement(draft, link)), {
    network: link.network,
    feedKeys,
  });
  if (isRefusal(record) && record.refused === 'bad-signature') {
    throw new UsageError('record/not-yours', `The key ${key} does not sign for ${link.author} there.`);
  }
  if (!isRefusal(record)) return record;
  throw new UsageError('record/cannot-sign', `This record cannot be published: ${record.detail}.`, {
    facts: { refused: record.refused, predicateType: draft.predicateType },
  });
}

/** A canonical envelope around any payload, signed by the seed's key. */
export function sealPayload(seed: Uint8Array, payloadType: string, payload: Uint8Array): Uint8Array {
  const signature = sign(seed, preAuthEncoding(payloadType, payload));
  return encodeDsse({ payloadType, payload, signature, keyid: authorIdOf(publicKeyOf(seed)) });
}
