/** The node's own state, and catching up on demand. */
import { carried, networkOf, nameOf, type Session } from '../session.ts';
import { formatInvitation } from '../invitation.ts';
import { peerIdOf } from '../../exchange/p2p/index.ts';

export async function id(session: Session): Promise<unknown> {
  const { author } = session.identity;
  const addresses = session.exchange?.addresses() ?? [];
  const { network } = session.config;
  const invitation = formatInvitation({ author, network, addresses });
  return { author, peerId: peerIdOf(author), network, addresses, invitation };
}

export async function status(session: Session): Promise<unknown> {
  const heads = await session.store.heads();
  const frozen = await session.store.frozen();
  return {
    running: session.exchange !== undefined,
    author: session.identity.author,
    network: session.config.network,
    home: session.home.root,
    addresses: session.exchange?.addresses() ?? [],
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
    frozen: frozen.map(({ author, scope }) => ({ author, name: nameOf(session, author), scope })),
    refused: session.store.refusals(),
  };
}

export async function sync(session: Session, _args: unknown, signal: AbortSignal): Promise<unknown> {
  const exchange = networkOf(session);
  const admitted = await exchange.sync(signal);
  return { admitted, peers: exchange.peers().length };
}

/** Looks for feeds in the DHT whose authors are not connected. */
export async function find(session: Session, _args: unknown, signal: AbortSignal): Promise<unknown> {
  const exchange = networkOf(session);
  const found: Record<string, number> = {};
  for (const author of carried(session)) {
    if (author === session.identity.author) continue;
    found[nameOf(session, author)] = await exchange.findFeed(author, signal);
  }
  return found;
}
