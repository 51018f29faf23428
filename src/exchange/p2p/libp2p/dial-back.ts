/**
 * AutoNAT (libp2p specs/autonat): a node asks those it meets to dial it back at a public address of its own, and is reached
 * there where one of them could.
 *
 * libp2p's service makes no connection where it has one, and it was asked on one: it says yes of what it has dialled itself,
 * whoever else could, and no of everything else, and closes the connection that it was asked on. Nor does it dial hosts that
 * it is reached through, which are the relays that it has places at: those would never hear that they are reached. Here
 * each dial back is a dial.
 */
import { autoNAT } from '@libp2p/autonat';
import { DIAL_BACK_STREAMS } from '../limits.ts';
import { isRelayed } from './relay.ts';

type Components = Parameters<ReturnType<typeof autoNAT>>[0];

/** The service, for `createLibp2p`. */
export function dialBackService(): (components: Components) => unknown {
  const make = autoNAT({ maxInboundStreams: DIAL_BACK_STREAMS, maxOutboundStreams: DIAL_BACK_STREAMS });
  return (components) => {
    const { addressManager, connectionManager } = components;
    const openConnection: Components['connectionManager']['openConnection'] = (to, options) =>
      // One address is dialled back; several are those of a node to ask, with which one connection is enough.
      connectionManager.openConnection(to, Array.isArray(to) ? options : { ...options, force: true });
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

/** The same object, but for these. */
function but<T extends object>(original: T, changed: Partial<T>): T {
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- Object.create gives `any`
  return Object.create(original, Object.getOwnPropertyDescriptors(changed)) as T;
}
