/**
 * An opened home: identity, records, policy, and (where a node runs) the network. One process holds it at a time;
 * others speak to that process over the control socket (connect.ts).
 */
import type { Exchange } from '../exchange/p2p/types.ts';
import type { AuthorId, KeyId } from '../exchange/record/types.ts';
import { currentKey } from '../exchange/record/index.ts';
import { openStore, type OwnStore, type Signer } from '../exchange/store/index.ts';
import { UnavailableError } from '../errors.ts';
import { loadConfig, type Config } from './config.ts';
import { openHome, type Home } from './home.ts';
import { loadIdentity, type HeldKey, type Identity } from './identity-files.ts';
import { peersOf } from './policy-peers.ts';
import { openPolicyFile, type PolicyFile } from './policy-file.ts';
import { PUBLIC_SCOPE } from '../exchange/record/feed-link.ts';

export interface Session {
  readonly home: Home;
  readonly config: Config;
  readonly identity: Identity;
  readonly store: OwnStore;
  readonly policy: PolicyFile;
  /** Set where this process is the node. */
  readonly exchange: Exchange | undefined;
  now(): Date;
  /**
   * The identity as it is on the disk now, and the network, where this process is the node, under the key that signs now.
   * Rejects where the network does not start: then there is none, and the next call tries again.
   */
  renew(): Promise<void>;
  /** One at a time: what gives places in the own feed. */
  inTurn<T>(work: () => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

export interface SessionOptions {
  readonly now?: () => Date;
  /** Starts the network; given the session, and where it listened before, if it did. */
  readonly network?: (session: Session, before: readonly string[]) => Promise<Exchange>;
}

/** Rejects with `identity/missing`, `store/locked` (another process holds this home) or `policy/invalid`. */
export async function openSession(home: Home, options: SessionOptions = {}): Promise<Session> {
  await openHome(home);
  const config = await loadConfig(home);
  let current = await loadIdentity(home);
  const policy = await openPolicyFile(home.policyFile);
  const store = await openStore(home.storeDir, {
    network: config.network,
    pinsOf: (author) => peersOf(policy.last()).pins.get(author) ?? [],
  });
  let exchange: Exchange | undefined;
  let speaksWith: KeyId | undefined;
  let turn: Promise<unknown> = Promise.resolve();
  let renewing: Promise<void> = Promise.resolve();
  let before: readonly string[] = [];
  let isClosed = false;
  const { network, now = () => new Date() } = options;
  const session: Session = {
    home,
    config,
    get identity() {
      return current;
    },
    store,
    policy,
    get exchange() {
      return exchange;
    },
    now,
    renew() {
      const renewed = renewing.then(renew);
      renewing = renewed.catch(() => undefined); // its caller hears of it
      return renewed;
    },
    inTurn(work) {
      const result = turn.then(work);
      turn = result.catch(() => undefined); // its caller hears of it
      return result;
    },
    async close() {
      isClosed = true;
      await renewing;
      await exchange?.stop();
      // Who still writes, or waited for an answer of the network, comes to an end first.
      await turn;
      await store.close();
    },
  };
  const renew = async (): Promise<void> => {
    current = await loadIdentity(home);
    if (network === undefined || isClosed) return;
    if (exchange !== undefined) {
      if (signingKey(session).id === speaksWith) return;
      before = exchange.addresses();
      const stopping = exchange.stop();
      exchange = undefined;
      await stopping;
    }
    speaksWith = signingKey(session).id;
    exchange = await network(session, before);
  };
  try {
    await renew();
    return session;
  } catch (error) {
    await store.close();
    throw error;
  }
}

/** The key that signs this home's feed now; the newest that it holds, where that is none of them. */
export function signingKey({ identity, store }: Pick<Session, 'identity' | 'store'>): HeldKey {
  const signs = currentKey(store.keysOf(identity.author, PUBLIC_SCOPE));
  const key = identity.keys.find(({ id }) => id === signs) ?? identity.keys.at(-1);
  if (key === undefined) throw new TypeError('an identity has a key');
  return key;
}

/** Who signs the next record of this home's feed. Asks for the passphrase where the key is locked. */
export async function signerOf(session: Pick<Session, 'identity' | 'store'>): Promise<Signer> {
  const { author, recoveryPublicKey } = session.identity;
  return { author, recoveryPublicKey, seed: await signingKey(session).unlock() };
}

/** Whose feeds this home carries: its own, and those that policy follows. */
export function carries(session: Session, author: AuthorId): boolean {
  return author === session.identity.author || peersOf(session.policy.last()).followed.has(author);
}

export function carried(session: Session): readonly AuthorId[] {
  return [session.identity.author, ...peersOf(session.policy.last()).followed];
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
