/** The PeerId *is* the author's key: noise has proven it before we see a connection. */
import { publicKeyFromRaw } from '@libp2p/crypto/keys';
import type { PeerId } from '@libp2p/interface';
import { peerIdFromPublicKey } from '@libp2p/peer-id';
import { authorIdOf, authorKeyBytes } from '../record/identity.ts';
import type { AuthorId } from '../record/types.ts';

/** The author who runs a node; null for keys of another kind than ed25519, who can be nobody's author. */
export function authorOf(peer: PeerId): AuthorId | null {
  return peer.type === 'Ed25519' ? authorIdOf(peer.publicKey.raw) : null;
}

export function peerOf(author: AuthorId): PeerId {
  return peerIdFromPublicKey(publicKeyFromRaw(authorKeyBytes(author)));
}

/** `12D3Koo…`: the same key as an author id, as libp2p writes it. */
export function peerIdOf(author: AuthorId): string {
  return peerOf(author).toString();
}
