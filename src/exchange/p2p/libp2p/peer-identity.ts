/**
 * Who is behind a PeerId. It *is* the key that signs an author's feed now, which noise has proven before we see a
 * connection; the author id is their first key. Which key that is, the feed itself says, as far as it is stored here.
 */
import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromPublicKey, peerIdFromString } from '@libp2p/peer-id';
import { currentKey } from '../../record/feed-keys.ts';
import { authorIdOf, authorKeyBytes } from '../../record/identity.ts';
import type { AuthorId, KeyId } from '../../record/types.ts';
import type { RecordStore } from '../../store/types.ts';
import { PUBLIC_SCOPE } from '../../record/feed-link.ts';
import { PEER_KEYS_KEPT } from '../limits.ts';

/** `12D3Koo…`: a key as libp2p writes it. */
export function peerIdOf(key: KeyId): string {
  return peerOfKey(key).toString();
}

function peerOfKey(key: KeyId): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(authorKeyBytes(key)));
}

/** Null for a key of another kind than authors have. */
function keyOfPeerId(peer: PeerId): KeyId | null {
  return peer.type === 'Ed25519' ? authorIdOf(peer.publicKey.raw) : null;
}

export interface Acquaintance {
  /** The author whose node this is; null for a key that an author has given up or revoked: whoever may have it now. */
  authorOf(peerId: string): AuthorId | null;
  /** The node of an author, by the newest key that is known of them. */
  peerOf(author: AuthorId): PeerId;
}

/** `isKnown`: whoever may have changed keys. Anybody else is taken for the author that their key would make them. */
export function createAcquaintance(
  store: Pick<RecordStore, 'keysOf' | 'authorsWith'>,
  isKnown: (author: AuthorId) => boolean,
): Acquaintance {
  const keyOf = (author: AuthorId): KeyId => currentKey(store.keysOf(author, PUBLIC_SCOPE));
  /** Each message that a peer sends asks several times who it is. */
  const keys = new Map<string, KeyId | null>();
  const keyOfPeer = (peerId: string): KeyId | null => {
    const ready = keys.get(peerId);
    if (ready !== undefined) return ready;
    const key = keyOfPeerId(peerIdFromString(peerId));
    keys.set(peerId, key);
    const [oldest] = keys.keys();
    if (keys.size > PEER_KEYS_KEPT && oldest !== undefined) keys.delete(oldest);
    return key;
  };
  return {
    authorOf(peerId) {
      const key = keyOfPeer(peerId);
      if (key === null) return null;
      // A first key that signs no more proves nothing about its author.
      const author = store.authorsWith(key).find(isKnown) ?? (keyOf(key) === key ? key : null);
      return author !== null && store.keysOf(author, PUBLIC_SCOPE).revoked ? null : author;
    },
    peerOf: (author) => peerOfKey(keyOf(author)),
  };
}
