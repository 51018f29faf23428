/** Making records. What is signed is opened again like anybody's: the one maker stays `openEnvelope`. */
import { publicKeyOf, sign } from '../../crypto/ed25519.ts';
import { UsageError } from '../../errors.ts';
import { encodeDsse, preAuthEncoding } from './dsse.ts';
import { openEnvelope, RECORD_PAYLOAD_TYPE } from './envelope.ts';
import { authorIdOf } from './identity.ts';
import { isRefusal } from './refusal.ts';
import { encodeStatement, type Draft } from './statement.ts';
import type { FeedLink, VerifiedRecord } from './types.ts';

/**
 * Signs a draft at one place of a feed. `seed` is the author's, 32 bytes. Throws `record/not-yours` where the link names
 * another author, `record/cannot-sign` where the result would be refused by every reader, `crypto/not-canonical`.
 */
export function signRecord(seed: Uint8Array, link: FeedLink, draft: Draft): VerifiedRecord {
  const author = authorIdOf(publicKeyOf(seed));
  if (link.author !== author) {
    throw new UsageError('record/not-yours', `This key cannot sign for ${link.author}: it is ${author}'s.`);
  }
  const record = openEnvelope(sealPayload(seed, RECORD_PAYLOAD_TYPE, encodeStatement(draft, link)), {
    network: link.network,
  });
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
