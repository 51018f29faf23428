/** What all nodes of one simulation share to be fast: imported keys, and what the one verifier said of the same bytes. */
import { createHash } from 'node:crypto';
import { verify } from '../../src/crypto/ed25519.ts';
import { createKeyCache } from '../../src/crypto/key-cache.ts';
import type { Shared } from '../../src/exchange/store/level-store.ts';

export interface Memo extends Required<Shared> {
  /** Signatures that were really verified. */
  readonly verified: () => number;
}

export function createMemo(): Memo {
  const said = new Map<string, boolean>();
  return {
    keys: createKeyCache(10_000),
    verified: () => said.size,
    verifier(key, message, signature) {
      const digest = createHash('sha256').update(key.bytes).update(signature).update(message).digest('base64');
      const known = said.get(digest);
      if (known !== undefined) return known;
      const holds = verify(key, message, signature);
      said.set(digest, holds);
      return holds;
    },
  };
}
