/** This node's own signed head: issued anew when its feed has moved, and daily, so that followers see it is alive. */
import { publicKeyOf } from '../../crypto/ed25519.ts';
import { keyAt } from '../record/feed-keys.ts';
import { signHead } from '../record/head.ts';
import { authorIdOf } from '../record/identity.ts';
import type { AuthorId, Scope } from '../record/types.ts';
import type { OwnStore } from '../store/types.ts';
import { OWN_HEAD_MAX_AGE_MS } from './limits.ts';
import { PUBLIC_SCOPE } from '../record/feed-link.ts';

export interface OwnHeadContext {
  readonly seed: Uint8Array;
  readonly self: AuthorId;
  readonly network: string;
  readonly store: OwnStore;
  readonly now: () => number;
}

/** Signs and keeps the own head where that is due. A feed without records has none. */
export async function renewOwnHead(
  { seed, self, network, store, now }: OwnHeadContext,
  scope: Scope = PUBLIC_SCOPE,
): Promise<void> {
  const head = await store.head(self, scope);
  if (head === undefined) return;
  const feedKeys = store.keysOf(self, PUBLIC_SCOPE);
  // Another key signs now: this home is an old copy, or its key was replaced.
  if (keyAt(feedKeys, head) !== authorIdOf(publicKeyOf(seed))) return;
  const signed = await store.headOf(self, scope);
  const current = signed?.head.id === head.id && now() - signed.issuedAt.getTime() < OWN_HEAD_MAX_AGE_MS;
  if (current) return;
  const time = new Date(now());
  const { envelope } = signHead(seed, network, head, { now: time, feedKeys });
  await store.putHead(envelope, { now: time, follows: (author) => author === self });
}
