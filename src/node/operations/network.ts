/** The node's own state, and catching up on demand. */
import { alerts, policyAlert } from '../alerts.ts';
import { waiting } from '../outbox.ts';
import { carried, networkOf, nameOf, signingKey, type Session } from '../session.ts';
import type { Exchange } from '../../exchange/p2p/types.ts';
import type { RecentRefusal } from '../../exchange/p2p/recent-refusals.ts';
import type { AuthorId } from '../../exchange/record/types.ts';
import { formatInvitation } from '../invitation.ts';
import { authorIdOf, pinsOf, PUBLIC_SCOPE, type RecoveryPin } from '../../exchange/record/index.ts';
import { peerIdOf } from '../../exchange/p2p/index.ts';

export async function id(session: Session): Promise<unknown> {
  const { author } = session.identity;
  const addresses = session.exchange?.addresses() ?? [];
  const { network } = session.config;
  const invitation = formatInvitation({ author, network, addresses: forOthers(addresses), recovery: ownPins(session) });
  return { author, peerId: peerIdOf(signingKey(session).id), network, addresses, invitation };
}

/**
 * What the feed says. Before its first record, what that one will say, if this key has never been changed. Nothing where the
 * newest recovery names a key that is not of this home: by a thief's, friends would be bound to the thief.
 */
function ownPins({ identity, store }: Session): readonly RecoveryPin[] {
  const { author, keys, recoveryPublicKey } = identity;
  const own = authorIdOf(recoveryPublicKey);
  const feed = store.keysOf(author, PUBLIC_SCOPE);
  if (feed.recoveryKeys.length > 0) return feed.recoveryKeys.at(-1) === own ? pinsOf(feed) : [];
  const isFirst = keys.every(({ id }) => id === author);
  return isFirst ? [{ recovery: 0, key: own }] : [];
}

/** Others cannot reach this machine's loopback: it is left out, unless the node listens nowhere else. */
function forOthers(addresses: readonly string[]): readonly string[] {
  const outside = addresses.filter((address) => !/^\/(?:ip4\/127\.|ip6\/::1\/)/.test(address));
  return outside.length > 0 ? outside : addresses;
}

export async function status(session: Session): Promise<unknown> {
  const { broken } = await session.policy.current();
  const heads = await session.store.heads();
  const frozen = await session.store.frozen();
  return {
    running: session.exchange !== undefined,
    author: session.identity.author,
    network: session.config.network,
    home: session.home.root,
    addresses: session.exchange?.addresses() ?? [],
    reachability: session.exchange?.reachability() ?? null,
    peers: (session.exchange?.peers() ?? []).map(({ author, address, peerId }) => ({
      name: author === null ? null : nameOf(session, author),
      peerId,
      address,
    })),
    feeds: heads.map(({ author, scope, seq, id: head }) => ({
      author,
      name: nameOf(session, author),
      scope,
      seq,
      head,
    })),
    carries: carried(session).length,
    frozen: frozen.map(({ author, scope, rivals }) => ({
      author,
      name: nameOf(session, author),
      scope,
      rivals: rivals !== null,
    })),
    refused: session.store.refusals(),
    refusedLast: lastRefusals(session),
    outbox: (await waiting(session)).length,
    alerts: [...policyAlert(broken, session.now()), ...(await alerts(session.store))],
  };
}

/** A refusal as people are told of it; `author` and `record` are what the bytes claim, and `from` is whoever sent them. */
export interface ToldRefusal extends Omit<RecentRefusal, 'at' | 'peer'> {
  readonly at: string;
  readonly from: string;
  /** The person's own name for that author. */
  readonly name?: string;
}

/** Newest first; none without a node. */
export function lastRefusals(session: Session): readonly ToldRefusal[] {
  return (session.exchange?.refusals() ?? []).map(({ at, peer, ...why }) => ({
    at: new Date(at).toISOString(),
    from: peer,
    ...why,
    ...(why.author !== undefined && { name: nameOf(session, why.author) }),
  }));
}

/** How long the DHT is asked for one author's feed. */
export const FIND_FEED_MS = 10_000;

/** Catches up with connected peers; feeds whose author is away are looked for among those who carry them. */
export async function sync(session: Session, _args: unknown, signal: AbortSignal): Promise<unknown> {
  const exchange = networkOf(session);
  const connected = new Set(exchange.peers().map(({ author }) => author));
  const away = carried(session).filter((author) => author !== session.identity.author && !connected.has(author));
  const found: Record<string, number> = {};
  for (const author of away) {
    found[nameOf(session, author)] = await findInTime(exchange, author, signal);
  }
  const admitted = await exchange.sync(signal);
  return { admitted, peers: exchange.peers().length, found };
}

/** Nodes found that carry the feed; 0 as well when the DHT did not answer in time. */
async function findInTime(exchange: Exchange, author: AuthorId, signal: AbortSignal): Promise<number> {
  const tooLong = AbortSignal.timeout(FIND_FEED_MS);
  try {
    return await exchange.findFeed(author, AbortSignal.any([signal, tooLong]));
  } catch (error) {
    if (tooLong.aborted && !signal.aborted) return 0;
    throw error;
  }
}
