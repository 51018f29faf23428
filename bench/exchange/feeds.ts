/** Many signed records, quickly: signed by node:crypto, which gives the same bytes as our own signing (RFC 8032). */
import { createHash, createPrivateKey, sign } from 'node:crypto';
import { sha256, type Digest } from '../../src/crypto/digest.ts';
import { publicKeyOf } from '../../src/crypto/ed25519.ts';
import { encodeDsse, preAuthEncoding } from '../../src/exchange/record/dsse.ts';
import { authorIdOf, patchDraft, RECORD_PAYLOAD_TYPE } from '../../src/exchange/record/index.ts';
import type { AuthorId } from '../../src/exchange/record/index.ts';
import { encodeStatement } from '../../src/exchange/record/statement.ts';

export const NETWORK = 'bench';

/** RFC 8410: what precedes the 32 bytes of a seed in PKCS #8. */
const PKCS8_PREFIX = Buffer.from('302e020100300506032b657004220420', 'hex');

export interface Feed {
  readonly seed: Uint8Array;
  readonly author: AuthorId;
  readonly envelopes: readonly Uint8Array[];
}

/** `length` patches of about 1 KiB. */
export function makeFeed(number: number, length: number): Feed {
  const seed = Uint8Array.from(createHash('sha256').update(`feed ${number}`).digest());
  const author = authorIdOf(publicKeyOf(seed));
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_PREFIX, seed]), format: 'der', type: 'pkcs8' });
  let prev: Digest | null = null;
  const envelopes: Uint8Array[] = [];
  for (let seq = 1; seq <= length; seq += 1) {
    const payload = encodeStatement(aPatch(`${number} ${seq}`), {
      network: NETWORK,
      author,
      scope: 'public',
      recovery: 0,
      epoch: 0,
      seq,
      prev,
    });
    const signed = preAuthEncoding(RECORD_PAYLOAD_TYPE, payload);
    const signature = Uint8Array.from(sign(null, signed, key));
    envelopes.push(encodeDsse({ payloadType: RECORD_PAYLOAD_TYPE, payload, signature, keyid: author }));
    prev = sha256(signed);
  }
  return { seed, author, envelopes };
}

const DRAFT = patchDraft({
  recipeName: 'debian-12-tiny',
  base: sha256('base'),
  result: sha256('result'),
  operations: [{ op: 'remove-step', id: 'language', was: sha256('step') }],
  symptom: sha256('symptom'),
  origin: 'human',
  summary: 'The menu entry for the language has another name since the last point release.',
  verifiedBy: sha256('attestation'),
  supersedes: null,
});

function aPatch(name: string) {
  return { ...DRAFT, predicate: { ...DRAFT.predicate, symptom: sha256(name) } };
}
