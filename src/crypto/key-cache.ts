/** Imported public keys, kept: checking a key costs about 2 ms, and a feed's records all name the same one. */
import { importPublicKey, type PublicKey } from './ed25519.ts';

/** Gives the imported key; throws what `importPublicKey` throws. Refused keys are not remembered. */
export type KeyCache = (bytes: Uint8Array) => PublicKey;

/** Bounded: the key that was used longest ago goes first. */
export function createKeyCache(maxKeys: number): KeyCache {
  const kept = new Map<string, PublicKey>();
  return (bytes) => {
    const name = Buffer.from(bytes).toString('hex');
    const key = kept.get(name) ?? importPublicKey(bytes);
    // A Map remembers the order of insertion: putting it in again makes it the youngest.
    kept.delete(name);
    kept.set(name, key);
    if (kept.size > maxKeys) {
      const oldest = kept.keys().next();
      if (oldest.done !== true) kept.delete(oldest.value);
    }
    return key;
  };
}
