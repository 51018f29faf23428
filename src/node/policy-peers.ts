/** Who a policy's peers are, as the network asks for every message: made once for each policy. */
import type { AuthorId } from '../exchange/record/types.ts';
import type { RecoveryPin } from '../exchange/record/recovery-pin.ts';
import type { Policy } from '../exchange/trust/types.ts';

export interface PolicyPeers {
  readonly trusted: readonly { readonly author: AuthorId; readonly addresses: readonly string[] }[];
  readonly followed: ReadonlySet<AuthorId>;
  readonly pins: ReadonlyMap<AuthorId, readonly RecoveryPin[]>;
}

const made = new WeakMap<Policy, PolicyPeers>();

export function peersOf(policy: Policy): PolicyPeers {
  const ready = made.get(policy);
  if (ready !== undefined) return ready;
  const peers = Object.values(policy.peers);
  const now = {
    trusted: peers.map(({ id, addresses }) => ({ author: id, addresses })),
    followed: new Set(peers.filter(({ follow }) => follow).map(({ id }) => id)),
    pins: new Map(peers.map(({ id, recovery = [] }) => [id, recovery])),
  };
  made.set(policy, now);
  return now;
}
