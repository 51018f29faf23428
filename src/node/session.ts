/**
 * An opened home: identity, records, policy, and (where a node runs) the network. One process holds it at a time;
 * others speak to that process over the control socket (connect.ts).
 */
import type { Exchange } from '../exchange/p2p/types.ts';
import type { AuthorId } from '../exchange/record/types.ts';
import { openStore, type OwnStore } from '../exchange/store/index.ts';
import { UnavailableError } from '../errors.ts';
import { loadConfig, type Config } from './config.ts';
import { openHome, type Home } from './home.ts';
import { loadIdentity, type Identity } from './identity-files.ts';
import { openPolicyFile, type PolicyFile } from './policy-file.ts';

export interface Session {
  readonly home: Home;
  readonly config: Config;
  readonly identity: Identity;
  readonly store: OwnStore;
  readonly policy: PolicyFile;
  /** Set where this process is the node. */
  readonly exchange: Exchange | undefined;
  now(): Date;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly now?: () => Date;
  /** Starts the network; given the session without it. */
  readonly network?: (session: Session) => Promise<Exchange>;
}

/** Rejects with `identity/missing`, `store/locked` (another process holds this home) or `policy/invalid`. */
export async function openSession(home: Home, options: SessionOptions = {}): Promise<Session> {
  await openHome(home);
  const config = await loadConfig(home);
  const identity = await loadIdentity(home);
  const policy = await openPolicyFile(home.policyFile);
  const store = await openStore(home.storeDir, { network: config.network });
  const offline: Session = {
    home,
    config,
    identity,
    store,
    policy,
    exchange: undefined,
    now: options.now ?? (() => new Date()),
    close: () => store.close(),
  };
  if (!options.network) return offline;
  try {
    const exchange = await options.network(offline);
    const close = async (): Promise<void> => {
      await exchange.stop();
      await store.close();
    };
    return { ...offline, exchange, close };
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** Whose feeds this home carries: its own, and those that policy follows. */
export function carries(session: Session, author: AuthorId): boolean {
  return carried(session).includes(author);
}

export function carried(session: Session): readonly AuthorId[] {
  const followed = Object.values(session.policy.last().peers).filter(({ follow }) => follow);
  return [session.identity.author, ...followed.map(({ id }) => id)];
}

/** The network of this session. Rejects with `node/not-running`. */
export function networkOf(session: Session): Exchange {
  if (session.exchange) return session.exchange;
  throw new UnavailableError('node/not-running', 'this needs the network, and no node runs for this home.', {
    hint: 'Start it in another terminal with: portalgun node start',
  });
}

/** What people call an author: their own pet name, `me`, or the beginning of the id. */
export function nameOf(session: Session, author: AuthorId): string {
  if (author === session.identity.author) return 'me';
  const known = Object.entries(session.policy.last().peers).find(([, peer]) => peer.id === author);
  return known?.[0] ?? `${author.slice(0, 'ed25519:'.length + 12)}…`;
}
