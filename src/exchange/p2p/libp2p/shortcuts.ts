/**
 * Out of relays: a friend who is put through by one is dialled where they say that they are reached, and the circuit is
 * closed. libp2p's DCUtR does that for the side that was dialled alone, once, and only where the other side knew already
 * by then that it is reached. Strangers are left to it: what a friend says is dialled, what anybody says is not.
 */
import type { Identify } from '@libp2p/identify';
import type { Connection, Libp2p, PeerId } from '@libp2p/interface';
import type { Multiaddr } from '@multiformats/multiaddr';
import { asError } from '../../../errors.ts';
import { DIAL_TIMEOUT_MS, SHORTCUT_ASK_AGAIN_MS, SHORTCUT_MAX_ADDRESSES, SHORTCUT_OPENS_MS } from '../limits.ts';
import type { OnTrouble } from '../protocol.ts';
import { withPeerId } from './reach.ts';
import { isCircuit, isPublic } from './relay.ts';

export interface Shortcuts {
  /** A peer has said where it is reached. */
  met(peer: PeerId): void;
  /** Asks friends whom a relay puts through where they are reached now. */
  tryAgain(): void;
}

export interface ShortcutsOptions {
  readonly node: Libp2p<{ readonly identify: Identify }>;
  readonly isFriend: (peer: string) => boolean;
  /** Whether an address is worth a dial; by itself, those that mean one host in the whole Internet. */
  readonly mayBeDialled?: (address: Multiaddr) => boolean;
  readonly askAgainMs?: number;
  readonly onTrouble: OnTrouble;
  readonly stopping: AbortSignal;
}

export function createShortcuts(options: ShortcutsOptions): Shortcuts {
  const { node, isFriend, mayBeDialled = isPublic, askAgainMs = SHORTCUT_ASK_AGAIN_MS, onTrouble, stopping } = options;
  const leaving = new Set<string>();
  /** What was dialled in vain while a circuit was open: not again, unless they say something else. */
  const inVain = new WeakMap<Connection, string>();
  const bounded = (): { readonly signal: AbortSignal } => ({
    signal: AbortSignal.any([stopping, AbortSignal.timeout(DIAL_TIMEOUT_MS)]),
  });

  const leaveRelay = async (peer: PeerId): Promise<void> => {
    const connections = node.getConnections(peer);
    const circuits = connections.filter(isCircuit);
    const [first] = circuits;
    if (first === undefined) return;
    if (circuits.length === connections.length) {
      const { addresses } = await node.peerStore.get(peer);
      const direct = addresses
        .map(({ multiaddr }) => multiaddr)
        .filter(mayBeDialled)
        .slice(0, SHORTCUT_MAX_ADDRESSES);
      if (direct.length === 0 || inVain.get(first) === direct.join()) return;
      inVain.set(first, direct.join());
      const named = direct.map((address) => withPeerId(address, peer.toString()));
      await node.dial(named, { force: true, ...bounded() });
    }
    for (const circuit of circuits) await circuit.close(bounded());
  };
  const meetAgain = async (connection: Connection): Promise<void> => {
    await node.services.identify.identify(connection, bounded());
  };
  const ask = (circuit: Connection): void => {
    const key = circuit.remotePeer.toString();
    if (stopping.aborted || circuit.status !== 'open' || !isFriend(key)) return;
    meetAgain(circuit).catch((error: unknown) => onTrouble('meeting through a relay', key, asError(error)));
  };

  node.addEventListener('connection:open', ({ detail: opened }) => {
    if (isCircuit(opened)) setTimeout(() => ask(opened), askAgainMs).unref();
  });
  // What ran on a circuit, gossip above all, is begun anew on what is left when the peer is met there.
  node.addEventListener('connection:close', ({ detail: closed }) => {
    // Another circuit is no better: it may be going too, with the relay.
    const left = node.getConnections(closed.remotePeer).find((one) => one.status === 'open' && !isCircuit(one));
    if (!isCircuit(closed) || left === undefined || stopping.aborted) return;
    meetAgain(left).catch(() => undefined); // they have gone too, or are just being met: that does it
  });
  return {
    met(peer) {
      const key = peer.toString();
      if (stopping.aborted || leaving.has(key) || !isFriend(key)) return;
      leaving.add(key);
      leaveRelay(peer)
        .catch((error: unknown) => onTrouble('leaving a relay', key, asError(error)))
        .finally(() => leaving.delete(key));
    },
    tryAgain() {
      for (const connection of node.getConnections()) if (isCircuit(connection)) ask(connection);
    },
  };
}

/**
 * Does what was begun on a circuit once more, where it went wrong as the circuit was closed for a direct connection. That is
 * open a moment earlier on the side that has dialled it than on the other, and streams end before their connection does.
 */
export async function acrossShortcut<T>(
  node: Libp2p,
  peer: PeerId,
  work: () => Promise<T>,
  stopping: AbortSignal,
): Promise<T> {
  const begunDirect = isDirect(node, peer);
  try {
    return await work();
  } catch (error) {
    if (begunDirect || !(await becomesDirect(node, peer, stopping))) throw error;
    return work();
  }
}

function isDirect(node: Libp2p, peer: PeerId): boolean {
  return node.getConnections(peer).some((one) => one.status === 'open' && !isCircuit(one));
}

async function becomesDirect(node: Libp2p, peer: PeerId, stopping: AbortSignal): Promise<boolean> {
  const ended = Promise.withResolvers<void>();
  const onOpen = (): void => {
    if (stopping.aborted || isDirect(node, peer)) ended.resolve();
  };
  const timer = setTimeout(ended.resolve, SHORTCUT_OPENS_MS);
  node.addEventListener('connection:open', onOpen);
  stopping.addEventListener('abort', onOpen);
  try {
    onOpen();
    await ended.promise;
    return !stopping.aborted && isDirect(node, peer);
  } finally {
    clearTimeout(timer);
    node.removeEventListener('connection:open', onOpen);
    stopping.removeEventListener('abort', onOpen);
  }
}
