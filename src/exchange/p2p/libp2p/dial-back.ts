/**
 * AutoNAT (libp2p specs/autonat): a node asks those it meets to dial it back at a public address of its own, and is reached
 * there where one of them could.
 *
 * libp2p's service makes no connection where it has one, and it was asked on one: it says yes of what it has dialled itself,
 * whoever else could, and no of everything else, and closes the connection that it was asked on. Nor does it dial hosts that
 * it is reached through, which are the relays that it has places at: those would never hear that they are reached. Here
 * each dial back is a dial, and as it costs one, there is a limit on them.
 */
import { autoNAT } from '@libp2p/autonat';
import type { Multiaddr } from '@multiformats/multiaddr';
import { UnavailableError } from '../../../errors.ts';
import { DIAL_BACK_STREAMS, DIAL_BACKS, RATE_LIMIT_MAX_PEERS } from '../limits.ts';
import { createRateLimiter } from '../rate-limit.ts';
import { hostIn, isRelayed } from './relay.ts';

type Components = Parameters<ReturnType<typeof autoNAT>>[0];
type OpenConnection = Components['connectionManager']['openConnection'];

/** The service, for `createLibp2p`. */
export function dialBackService(now: () => number): (components: Components) => unknown {
  const make = autoNAT({ maxInboundStreams: DIAL_BACK_STREAMS, maxOutboundStreams: DIAL_BACK_STREAMS });
  return (components) => {
    const { addressManager, connectionManager } = components;
    const openConnection = realDials(async (to, options) => connectionManager.openConnection(to, options), now);
    const getAddresses: Components['addressManager']['getAddresses'] = () =>
      addressManager.getAddresses().filter((address) => !isRelayed(address.toString()));
    return make(
      but(components, {
        addressManager: but(addressManager, { getAddresses }),
        connectionManager: but(connectionManager, { openConnection }),
      }),
    );
  };
}

/** Rejects with `exchange/too-many-dial-backs`. */
export function realDials(open: OpenConnection, now: () => number): OpenConnection {
  const mayDial = createDialBackLimit(now);
  return async (to, options) => {
    // One address is dialled back; several are those of a node to ask, with which one connection is enough.
    if (Array.isArray(to) || !('getComponents' in to)) return open(to, options);
    if (mayDial(to)) return open(to, { ...options, force: true });
    throw new UnavailableError('exchange/too-many-dial-backs', 'too many dials back were asked for');
  };
}

/** AutoNAT dials no other host than the one that it is asked from: so that is what is counted, and all together. */
export function createDialBackLimit(now: () => number): (address: Multiaddr) => boolean {
  const byHost = createRateLimiter(DIAL_BACKS.ofHost, now, RATE_LIMIT_MAX_PEERS);
  const byAll = createRateLimiter(DIAL_BACKS.ofAll, now, 1);
  return (address) => byHost(hostIn(address) ?? '').allowed && byAll('').allowed;
}

/** The same object, but for these. */
function but<T extends object>(original: T, changed: Partial<T>): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.create gives `any`
  return Object.create(original, Object.getOwnPropertyDescriptors(changed)) as T;
}
